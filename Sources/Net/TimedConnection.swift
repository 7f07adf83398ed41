import Bytes
import Glibc

/// A connection for a thread that waits: each call blocks until it is done, or fails with `ETIMEDOUT` at its deadline.
/// Closed when it is dropped.
@safe
package struct TimedConnection: ~Copyable {
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { Socket.close(descriptor) }

  /// Connects to the first address that accepts; each may take as long as `patience`.
  package static func open(_ addresses: [Address], patience: Duration) throws(SystemError) -> TimedConnection
  {
    var failure = SystemError(errno: EADDRNOTAVAIL, operation: "connect")
    for address in addresses {
      switch Socket.connect(to: address) {
      case .connected(let descriptor): return TimedConnection(descriptor)
      case .failed(let reason): failure = SystemError(errno: reason, operation: "connect \(address)")
      case .inProgress(let descriptor):
        let isReady = Socket.wait(
          for: descriptor, toWrite: true, until: Clock.now().advanced(by: patience))
        let reason = isReady ? Socket.connectError(descriptor) : ETIMEDOUT
        if reason == 0 { return TimedConnection(descriptor) }
        Socket.close(descriptor)
        failure = SystemError(errno: reason, operation: "connect \(address)")
      }
    }
    throw failure
  }

  /// The other end's address.
  package var peer: Address? { Address.remote(of: descriptor) }

  /// Sends all bytes.
  package func send(_ bytes: [UInt8], until deadline: Instant) throws(SystemError) {
    var sent = 0
    while sent < bytes.count {
      switch Socket.send(descriptor, bytes.span.raw.extracting(droppingFirst: sent)) {
      case .sent(let count): sent += count
      case .wouldBlock: try wait(toWrite: true, until: deadline, "send")
      case .failed(let reason): throw SystemError(errno: reason, operation: "send")
      }
    }
  }

  /// Receives what has arrived, as many bytes as `chunk` has at most; nothing at the end of the stream.
  package func receive(
    into chunk: inout [UInt8], until deadline: Instant
  ) throws(SystemError) -> ArraySlice<UInt8> {
    while true {
      // SAFETY: the array's own bytes and count.
      let result = unsafe chunk.withUnsafeMutableBytes { unsafe Socket.receive(descriptor, into: $0) }
      switch result {
      case .bytes(let count): return chunk.prefix(count)
      case .closed: return []
      case .wouldBlock: try wait(toWrite: false, until: deadline, "receive")
      case .failed(let reason): throw SystemError(errno: reason, operation: "receive")
      }
    }
  }

  private func wait(toWrite: Bool, until deadline: Instant, _ operation: String) throws(SystemError) {
    guard Socket.wait(for: descriptor, toWrite: toWrite, until: deadline) else {
      throw SystemError(errno: ETIMEDOUT, operation: operation)
    }
  }
}
