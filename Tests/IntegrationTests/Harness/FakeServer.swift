import Bytes
import Glibc
import Net
import Synchronization

/// A scripted memcached server that gives right or wrong replies.
///
/// By default it answers the handshake correctly, with a version. Each connection has a thread.
final class FakeServer: Sendable {
  /// Returns the bytes that answer a line; a reply with `closes` closes the connection after them.
  typealias Script = @Sendable (_ line: String) -> Reply

  struct Reply: Sendable {
    var bytes: [UInt8]
    var closes = false
    /// Bytes sent a little later, without a request.
    var afterthought: [UInt8] = []

    init(_ text: String, closes: Bool = false, afterthought: String = "") {
      bytes = Array(text.utf8)
      self.closes = closes
      self.afterthought = Array(afterthought.utf8)
    }
  }

  let port: UInt16
  private let state: State

  init(_ script: @escaping Script) throws {
    port = try Ports.free()
    guard let address = Address(ip: "127.0.0.1", port: port) else {
      throw Missing(description: "no address")
    }
    state = State(try Listener(address), script)
    Crew().run { [state] in state.accept() }
  }

  deinit { state.isOver.store(true, ordering: .relaxed) }

  var address: String { "127.0.0.1:\(port)" }

  func behave(_ script: @escaping Script) { state.script.withLock { $0 = script } }

  /// The state shared by the threads; they end soon after the server object is destroyed.
  private final class State: Sendable {
    let listener: Listener
    let script: Mutex<Script>
    let isOver = Atomic<Bool>(false)

    init(_ listener: consuming Listener, _ script: @escaping Script) {
      self.listener = listener
      self.script = Mutex(script)
    }

    func accept() {
      while !isOver.load(ordering: .relaxed) {
        if case .accepted(let descriptor, _) = listener.accept() {
          Crew().run { [self] in
            serve(descriptor)
            Socket.close(descriptor)
          }
        } else {
          usleep(1000)
        }
      }
    }

    private func serve(_ descriptor: Int32) {
      var scratch = Scratch(capacity: 65_536)
      var line: [UInt8] = []
      while !isOver.load(ordering: .relaxed) {
        switch scratch.receive(descriptor) {
        case .bytes(let count):
          for i in 0..<count {
            line.append(scratch.bytes.byte(at: i))
            guard line.last == 10 else { continue }
            guard answer(String(decoding: line.dropLast(2), as: UTF8.self), descriptor) else { return }
            line.removeAll()
          }
        case .wouldBlock: usleep(500)
        case .closed, .failed: return
        }
      }
    }

    private func answer(_ line: String, _ descriptor: Int32) -> Bool {
      let reply = script.withLock { $0 }(line)
      guard say(reply.bytes, descriptor), !reply.closes else { return false }
      if reply.afterthought.isEmpty { return true }
      usleep(30_000)
      return say(reply.afterthought, descriptor)
    }

    private func say(_ bytes: [UInt8], _ descriptor: Int32) -> Bool {
      var sent = 0
      while sent < bytes.count {
        // SAFETY: a byte has no padding that could be uninitialised.
        switch Socket.send(descriptor, unsafe bytes.span.bytes.extracting(droppingFirst: sent)) {
        case .sent(let n): sent += n
        case .wouldBlock: usleep(500)
        case .failed: return false
        }
      }
      return true
    }
  }
}
