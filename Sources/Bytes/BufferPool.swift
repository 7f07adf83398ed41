/// Free blocks of memory for buffers, in sizes 2, 4, … 64 KiB; larger ones go to malloc and back.
///
/// Last in, first out, so that the block taken next is one that is still in the cache. A block costs
/// a handful of instructions to take or give. `trim()` returns what stood idle to the system.
/// One pool serves one worker and is never shared.
@safe @usableFromInline
package struct BufferPool: ~Copyable {
  @usableFromInline static let smallest = 2048
  @usableFromInline static let classes = 6

  /// Heads of the lists; each free block's first word points to the next.
  @usableFromInline var heads: InlineArray<6, UnsafeMutableRawPointer?>
  /// Blocks in each list, and the fewest there were since the last trim.
  @usableFromInline var idle: InlineArray<6, Int>
  @usableFromInline var fewest: InlineArray<6, Int>

  /// Bytes of memory handed out and not yet given back.
  @usableFromInline package var inUse = 0

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

  /// Bytes that wait in the lists.
  package var idleBytes: Int {
    var total = 0
    for size in 0..<Self.classes { total += idle[size] * (Self.smallest << size) }
    return total
  }

  @usableFromInline static func sizeClass(holding n: Int) -> Int {
    n <= smallest ? 0 : Int.bitWidth &- (n &- 1).leadingZeroBitCount &- 11
  }

  /// A block of at least `n` bytes and its true size; the content is undefined.
  @unsafe @usableFromInline
  mutating func take(atLeast n: Int) -> (UnsafeMutableRawPointer, size: Int) {
    let size = Self.sizeClass(holding: n)
    guard size < Self.classes else {
      let bytes = (n &+ 0xffff) & ~0xffff
      inUse &+= bytes
      return (UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16), bytes)
    }
    let bytes = Self.smallest << size
    inUse &+= bytes
    guard let block = unsafe heads[size] else {
      return (UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16), bytes)
    }
    // SAFETY: a listed block's first word is the next block's address.
    unsafe heads[size] = block.load(as: UnsafeMutableRawPointer?.self)
    idle[size] &-= 1
    if idle[size] < fewest[size] { fewest[size] = idle[size] }
    return unsafe (block, bytes)
  }

  /// Takes a block back. `size` is what `take` said.
  @unsafe @usableFromInline
  mutating func give(_ block: UnsafeMutableRawPointer, size bytes: Int) {
    inUse &-= bytes
    let size = Self.sizeClass(holding: bytes)
    guard size < Self.classes else {
      unsafe block.deallocate()
      return
    }
    // SAFETY: the block is ours again, at least 2 KiB and aligned for a pointer.
    unsafe block.storeBytes(of: heads[size], as: UnsafeMutableRawPointer?.self)
    unsafe heads[size] = block
    idle[size] &+= 1
  }

  /// Frees half of the blocks that nobody needed since the last call. Called once a second, it
  /// gives a burst's memory back within a minute and leaves steady traffic its blocks.
  package mutating func trim() {
    for size in 0..<Self.classes {
      var surplus = (fewest[size] + 1) / 2
      while surplus > 0, let block = unsafe heads[size] {
        // SAFETY: as in take.
        unsafe heads[size] = block.load(as: UnsafeMutableRawPointer?.self)
        unsafe block.deallocate()
        idle[size] -= 1
        surplus -= 1
      }
      fewest[size] = idle[size]
    }
  }
}
