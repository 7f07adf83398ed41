import Glibc

/// A thread's receive buffer, shared by all its sockets.
///
/// Copy what is not handled before the next `receive`. In return an idle connection needs no buffer.
@safe @usableFromInline
package struct Scratch: ~Copyable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline package let capacity: Int
  /// The number of bytes of the last `receive`.
  @usableFromInline package private(set) var count = 0

  /// 256 KiB: with half of it, large values cost up to a quarter more; twice as much gains nothing.
  package init(capacity: Int = 256 * 1024) {
    precondition(capacity > 0)
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 4096)
  }

  deinit {
    // SAFETY: our own allocation; spans of it borrow self.
    unsafe base.deallocate()
  }

  /// Reads once, at most `most` bytes. Overwrites the previous bytes; `bytes` is empty unless the result is `.bytes`.
  package mutating func receive(_ descriptor: Int32, atMost most: Int = .max) -> ReceiveResult {
    // SAFETY: the block is `capacity` bytes, and exclusive access to self is exclusive access to it.
    let result = unsafe Socket.receive(
      descriptor, into: UnsafeMutableRawBufferPointer(start: base, count: min(capacity, max(1, most))))
    if case .bytes(let n) = result { count = n } else { count = 0 }
    return result
  }

  /// The bytes of the last `receive`.
  @inlinable package var bytes: RawSpan {
    @_lifetime(borrow self) @inline(__always) get {
      // SAFETY: the first `count` bytes were written by receive; the span borrows self.
      let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
