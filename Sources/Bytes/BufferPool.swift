/// One worker's free blocks of buffer memory: 2, 4, … 64 KiB and, for large values, 128 KiB, 256 KiB, … 16 MiB, each
/// of these plus one page. Larger blocks are allocated and freed with malloc.
///
/// Last in, first out, so that the next block taken is likely still in the cache. Taking or giving a block costs a
/// few instructions. The pool keeps a free block only while all blocks, in use and free, together stay within `bound`
/// bytes, and `trim()` returns unused free blocks to the system. A pool is never shared between workers.
@safe @usableFromInline
package struct BufferPool: ~Copyable {
  @usableFromInline static let smallest = 2048
  @usableFromInline static let classes = 14
  /// From this class on a block is one page longer, for the line before a value and the bytes after it, less malloc's
  /// header, so that the whole allocation fills whole pages.
  @usableFromInline static let long = 6
  @usableFromInline package static let margin = 4096 - 64

  /// Heads of the free lists; the first word of each free block points to the next.
  @usableFromInline var heads: InlineArray<14, UnsafeMutableRawPointer?>
  /// The number of blocks in each free list, and its minimum since the last trim.
  @usableFromInline var idle: InlineArray<14, Int>
  @usableFromInline var fewest: InlineArray<14, Int>

  /// Bytes in blocks that were taken and not yet given back.
  @usableFromInline package var inUse = 0
  /// Bytes in the free lists.
  @usableFromInline package var idleBytes = 0
  /// A block is freed instead of listed if `inUse` and `idleBytes` together would exceed this number of bytes.
  package var bound = 64 << 20

  @inlinable package init() {
    unsafe heads = InlineArray(repeating: nil)
    idle = InlineArray(repeating: 0)
    fewest = InlineArray(repeating: 0)
  }

  deinit {
    for size in 0..<Self.classes {
      var block = unsafe heads[size]
      while let b = unsafe block {
        // SAFETY: every block in a list holds the next one's address in its first word.
        unsafe block = b.load(as: UnsafeMutableRawPointer?.self)
        unsafe b.deallocate()
      }
    }
  }

  @usableFromInline static func bytes(of size: Int) -> Int {
    (smallest << size) &+ (size < long ? 0 : margin)
  }

  @usableFromInline static func sizeClass(holding n: Int) -> Int {
    if n <= smallest { return 0 }
    let wanted = n <= smallest << (long - 1) ? n : max(smallest << (long - 1), n &- margin)
    let size = Int.bitWidth &- (wanted &- 1).leadingZeroBitCount &- 11
    return n > smallest << (long - 1) ? max(long, size) : size
  }

  /// A block of at least `n` bytes, and its actual size. Its content is undefined.
  @unsafe @usableFromInline
  mutating func take(atLeast n: Int) -> (UnsafeMutableRawPointer, size: Int) {
    let size = Self.sizeClass(holding: n)
    guard size < Self.classes else { return unsafe takeNew((n &+ 0xffff) & ~0xffff) }
    let bytes = Self.bytes(of: size)
    guard let block = unsafe heads[size] else { return unsafe takeNew(bytes) }
    inUse &+= bytes
    idleBytes &-= bytes
    // SAFETY: a free block's first word is the next block's address.
    unsafe heads[size] = block.load(as: UnsafeMutableRawPointer?.self)
    idle[size] &-= 1
    if idle[size] < fewest[size] { fewest[size] = idle[size] }
    return unsafe (block, bytes)
  }

  /// Allocates a new block. If the total would exceed `bound`, frees listed blocks of other sizes first.
  @unsafe @inline(never)
  private mutating func takeNew(_ bytes: Int) -> (UnsafeMutableRawPointer, size: Int) {
    inUse &+= bytes
    if idleBytes > 0 && inUse &+ idleBytes > bound { dropIdle() }
    return (UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16), bytes)
  }

  /// Takes a block back. `size` is the size that `take` returned.
  @unsafe @usableFromInline
  mutating func give(_ block: UnsafeMutableRawPointer, size bytes: Int) {
    inUse &-= bytes
    let size = Self.sizeClass(holding: bytes)
    guard size < Self.classes, inUse &+ idleBytes &+ bytes <= bound else {
      unsafe block.deallocate()
      return
    }
    // SAFETY: the pool owns the block again; it is at least 2 KiB and aligned for a pointer.
    unsafe block.storeBytes(of: heads[size], as: UnsafeMutableRawPointer?.self)
    unsafe heads[size] = block
    idle[size] &+= 1
    idleBytes &+= bytes
  }

  /// Frees half of the blocks that were not needed since the last call. Called once a second, it releases a burst's
  /// memory within a minute and keeps the blocks that steady traffic uses.
  package mutating func trim() {
    for size in 0..<Self.classes {
      drop((fewest[size] + 1) / 2, of: size)
      fewest[size] = idle[size]
    }
  }

  /// Frees listed blocks, the largest first, until the total is within `bound`.
  private mutating func dropIdle() {
    for size in (0..<Self.classes).reversed() {
      let excess = inUse &+ idleBytes &- bound
      guard excess > 0 else { return }
      drop(min(idle[size], excess / Self.bytes(of: size) + 1), of: size)
      fewest[size] = min(fewest[size], idle[size])
    }
  }

  private mutating func drop(_ count: Int, of size: Int) {
    var count = count
    while count > 0, let block = unsafe heads[size] {
      // SAFETY: as in take.
      unsafe heads[size] = block.load(as: UnsafeMutableRawPointer?.self)
      unsafe block.deallocate()
      idle[size] -= 1
      idleBytes -= Self.bytes(of: size)
      count -= 1
    }
  }
}
