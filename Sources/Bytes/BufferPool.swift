/// Free blocks of memory for buffers, in sizes 2, 4, … 64 KiB and, for long values, 128 KiB, 256 KiB, … 16 MiB and a
/// page; larger ones go to malloc and back.
///
/// Last in, first out, so that the block taken next is one that is still in the cache. A block costs
/// a handful of instructions to take or give. What is handed out and what stands idle are together at most
/// `bound` bytes more than what is asked for requires, and `trim()` returns what stood idle to the system.
/// One pool serves one worker and is never shared.
@safe @usableFromInline
package struct BufferPool: ~Copyable {
  @usableFromInline static let smallest = 2048
  @usableFromInline static let classes = 14
  /// From this class on a block is a page longer, for the line before a value and what stands behind it, less
  /// what malloc writes before a block, so that all of it fills whole pages.
  @usableFromInline static let long = 6
  @usableFromInline package static let margin = 4096 - 64

  /// Heads of the lists; each free block's first word points to the next.
  @usableFromInline var heads: InlineArray<14, UnsafeMutableRawPointer?>
  /// Blocks in each list, and the fewest there were since the last trim.
  @usableFromInline var idle: InlineArray<14, Int>
  @usableFromInline var fewest: InlineArray<14, Int>

  /// Bytes of memory handed out and not yet given back.
  @usableFromInline package var inUse = 0
  /// Bytes that wait in the lists.
  @usableFromInline package var idleBytes = 0
  /// Nothing waits in the lists that would make it more than this together.
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

  /// A block of at least `n` bytes and its true size; the content is undefined.
  @unsafe @usableFromInline
  mutating func take(atLeast n: Int) -> (UnsafeMutableRawPointer, size: Int) {
    let size = Self.sizeClass(holding: n)
    guard size < Self.classes else { return unsafe takeNew((n &+ 0xffff) & ~0xffff) }
    let bytes = Self.bytes(of: size)
    guard let block = unsafe heads[size] else { return unsafe takeNew(bytes) }
    inUse &+= bytes
    idleBytes &-= bytes
    // SAFETY: a listed block's first word is the next block's address.
    unsafe heads[size] = block.load(as: UnsafeMutableRawPointer?.self)
    idle[size] &-= 1
    if idle[size] < fewest[size] { fewest[size] = idle[size] }
    return unsafe (block, bytes)
  }

  /// From the system; blocks of other sizes that stand idle make room for it.
  @unsafe @inline(never)
  private mutating func takeNew(_ bytes: Int) -> (UnsafeMutableRawPointer, size: Int) {
    inUse &+= bytes
    if idleBytes > 0 && inUse &+ idleBytes > bound { dropIdle() }
    return (UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16), bytes)
  }

  /// Takes a block back. `size` is what `take` said.
  @unsafe @usableFromInline
  mutating func give(_ block: UnsafeMutableRawPointer, size bytes: Int) {
    inUse &-= bytes
    let size = Self.sizeClass(holding: bytes)
    guard size < Self.classes, inUse &+ idleBytes &+ bytes <= bound else {
      unsafe block.deallocate()
      return
    }
    // SAFETY: the block is ours again, at least 2 KiB and aligned for a pointer.
    unsafe block.storeBytes(of: heads[size], as: UnsafeMutableRawPointer?.self)
    unsafe heads[size] = block
    idle[size] &+= 1
    idleBytes &+= bytes
  }

  /// Frees half of the blocks that nobody needed since the last call. Called once a second, it
  /// gives a burst's memory back within a minute and leaves steady traffic its blocks.
  package mutating func trim() {
    for size in 0..<Self.classes {
      drop((fewest[size] + 1) / 2, of: size)
      fewest[size] = idle[size]
    }
  }

  /// Until it is within the bound, the longest first.
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
