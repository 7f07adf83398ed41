import Glibc

/// The result of a read.
@safe @usableFromInline @frozen
package enum ReceiveResult: BitwiseCopyable, Equatable, Sendable {
  /// The number of bytes read, at least one.
  case bytes(Int)
  case wouldBlock
  /// The peer will send no more.
  case closed
  /// The errno.
  case failed(Int32)
}

/// The result of a write.
@safe @usableFromInline @frozen
package enum SendResult: BitwiseCopyable, Equatable, Sendable {
  /// The number of bytes accepted, perhaps fewer than offered.
  case sent(Int)
  case wouldBlock
  /// The errno; no signal is raised.
  case failed(Int32)
}

extension Socket {
  /// One recv(2). An empty target reads nothing: `.bytes(0)`.
  package static func receive(_ descriptor: Int32, into target: UnsafeMutableRawBufferPointer)
    -> ReceiveResult
  {
    if unsafe target.isEmpty { return .bytes(0) }
    // SAFETY: the caller's buffer is as large as its count.
    let n = uninterrupted { unsafe recv(descriptor, target.baseAddress, target.count, 0) }
    if n > 0 { return .bytes(n) }
    if n == 0 { return .closed }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }

  /// One send(2).
  package static func send(_ descriptor: Int32, _ bytes: RawSpan) -> SendResult {
    // SAFETY: the span is valid during the closure.
    let n = unsafe bytes.withUnsafeBytes { bytes in
      uninterrupted { unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, noSignal) }
    }
    return sendResult(n)
  }

  @inline(__always) private static var noSignal: Int32 { Int32(MSG_NOSIGNAL) }

  @inline(__always) private static func sendResult(_ n: Int) -> SendResult {
    if n >= 0 { return .sent(n) }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }
}
