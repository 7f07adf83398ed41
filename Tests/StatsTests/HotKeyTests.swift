import Bytes
import Foundation
import TestSupport
import Testing

@testable import Stats

/// The sketch of the heaviest keys: what it promises, on streams whose true counts are known.
@Suite struct HotKeyTests {
  private static func add(_ key: String, _ weight: UInt64 = 1, to sketch: inout SpaceSaving) {
    let bytes = Array(key.utf8)
    if let words = KeyWords(bytes.span.raw, from: 0, count: bytes.count) {
      sketch.add(words, weight: weight, now: .origin)
    }
  }

  /// Keys 0, 1, 2, … whose shares fall as 1 / (n + 1)^exponent.
  private struct Zipf {
    private let sums: [Double]

    init(keys: Int, exponent: Double) {
      var sum = 0.0
      sums = (1...keys).map { n in
        sum += 1 / pow(Double(n), exponent)
        return sum
      }
    }

    func next(_ chance: inout Seeded) -> Int {
      let at = Double.random(in: 0..<(sums.last ?? 1), using: &chance)
      var (low, high) = (0, sums.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] <= at { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// A million keys: what is looked at of 100 million requests.
  @Test(arguments: [0.9, 1.1])
  func theHeaviestKeysAreFoundWithTheirErrors(_ exponent: Double) {
    let zipf = Zipf(keys: 1_000_000, exponent: exponent)
    var chance = Seeded(17)
    var sketch = SpaceSaving()
    var truth: [Int: UInt64] = [:]
    let samples = 200_000
    for _ in 0..<samples {
      let key = zipf.next(&chance)
      truth[key, default: 0] += 1
      Self.add("key:\(key)", to: &sketch)
    }
    let found = sketch.heaviest(64)
    let names = found.map { String(decoding: $0.key, as: UTF8.self) }
    let heaviest = truth.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(10)
    // The tenth and the eleventh may have the same count in the sample.
    let least = heaviest.last?.value ?? 0
    for (key, count) in heaviest { #expect(names.prefix(12).contains("key:\(key)"), "\(count) of \(least)") }
    #expect(sketch.total == UInt64(samples))
    for key in found {
      let number = Int(String(decoding: key.key, as: UTF8.self).dropFirst(4)) ?? -1
      let known = truth[number] ?? 0
      #expect(key.count >= known && key.count - key.error <= known)
      #expect(key.error <= UInt64(samples / SpaceSaving.capacity))
    }
  }

  /// Against a plain dictionary, with every weight and length.
  @Test func itCountsExactlyWhileItHasRoom() {
    var sketch = SpaceSaving()
    var truth: [String: UInt64] = [:]
    var chance = Seeded(3)
    for _ in 0..<20_000 {
      let n = Int.random(in: 0..<SpaceSaving.capacity, using: &chance)
      let key = String(repeating: "k", count: n % 200) + "\(n)"
      let weight = UInt64.random(in: 0..<1000, using: &chance)
      truth[key, default: 0] += weight
      Self.add(key, weight, to: &sketch)
    }
    let found = Dictionary(
      uniqueKeysWithValues: sketch.heaviest(1000).map { (String(decoding: $0.key, as: UTF8.self), $0.count) })
    #expect(found == truth.filter { $0.value > 0 })
    #expect(sketch.heaviest(1000).allSatisfy { $0.error == 0 })
  }

  @Test func whatWasHeavyLongAgoIsForgotten() {
    var keys = HotKeys(seed: 1)
    let (old, new) = (Array("old".utf8), Array("new".utf8))
    for _ in 0..<1000 { keys.add(old.span.raw, from: 0, count: 3, bytes: 10, now: .origin) }
    var now = Instant(nanoseconds: 1)
    for _ in 0..<12 {
      keys.age(now: now)
      now = now.advanced(by: HotKeys.halfLife)
    }
    for _ in 0..<10 { keys.add(new.span.raw, from: 0, count: 3, bytes: 10, now: now) }
    let report = keys.report()
    #expect(report.byRequests.first.map { String(decoding: $0.key, as: UTF8.self) } == "new")
    #expect(report.requests < 20)
  }

  @Test func whatIsNoKeyIsLeftOut() {
    var keys = HotKeys(seed: 1)
    let text = [UInt8](repeating: 107, count: 300)
    for (from, count) in [(0, 0), (0, 251), (-1, 3), (299, 2), (0, 301)] {
      keys.add(text.span.raw, from: from, count: count, bytes: 1, now: .origin)
    }
    #expect(keys.report().requests == 0)
    keys.add(text.span.raw, from: 50, count: 250, bytes: 1, now: .origin)
    #expect(keys.report().byRequests.first?.key.count == 250)
  }

  @Test func workersAreMerged() {
    var one = HotKeys(seed: 1)
    var other = HotKeys(seed: 2)
    let (a, b) = (Array("a".utf8), Array("b".utf8))
    for _ in 0..<3 { one.add(a.span.raw, from: 0, count: 1, bytes: 1, now: .origin) }
    for _ in 0..<2 { other.add(a.span.raw, from: 0, count: 1, bytes: 1, now: .origin) }
    for _ in 0..<4 { other.add(b.span.raw, from: 0, count: 1, bytes: 9, now: .origin) }
    var merged = one.report()
    merged += other.report()
    #expect(merged.byRequests.map(\.count) == [5, 4] && merged.requests == 9)
    #expect(merged.byBytes.first?.key == b && merged.bytes == 41)
  }

  @Test func statsHotkeysListsBothKinds() {
    var keys = HotKeys(seed: 1)
    let text = Array("a\u{1}b".utf8)
    for _ in 0..<3 { keys.add(text.span.raw, from: 0, count: 3, bytes: 10, now: .origin) }
    keys.add(text.span.raw, from: 0, count: 1, bytes: 90, now: .origin)
    let now = Instant.origin.advanced(by: .seconds(7))
    let rows = String(decoding: keys.report().answer(now: now), as: UTF8.self).split(separator: "\r\n")
    #expect(
      rows.prefix(5) == [
        "STAT requests:1:key a\\x01b", "STAT requests:1:requests 1536", "STAT requests:1:error 0",
        "STAT requests:1:share 75.0%", "STAT requests:1:age 7",
      ])
    #expect(rows.contains("STAT bytes:1:key a") && rows.last == "END" && rows.count == 21)
  }
}
