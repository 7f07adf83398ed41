import Net
import Synchronization

/// Free loopback ports below the kernel's range for outgoing connections, so that a killed server finds its port
/// still free when it is restarted.
enum Ports {
  private static let given = Mutex<Set<UInt16>>([])

  static func free() throws -> UInt16 {
    for _ in 0..<1000 {
      let port = UInt16.random(in: 20_000..<32_000)
      guard given.withLock({ $0.insert(port).inserted }), let address = Address(ip: "127.0.0.1", port: port)
      else { continue }
      if (try? Listener(address)) != nil { return port }
    }
    throw Missing(description: "no free port on loopback")
  }
}
