import Bytes

/// The keys that were requested most, and those that caused the most bytes, of a sample of the requests.
@usableFromInline
package struct HotKeys: ~Copyable {
  /// One request in this number is looked at, on average.
  package static let interval = 512
  /// The time after which what was counted counts half.
  package static let halfLife = Duration.seconds(300)

  private var byRequests = SpaceSaving()
  private var byBytes = SpaceSaving()
  private var random: UInt64
  /// Requests until the next one that is looked at.
  @usableFromInline package var left: Int
  private var halvedAt = Instant.origin

  package init(seed: UInt64) {
    random = seed | 1
    left = Self.interval
  }

  /// Counts requests; returns whether one of them is to be looked at. If so, `left` is not positive: the more negative, the
  /// earlier it was among them.
  @inlinable @inline(__always) package mutating func pass(_ count: Int) -> Bool {
    left &-= count
    return left <= 0
  }

  /// Adds a key of a request that is looked at: `bytes` is what request and reply took.
  package mutating func add(_ text: RawSpan, from start: Int, count: Int, bytes: Int, now: Instant) {
    guard let key = KeyWords(text, from: start, count: count) else { return }
    byRequests.add(key, weight: 1, now: now)
    byBytes.add(key, weight: UInt64(max(0, bytes)), now: now)
  }

  /// Whether the next request is to be looked at.
  @inlinable package var isDue: Bool { left <= 0 }

  /// Chooses the next request: at random, so that no client's rhythm is followed.
  package mutating func chooseNext() {
    random ^= random &<< 13
    random ^= random &>> 7
    random ^= random &<< 17
    left = Self.interval / 2 + Int(truncatingIfNeeded: random % UInt64(Self.interval + 1))
  }

  /// Forgets by half what is older than a half-life.
  package mutating func age(now: Instant) {
    if halvedAt == .origin { halvedAt = now }
    guard now.since(halvedAt) >= Self.halfLife else { return }
    halvedAt = now
    byRequests.halve()
    byBytes.halve()
  }

  /// What it has found.
  package func report(_ most: Int = 64) -> HotKeyReport {
    HotKeyReport(
      byRequests: byRequests.heaviest(most), requests: byRequests.total, byBytes: byBytes.heaviest(most),
      bytes: byBytes.total)
  }
}

/// One worker's hot keys; several are merged by adding what each has of a key.
package struct HotKeyReport: Sendable {
  package var byRequests: [HeavyKey] = []
  /// The weight of all keys that were looked at.
  package var requests: UInt64 = 0
  package var byBytes: [HeavyKey] = []
  package var bytes: UInt64 = 0

  package init() {}

  init(byRequests: [HeavyKey], requests: UInt64, byBytes: [HeavyKey], bytes: UInt64) {
    self.byRequests = byRequests
    self.requests = requests
    self.byBytes = byBytes
    self.bytes = bytes
  }

  package static func += (a: inout HotKeyReport, b: HotKeyReport) {
    a.byRequests = merged(a.byRequests, b.byRequests)
    a.requests &+= b.requests
    a.byBytes = merged(a.byBytes, b.byBytes)
    a.bytes &+= b.bytes
  }

  private static func merged(_ a: [HeavyKey], _ b: [HeavyKey]) -> [HeavyKey] {
    var keys: [[UInt8]: HeavyKey] = [:]
    for one in a + b {
      guard var known = keys[one.key] else {
        keys[one.key] = one
        continue
      }
      known.count &+= one.count
      known.error &+= one.error
      known.since = min(known.since, one.since)
      keys[one.key] = known
    }
    return keys.values.sorted { ($0.count, $1.key.count) > ($1.count, $0.key.count) }
  }
}

extension HotKeyReport {
  /// How many keys of each kind `stats hotkeys` lists.
  private static let listed = 20

  /// The answer to `stats hotkeys`, `END` included: the keys of the most requests, then those of the most bytes. Counts are
  /// scaled up from the sample.
  package func answer(now: Instant) -> [UInt8] {
    var text = ""
    for (kind, keys, total) in [("requests", byRequests, requests), ("bytes", byBytes, bytes)] {
      for (i, key) in keys.prefix(Self.listed).enumerated() {
        let share = total > 0 ? Double(key.count) / Double(total) : 0
        let rows = [
          ("key", key.text), (kind, "\(key.count &* UInt64(HotKeys.interval))"),
          ("error", "\(key.error &* UInt64(HotKeys.interval))"),
          ("share", "\(Int((share * 1000).rounded()) / 10).\(Int((share * 1000).rounded()) % 10)%"),
          ("age", "\(Int(now.since(key.since) / .seconds(1)))"),
        ]
        for (name, value) in rows { text += "STAT \(kind):\(i + 1):\(name) \(value)\r\n" }
      }
    }
    return Array((text + "END\r\n").utf8)
  }
}
