import Bytes
import Glibc
import Net
import Synchronization

/// A relay between clients and one server, which can corrupt values on their way to a client.
final class Relay: Sendable {
  let port: UInt16
  private let state: State

  /// `rarity`: one byte in this number of values is changed; 0 changes none.
  init(to server: UInt16, corruptingOneIn rarity: Int = 0) throws {
    port = try Ports.free()
    guard let own = Address(ip: "127.0.0.1", port: port), let other = Address(ip: "127.0.0.1", port: server)
    else { throw Missing(description: "no address") }
    state = State(try Listener(own), other, rarity)
    Crew().run { [state] in state.accept() }
  }

  deinit { state.isOver.store(true, ordering: .relaxed) }

  /// The number of values that were passed on, and of bytes that were changed.
  var values: Int { state.values.load(ordering: .relaxed) }
  var corrupted: Int { state.corrupted.load(ordering: .relaxed) }

  private final class State: Sendable {
    let listener: Listener
    let server: Address
    let rarity: Int
    let isOver = Atomic<Bool>(false)
    let values = Atomic<Int>(0)
    let corrupted = Atomic<Int>(0)

    init(_ listener: consuming Listener, _ server: Address, _ rarity: Int) {
      self.listener = listener
      self.server = server
      self.rarity = rarity
    }

    func accept() {
      while !isOver.load(ordering: .relaxed) {
        guard case .accepted(let client, _) = listener.accept() else {
          usleep(1000)
          continue
        }
        Crew().run { [self] in relay(client) }
      }
    }

    private func relay(_ client: Int32) {
      defer { Socket.close(client) }
      let server: Int32
      switch Socket.connect(to: self.server) {
      case .connected(let descriptor), .inProgress(let descriptor): server = descriptor
      case .failed: return
      }
      defer { Socket.close(server) }
      var chunk = [UInt8](repeating: 0, count: 1 << 18)
      while !isOver.load(ordering: .relaxed) {
        var ready = [
          pollfd(fd: client, events: Int16(POLLIN), revents: 0),
          pollfd(fd: server, events: Int16(POLLIN), revents: 0),
        ]
        // SAFETY: the array has two entries.
        guard unsafe poll(&ready, 2, 100) >= 0 else { return }
        if ready[0].revents != 0, !pass(client, server, &chunk, isReply: false) { return }
        if ready[1].revents != 0, !pass(server, client, &chunk, isReply: true) { return }
      }
    }

    /// Passes on what has arrived; false at the end of the connection.
    private func pass(_ from: Int32, _ to: Int32, _ chunk: inout [UInt8], isReply: Bool) -> Bool {
      // SAFETY: the array outlives the call.
      let result = unsafe chunk.withUnsafeMutableBytes { unsafe Socket.receive(from, into: $0) }
      guard case .bytes(let count) = result else { return result == .wouldBlock }
      if isReply { corrupt(&chunk, count) }
      var sent = 0
      while sent < count {
        // SAFETY: a byte has no padding that could be uninitialised.
        let rest = unsafe chunk.span.bytes.extracting(sent..<count)
        switch Socket.send(to, rest) {
        case .sent(let n): sent += n
        case .wouldBlock:
          _ = Socket.wait(for: to, toWrite: true, until: Clock.now().advanced(by: .seconds(1)))
        case .failed: return false
        }
      }
      return true
    }

    /// Counts the values that begin in these bytes, and changes the hundredth byte behind the beginning of some.
    private func corrupt(_ chunk: inout [UInt8], _ count: Int) {
      var position = 0
      while let hit = chunk.span.raw.first(UInt8(ascii: "V"), from: position, to: count) {
        position = hit + 1
        guard chunk.span.raw.hasText("VALUE ringroad-bench:", at: hit) else { continue }
        let number = values.add(1, ordering: .relaxed).newValue
        // The next value has to do if this one's byte has not arrived.
        let wanted = rarity > 0 ? number / rarity : 0
        if wanted > corrupted.load(ordering: .relaxed), hit + 100 < count {
          chunk[hit + 100] ^= 1
          corrupted.add(1, ordering: .relaxed)
        }
      }
    }
  }
}
