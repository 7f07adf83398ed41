import Bytes

/// A key to be counted, in words of eight bytes, with its hash.
struct KeyWords: BitwiseCopyable {
  /// The longest key of memcached, in words.
  static let most = 32

  var words: InlineArray<32, UInt64> = InlineArray(repeating: 0)
  let length: Int
  let hash: UInt64

  /// `count` bytes of `bytes` from `start`; nil if that is no key.
  init?(_ bytes: RawSpan, from start: Int, count: Int) {
    guard count > 0, count <= 250, start >= 0, start <= bytes.byteCount &- count else { return nil }
    length = count
    var hash: UInt64 = 0x9e37_79b9_7f4a_7c15
    for i in 0..<(count + 7) / 8 {
      let at = start &+ 8 &* i
      var word: UInt64 = 0
      if 8 &* i &+ 8 <= count {
        word = bytes.word(at: at)
      } else {
        for n in 0..<count &- 8 &* i { word |= UInt64(bytes.byte(at: at &+ n)) &<< UInt64(8 &* n) }
      }
      words[i] = word
      hash = (hash ^ word) &* 0xff51_afd7_ed55_8ccd
      hash ^= hash &>> 32
    }
    self.hash = hash
  }
}

/// The heaviest keys of a stream in fixed memory: the Space-Saving sketch of Metwally, Agrawal and El Abbadi (2005).
///
///     key    user:1   cart:9   …        512 of them, each with its count and the most that this may be too high
///     count  9021     388
///     error  0        12
///
/// A key that is not among them takes the place of the lightest and inherits its count as its error. So a key's true weight
/// is at most its count and at least its count less its error; the error is at most the total weight divided by 512; and
/// every key that is heavier than that is among them. 155 KB; adding is O(log 512).
@usableFromInline
package struct SpaceSaving: ~Copyable {
  package static let capacity = 512
  private static let none = UInt16.max
  /// Twice as many places as keys, so that a search is short.
  private static let places = 1024

  @usableFromInline struct Entry: BitwiseCopyable {
    var hash: UInt64 = 0
    var count: UInt64 = 0
    var error: UInt64 = 0
    var since = Instant.origin
    var length: UInt16 = 0
    /// Its place in `heap`.
    var place: UInt16 = 0
  }

  private var entries = FixedArray(Array(repeating: Entry(), count: capacity))
  private var keys = FixedArray([UInt64](repeating: 0, count: capacity * KeyWords.most))
  /// Entries in the order of a binary heap, the lightest at the front.
  private var heap = FixedArray([UInt16](repeating: 0, count: capacity))
  /// Entries by their hash: open addressing, one place after the other.
  private var table = FixedArray([UInt16](repeating: none, count: places))
  private var used = 0
  /// The weight of all keys that were added.
  package private(set) var total: UInt64 = 0

  package init() {}

  mutating func add(_ key: KeyWords, weight: UInt64, now: Instant) {
    total &+= weight
    if let i = find(key) {
      entries[i].count &+= weight
      return sink(Int(entries[i].place))
    }
    let i: Int
    if used < Self.capacity {
      i = used
      used += 1
      entries[i].count = weight
      entries[i].place = UInt16(truncatingIfNeeded: i)
      heap[i] = UInt16(truncatingIfNeeded: i)
    } else {
      i = Int(heap[0])
      forget(i)
      entries[i].error = entries[i].count
      entries[i].count &+= weight
    }
    entries[i].hash = key.hash
    entries[i].since = now
    entries[i].length = UInt16(truncatingIfNeeded: key.length)
    for n in 0..<(key.length + 7) / 8 { keys[i &* KeyWords.most &+ n] = key.words[n] }
    insert(i)
    rise(Int(entries[i].place))
    sink(Int(entries[i].place))
  }

  /// Halves everything, so that what was heavy long ago is forgotten. O(512).
  package mutating func halve() {
    total /= 2
    for i in 0..<used {
      entries[i].count /= 2
      entries[i].error /= 2
    }
  }

  /// The heaviest keys, at most `most` of them, the heaviest first.
  package func heaviest(_ most: Int) -> [HeavyKey] {
    let order = (0..<used).sorted { entries[$0].count > entries[$1].count }
    return order.prefix(most).filter { entries[$0].count > 0 }.map { i in
      let entry = entries[i]
      let key = (0..<Int(entry.length)).map { n in
        UInt8(truncatingIfNeeded: keys[i * KeyWords.most + n / 8] &>> UInt64(8 * (n % 8)))
      }
      return HeavyKey(key: key, count: entry.count, error: entry.error, since: entry.since)
    }
  }

  // MARK: - The table

  private func find(_ key: KeyWords) -> Int? {
    var place = Int(truncatingIfNeeded: key.hash) & (Self.places - 1)
    while table[place] != Self.none {
      let i = Int(table[place])
      if entries[i].hash == key.hash, Int(entries[i].length) == key.length, holds(i, key) { return i }
      place = (place + 1) & (Self.places - 1)
    }
    return nil
  }

  private func holds(_ i: Int, _ key: KeyWords) -> Bool {
    for n in 0..<(key.length + 7) / 8 where keys[i &* KeyWords.most &+ n] != key.words[n] { return false }
    return true
  }

  private mutating func insert(_ i: Int) {
    var place = Int(truncatingIfNeeded: entries[i].hash) & (Self.places - 1)
    while table[place] != Self.none { place = (place + 1) & (Self.places - 1) }
    table[place] = UInt16(truncatingIfNeeded: i)
  }

  /// Removes an entry from the table, and moves those behind it that its place had pushed away.
  private mutating func forget(_ i: Int) {
    var place = Int(truncatingIfNeeded: entries[i].hash) & (Self.places - 1)
    while table[place] != UInt16(truncatingIfNeeded: i) { place = (place + 1) & (Self.places - 1) }
    var next = (place + 1) & (Self.places - 1)
    while table[next] != Self.none {
      let home = Int(truncatingIfNeeded: entries[Int(table[next])].hash) & (Self.places - 1)
      if (next &- home) & (Self.places - 1) >= (next &- place) & (Self.places - 1) {
        table[place] = table[next]
        place = next
      }
      next = (next + 1) & (Self.places - 1)
    }
    table[place] = Self.none
  }

  // MARK: - The heap

  private mutating func swap(_ a: Int, _ b: Int) {
    let (x, y) = (heap[a], heap[b])
    (heap[a], heap[b]) = (y, x)
    entries[Int(x)].place = UInt16(truncatingIfNeeded: b)
    entries[Int(y)].place = UInt16(truncatingIfNeeded: a)
  }

  private func weight(at place: Int) -> UInt64 { entries[Int(heap[place])].count }

  private mutating func sink(_ start: Int) {
    var place = start
    while true {
      var lightest = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < used && weight(at: child) < weight(at: lightest) {
        lightest = child
      }
      guard lightest != place else { return }
      swap(place, lightest)
      place = lightest
    }
  }

  private mutating func rise(_ start: Int) {
    var place = start
    while place > 0, weight(at: place) < weight(at: (place - 1) / 2) {
      swap(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }
}

/// A key of a `SpaceSaving` sketch. Its true weight is between `count - error` and `count`.
package struct HeavyKey: Sendable, Equatable {
  package var key: [UInt8]
  package var count: UInt64
  package var error: UInt64
  /// Since when it has been in the sketch.
  package var since: Instant

  /// The key in printable ASCII; other bytes as \\xNN.
  package var text: String { AnsweredRequest.printable(key) }
}
