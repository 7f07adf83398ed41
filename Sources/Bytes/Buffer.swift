/// A byte buffer with one owner: bytes are appended at the back and consumed at the front.
///
///     ┌────────────┬──────────────────┬───────────────┐
///     │  consumed  │     readable     │   free        │
///     └────────────┴──────────────────┴───────────────┘
///     0          start               end        capacity
///
/// An empty buffer may have no memory at all: `release(to:)` gives its block back, and the next append takes one.
/// Appending is amortised O(bytes); consuming is O(1). Blocks come from a `BufferPool`, so an idle connection costs
/// no buffer memory.
@safe @usableFromInline
package struct Buffer: ~Copyable {
  /// The block; meaningless while `capacity` is zero.
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity = 0
  @usableFromInline var start = 0
  @usableFromInline var end = 0

  @inlinable package init() { unsafe base = Self.nowhere }

  /// The value of `base` while there is no block. Only empty ranges are ever read there.
  @inlinable static var nowhere: UnsafeMutableRawPointer {
    // SAFETY: sixteen is not zero.
    @inline(__always) get { unsafe UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped }
  }

  deinit {
    // SAFETY: a buffer with room has a block from malloc that nothing else owns.
    if capacity > 0 { unsafe base.deallocate() }
  }

  /// The number of readable bytes.
  @inlinable package var count: Int { @inline(__always) get { end &- start } }
  @inlinable package var isEmpty: Bool { @inline(__always) get { start == end } }

  /// The size of the block, in bytes.
  @inlinable package var footprint: Int { capacity }

  /// The bytes appended and not yet consumed.
  @inlinable package var readable: RawSpan {
    @_lifetime(borrow self) @inline(__always) get {
      // SAFETY: start ..< end was written by append, or is empty; the span borrows self, so nothing moves it.
      let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(base) + start, byteCount: end &- start)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Drops `n` bytes from the front.
  @inlinable @inline(__always) package mutating func consume(_ n: Int) {
    precondition(n >= 0 && n <= end &- start)
    start &+= n
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Drops all bytes and keeps the memory.
  @inlinable package mutating func removeAll() {
    start = 0
    end = 0
  }

  /// Drops bytes from the back until `n` remain.
  @inlinable package mutating func truncate(to n: Int) {
    precondition(n >= 0 && n <= end &- start)
    end = start &+ n
  }

  /// Drops the last `n` bytes.
  @inlinable @inline(__always) package mutating func dropLast(_ n: Int) {
    precondition(n >= 0 && n <= end &- start)
    end &-= n
  }

  /// Removes `n` bytes from the `i`th on and moves those before them up. O(i).
  package mutating func remove(from i: Int, count n: Int) {
    precondition(i >= 0 && n >= 0 && n <= end &- start &- i)
    if i > 0 && n > 0 {
      // SAFETY: both ranges lie within start ..< end, as i + n <= end - start; memmove allows them to overlap.
      unsafe (base + start + n).copyMemory(from: base + start, byteCount: i)
    }
    consume(n)
  }

  /// Copies bytes `from ..< from + n` of `source` to the back.
  @inlinable @inline(__always)
  package mutating func append(_ source: RawSpan, from: Int, count n: Int, _ pool: inout BufferPool) {
    precondition(from >= 0 && n >= 0 && n <= source.byteCount &- from)
    if n > capacity &- end { makeRoom(n, &pool) }
    // SAFETY: the source range was checked above, the target's room by makeRoom; they are
    // different objects, because self is held exclusively.
    unsafe source.withUnsafeBytes { bytes in
      guard let p = bytes.baseAddress else { return }
      unsafe copyBytes(base + end, p + from, n)
    }
    end &+= n
  }

  /// Copies all of `source` to the back, followed by `END\r\n` if `addingEnd`. A buffer without memory takes a block
  /// of at least `bytes` bytes.
  @inlinable @inline(__always)
  package mutating func append(
    _ source: RawSpan, addingEnd: Bool = false, beginning bytes: UInt32 = 0, _ pool: inout BufferPool
  ) {
    let n = source.byteCount
    // One store writes the five bytes of `END\r\n` and three bytes of the free space behind them.
    let room = addingEnd ? n &+ 8 : n
    if room > capacity &- end { makeRoom(room, beginning: bytes, &pool) }
    // SAFETY: all of the source, and the room that was made; they are different objects, as above.
    unsafe source.withUnsafeBytes { bytes in
      if let p = bytes.baseAddress { unsafe copyBytes(base + end, p, n) }
      if addingEnd { unsafe base.storeBytes(of: 0x0a0d_444e45, toByteOffset: end &+ n, as: UInt64.self) }
    }
    end &+= addingEnd ? n &+ 5 : n
  }

  /// Copies bytes of another buffer's readable part to the back.
  @inlinable @inline(__always)
  package mutating func append(
    _ other: borrowing Buffer, from: Int, count n: Int, _ pool: inout BufferPool
  ) {
    append(other.readable, from: from, count: n, &pool)
  }

  @inlinable package mutating func append(_ text: StaticString, _ pool: inout BufferPool) {
    let n = text.utf8CodeUnitCount
    if n > capacity &- end { makeRoom(n, &pool) }
    // SAFETY: a StaticString's text is n bytes of the executable; room was made above.
    unsafe copyBytes(base + end, UnsafeRawPointer(text.utf8Start), n)
    end &+= n
  }

  @inlinable package mutating func append(byte: UInt8, _ pool: inout BufferPool) {
    if capacity == end { makeRoom(1, &pool) }
    // SAFETY: end < capacity.
    unsafe base.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
    end &+= 1
  }

  /// Appends a number in decimal.
  package mutating func append(decimal value: UInt64, _ pool: inout BufferPool) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var i = 20
    var rest = value
    repeat {
      i &-= 1
      digits[i] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
      rest /= 10
    } while rest > 0
    while i < 20 {
      append(byte: digits[i], &pool)
      i &+= 1
    }
  }

  /// Overwrites readable bytes from the `i`th on.
  package mutating func overwrite(at i: Int, _ text: StaticString) {
    let n = text.utf8CodeUnitCount
    precondition(i >= 0 && n <= end &- start &- i)
    // SAFETY: the range was checked; a StaticString's text is n bytes of the executable.
    unsafe (base + start + i).copyMemory(from: UnsafeRawPointer(text.utf8Start), byteCount: n)
  }

  /// Appends a string that the program itself made. One byte at a time: for cold paths.
  package mutating func append(text: String, _ pool: inout BufferPool) {
    for byte in text.utf8 { append(byte: byte, &pool) }
  }

  /// Makes room for `n` more bytes, so that appending them allocates nothing.
  @inlinable package mutating func reserve(_ n: Int, _ pool: inout BufferPool) {
    if n > capacity &- end { makeRoom(n, &pool) }
  }

  /// Makes room for `n` bytes at the back. If at least half the block has been consumed, slides the content to the
  /// front (so each byte moves at most once for each byte appended); otherwise takes a block of twice the content's
  /// size. The first block has room for at least `bytes` bytes.
  @inline(never) @usableFromInline
  mutating func makeRoom(_ n: Int, beginning bytes: UInt32 = 0, _ pool: inout BufferPool) {
    let live = end &- start
    if capacity > 0, start >= capacity / 2, live &+ n <= capacity {
      // SAFETY: both ranges lie inside the block; memmove allows them to overlap.
      unsafe base.copyMemory(from: base + start, byteCount: live)
      start = 0
      end = live
      return
    }
    let (needed, overflow) = live.addingReportingOverflow(n)
    precondition(!overflow)
    let wanted = capacity > 0 ? live &* 2 : Int(bytes)
    let (block, size) = unsafe pool.take(atLeast: max(needed, wanted))
    if capacity > 0 {
      // SAFETY: the new block holds at least `live` bytes and is a different allocation.
      unsafe block.copyMemory(from: base + start, byteCount: live)
      unsafe pool.give(base, size: capacity)
    }
    unsafe base = block
    capacity = size
    start = 0
    end = live
  }

  /// Drops all bytes and gives the memory back.
  @inlinable package mutating func release(to pool: inout BufferPool) {
    start = 0
    end = 0
    guard capacity > 0 else { return }
    // SAFETY: the block came from this kind of pool with this size, and is no longer referenced after this.
    unsafe pool.give(base, size: capacity)
    unsafe base = Self.nowhere
    capacity = 0
  }

  /// Lets `body` (a system call) write up to `n` bytes at the back, and keeps the number of bytes that it returns.
  package mutating func fill(
    upTo n: Int, _ pool: inout BufferPool, _ body: (UnsafeMutableRawBufferPointer) -> Int
  ) -> Int {
    if n > capacity &- end { makeRoom(n, &pool) }
    // SAFETY: end + n <= capacity after makeRoom.
    let written = unsafe body(UnsafeMutableRawBufferPointer(start: base + end, count: n))
    precondition(written >= 0 && written <= n)
    end &+= written
    return written
  }
}

/// Copies `n` bytes. Copies 8 to 32 bytes word by word, because a call of memcpy costs more than that.
@unsafe @inlinable @inline(__always)
func copyBytes(_ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ n: Int) {
  if n >= 8 && n <= 32 {
    // SAFETY: the caller promises n readable and n writable bytes; two words from each end cover
    // 8 ... 16 bytes, four cover up to 32, and overlapping stores write the same bytes.
    let last = unsafe source.loadUnaligned(fromByteOffset: n &- 8, as: UInt64.self)
    if n > 16 {
      let second = unsafe source.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      let third = unsafe source.loadUnaligned(fromByteOffset: n &- 16, as: UInt64.self)
      let first = unsafe source.loadUnaligned(as: UInt64.self)
      unsafe target.storeBytes(of: first, as: UInt64.self)
      unsafe target.storeBytes(of: second, toByteOffset: 8, as: UInt64.self)
      unsafe target.storeBytes(of: third, toByteOffset: n &- 16, as: UInt64.self)
    } else {
      let first = unsafe source.loadUnaligned(as: UInt64.self)
      unsafe target.storeBytes(of: first, as: UInt64.self)
    }
    unsafe target.storeBytes(of: last, toByteOffset: n &- 8, as: UInt64.self)
  } else {
    unsafe target.copyMemory(from: source, byteCount: n)
  }
}
