import Glibc

/// What a read brought.
@safe @usableFromInline @frozen
package enum ReceiveResult: BitwiseCopyable, Equatable, Sendable {
  /// So many bytes, at least one.
  case bytes(Int)
  case wouldBlock
  /// The other side will send no more.
  case closed
  /// With errno.
  case failed(Int32)
}

/// What became of a write.
@safe @usableFromInline @frozen
package enum SendResult: BitwiseCopyable, Equatable, Sendable {
  /// So many bytes were taken, perhaps fewer than were offered.
  case sent(Int)
  case wouldBlock
  /// With errno; no signal is raised.
  case failed(Int32)
}

extension Socket {
  /// One recv(2). A target without room takes nothing: `.bytes(0)`.
  package static func receive(_ descriptor: Int32, into target: UnsafeMutableRawBufferPointer)
    -> ReceiveResult
  {
    if unsafe target.isEmpty { return .bytes(0) }
    // SAFETY: the caller's buffer is as large as it says.
    let n = uninterrupted { unsafe recv(descriptor, target.baseAddress, target.count, 0) }
    if n > 0 { return .bytes(n) }
    if n == 0 { return .closed }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }

  /// One send(2).
  package static func send(_ descriptor: Int32, _ bytes: RawSpan) -> SendResult {
    // SAFETY: the span is good for the length of the closure.
    let n = unsafe bytes.withUnsafeBytes { bytes in
      uninterrupted { unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, noSignal) }
    }
    return sendResult(n)
  }

  /// One call for two runs of bytes, the first before the second.
  package static func send2(_ descriptor: Int32, _ first: RawSpan, _ second: RawSpan) -> SendResult {
    // SAFETY: both spans are good for the length of the closures, and so are the locals.
    let n = unsafe first.withUnsafeBytes { first in
      unsafe second.withUnsafeBytes { second in
        var parts: (iovec, iovec) = unsafe (
          iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
          iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
        )
        return unsafe withUnsafeMutableBytes(of: &parts) { parts in
          var message = unsafe msghdr()
          unsafe message.msg_iov = parts.assumingMemoryBound(to: iovec.self).baseAddress
          unsafe message.msg_iovlen = 2
          return uninterrupted { unsafe sendmsg(descriptor, &message, noSignal) }
        }
      }
    }
    return sendResult(n)
  }

  @inline(__always) private static var noSignal: Int32 { Int32(MSG_NOSIGNAL) }

  @inline(__always) private static func sendResult(_ n: Int) -> SendResult {
    if n >= 0 { return .sent(n) }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }
}
