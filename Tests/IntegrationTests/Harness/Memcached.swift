import Glibc
import Net

/// A real memcached on a loopback port, which it keeps across restarts.
final class Memcached {
  let ip: String
  let port: UInt16
  private let options: [String]
  private var child: Child

  init(_ options: [String] = [], ip: String = "127.0.0.1", port: UInt16? = nil) throws {
    self.ip = ip
    self.port = try port ?? Ports.free()
    self.options = options
    child = try Self.start(ip, self.port, options)
  }

  var address: String { "\(ip):\(port)" }

  func client() throws -> TextClient { try TextClient(ip: ip, port: port) }

  /// Kills it, as in a crash.
  func kill() { child.kill() }

  /// Hangs it: the kernel still accepts connections and bytes for it, but nothing is answered.
  func stop() {
    child.signal(SIGSTOP)
    // kill(2) returns before the signal takes effect; a thread may still answer once.
    _ = eventually(within: .seconds(2)) { child.isStopped }
  }

  func resume() { child.signal(SIGCONT) }

  /// Starts it again, empty.
  func restart() throws {
    child.kill()
    child = try Self.start(ip, port, options)
  }

  private static func start(_ ip: String, _ port: UInt16, _ options: [String]) throws -> Child {
    var words = ["memcached", "-l", ip, "-p", String(port), "-U", "0", "-m", "64", "-t", "1"]
    if getuid() == 0 { words += ["-u", "root"] }
    let child = try Child(words + options)
    let isUp = eventually(within: .seconds(5)) {
      (try? TextClient(ip: ip, port: port).ask("version"))?.hasPrefix("VERSION ") ?? false
    }
    guard isUp else { throw Missing(description: "memcached does not start on \(ip):\(port)") }
    return child
  }
}
