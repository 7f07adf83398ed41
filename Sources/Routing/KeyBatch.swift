import Bytes

/// Up to 16 keys of one or more requests, for one lookup of all their servers.
///
/// For pools that place keys by MD5: MD5 of many keys at once takes a quarter of the time.
@usableFromInline @frozen
package struct KeyBatch: BitwiseCopyable {
  /// A key, and the server that owns it.
  @usableFromInline @frozen
  package struct Entry: BitwiseCopyable {
    /// The key's position in the bytes that `locate` gets.
    @usableFromInline package var from: Int32 = 0
    @usableFromInline package var length: Int32 = 0
    /// Its pool, or `RoutingTable.noPool`, and the position of its server in the pool; set by `locate`.
    @usableFromInline package var pool: Int32 = -1
    @usableFromInline package var server: Int32 = 0

    @inlinable init() {}
  }

  @usableFromInline package var entries = InlineArray<16, Entry>(repeating: Entry())
  /// The number of keys added.
  @usableFromInline package private(set) var count = 0

  /// The capacity in keys.
  @inlinable package static var most: Int { 16 }

  @inlinable package init() {}

  @inlinable package mutating func removeAll() { count = 0 }

  /// Adds a key, bytes `from ..< from + length`. A full batch ignores it.
  @inlinable @inline(__always)
  package mutating func add(from: Int, length: Int) {
    guard count < Self.most else { return }
    entries[count].from = Int32(truncatingIfNeeded: from)
    entries[count].length = Int32(truncatingIfNeeded: length)
    count &+= 1
  }
}

/// How the pools of some keys are found: by their prefixes, or all are in one.
@usableFromInline @frozen
package struct PoolChoice: BitwiseCopyable {
  /// The pool of all keys, if prefixes do not matter; below 0 they are in none.
  @usableFromInline package let fallback: Int
  @usableFromInline package let usesPrefixes: Bool

  @inlinable package init(fallback: Int, usesPrefixes: Bool) {
    self.fallback = fallback
    self.usesPrefixes = usesPrefixes
  }
}

extension RoutingTable {
  /// The number of keys from which hashing them in parallel is faster.
  private static var fewestTogether: Int { 4 }

  /// Finds each key's pool and current server. The keys are in `bytes`.
  package mutating func locate(_ batch: inout KeyBatch, in bytes: RawSpan, _ choice: PoolChoice) {
    if batch.count >= Self.fewestTogether { return locateTogether(&batch, in: bytes, choice) }
    for i in 0..<batch.count { locateAlone(&batch.entries[i], in: bytes, choice) }
  }

  @inline(never)
  private mutating func locateAlone(_ key: inout KeyBatch.Entry, in bytes: RawSpan, _ choice: PoolChoice) {
    let (from, count) = (Int(key.from), Int(key.length))
    let pool =
      choice.usesPrefixes ? pool(for: bytes, from: from, count: count) : choice.fallback
    key.pool = Int32(truncatingIfNeeded: pool)
    guard pool >= 0 else { return }
    key.server = Int32(truncatingIfNeeded: server(in: pool, owning: bytes, from: from, count: count))
  }

  /// The same: lays out the keys that need MD5 and hashes them at once; places all others immediately.
  @inline(never)
  private mutating func locateTogether(_ batch: inout KeyBatch, in bytes: RawSpan, _ choice: PoolChoice) {
    var lanes = MD5Lanes()
    var isLaid: UInt32 = 0
    for i in 0..<batch.count {
      var (from, count) = (Int(batch.entries[i].from), Int(batch.entries[i].length))
      let pool =
        choice.usesPrefixes ? pool(for: bytes, from: from, count: count) : choice.fallback
      if pool >= 0 {
        let p = Ref<Pool>(UInt32(truncatingIfNeeded: pool))
        if let tag = pools[p].tag { (from, count) = tag.hashed(in: bytes, from: from, count: count) }
        if pools[p].usesLanes, count <= MD5Lanes.longestKey {
          batch.entries[i].pool = Int32(truncatingIfNeeded: pool)
          lanes.lay(bytes, from: from, count: count, in: i)
          isLaid |= 1 &<< UInt32(truncatingIfNeeded: i)
          continue
        }
      }
      locateAlone(&batch.entries[i], in: bytes, choice)
    }
    guard isLaid != 0 else { return }
    let hashes = lanes.firstWords()
    for i in 0..<batch.count where isLaid &>> UInt32(truncatingIfNeeded: i) & 1 == 1 {
      let p = Ref<Pool>(UInt32(truncatingIfNeeded: batch.entries[i].pool))
      batch.entries[i].server = Int32(pools[p].live.server(owning: hashes[i]))
    }
  }
}
