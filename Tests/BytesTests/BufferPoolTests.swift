import Testing

@testable import Bytes

struct BufferPoolTests {
  @Test(arguments: [
    (1, 2048), (2048, 2048), (2049, 4096), (4096, 4096), (4097, 8192), (16_384, 16_384), (16_385, 32_768),
    (65_536, 65_536), (65_537, 135_104), (131_072, 135_104), (135_104, 135_104), (135_105, 266_176),
    ((1 << 20) + 300, (1 << 20) + 4032), (2 << 20, (2 << 20) + 4032), ((2 << 20) + 4033, (4 << 20) + 4032),
    ((16 << 20) + 4033, (16 << 20) + 65_536),
  ])
  func blockHasTheSmallestSizeThatFits(wanted: Int, size: Int) {
    var pool = BufferPool()
    var buffer = Buffer()
    buffer.reserve(wanted, &pool)
    #expect(buffer.footprint == size)
    #expect(pool.inUse == size)
    buffer.release(to: &pool)
    #expect(pool.inUse == 0)
    // Blocks larger than 16 MiB plus a page are freed at once.
    #expect(pool.idleBytes == (wanted <= (16 << 20) + 4032 ? size : 0))
  }

  @Test func freeBlocksAreReleasedToStayWithinTheBound() {
    var pool = BufferPool()
    pool.bound = 100 * 2048
    burst(100, &pool)
    #expect(pool.idleBytes == 100 * 2048)
    var other = Buffer()
    other.reserve(5000, &pool)
    #expect(pool.idleBytes == 95 * 2048 && pool.inUse == 8192)
    // Blocks above the bound are not kept.
    burst(100, &pool, beside: 8192)
    #expect(pool.idleBytes == 96 * 2048)
    other.release(to: &pool)
    #expect(pool.idleBytes == 96 * 2048 + 8192)
  }

  @Test func lastBlockGivenBackIsTakenNext() {
    var pool = BufferPool()
    unsafe takeTwice(&pool)
  }

  // SAFETY: the blocks are compared by address only, and given back once each.
  @unsafe private func takeTwice(_ pool: inout BufferPool) {
    let (first, size) = unsafe pool.take(atLeast: 3000)
    let (second, _) = unsafe pool.take(atLeast: 3000)
    #expect(size == 4096)
    #expect(unsafe first != second)
    #expect(pool.inUse == 8192)
    unsafe pool.give(first, size: 4096)
    unsafe pool.give(second, size: 4096)
    #expect(pool.idleBytes == 8192)
    let (third, _) = unsafe pool.take(atLeast: 4096)
    let (fourth, _) = unsafe pool.take(atLeast: 2100)
    #expect(unsafe third == second)
    #expect(unsafe fourth == first)
    #expect(pool.idleBytes == 0)
    unsafe pool.give(third, size: 4096)
    unsafe pool.give(fourth, size: 4096)
  }

  /// Takes `blocks` blocks at once and gives them all back.
  private func burst(_ blocks: Int, _ pool: inout BufferPool, beside rest: Int = 0) {
    var taken = Slab<Held>()
    for _ in 0..<blocks { taken[taken.take()].buffer.reserve(2048, &pool) }
    #expect(pool.inUse == blocks * 2048 + rest)
    for i in 0..<UInt32(blocks) { taken[Ref(i)].buffer.release(to: &pool) }
    #expect(pool.inUse == rest)
  }

  @Test func trimReleasesBlocksOfABurstWithinAMinute() {
    var pool = BufferPool()
    burst(1000, &pool)
    #expect(pool.idleBytes == 1000 * 2048)
    // The first trim only records the number of free blocks.
    pool.trim()
    #expect(pool.idleBytes == 1000 * 2048)
    pool.trim()
    #expect(pool.idleBytes == 500 * 2048)
    for _ in 0..<58 { pool.trim() }
    #expect(pool.idleBytes == 0)
    // The pool still works.
    burst(3, &pool)
    #expect(pool.idleBytes == 3 * 2048)
  }

  @Test func trimKeepsBlocksInSteadyUse() {
    var pool = BufferPool()
    burst(100, &pool)
    for _ in 0..<60 {
      burst(100, &pool)
      pool.trim()
    }
    #expect(pool.idleBytes == 100 * 2048)
  }

  @Test func trimmingAnEmptyBufferPoolDoesNothing() {
    var pool = BufferPool()
    for _ in 0..<3 { pool.trim() }
    #expect(pool.idleBytes == 0)
    #expect(pool.inUse == 0)
  }
}

/// A buffer in a slab.
struct Held: ~Copyable, Recyclable {
  var buffer = Buffer()
  mutating func reset() {}
}
