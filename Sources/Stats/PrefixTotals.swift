/// The counts of `stats detail dump` per key prefix, summed over servers.
///
///     PREFIX user get 5 hit 3 set 2 del 0
///
/// Prefixes are bytes, as keys are, listed in the order in which they first occurred.
struct PrefixTotals: Sendable {
  private static let words: [[UInt8]] = ["get", "hit", "set", "del"].map { Array($0.utf8) }

  private var order: [(prefix: [UInt8], counts: [UInt64])] = []
  private var place: [[UInt8]: Int] = [:]

  /// Adds one line. True if its prefix is new, false if it is known, nil if it is not such a line.
  mutating func add(_ line: [UInt8]) -> Bool? {
    let parts = line.split(separator: 32, omittingEmptySubsequences: false)
    // A prefix may be empty (keys that begin with the delimiter); its two spaces are then adjacent.
    guard parts.count == 10, Array(parts[0]) == Array("PREFIX".utf8) else { return nil }
    var counts: [UInt64] = []
    for (i, word) in Self.words.enumerated() {
      guard Array(parts[2 + 2 * i]) == word,
        let count = saturatingDecimal(String(decoding: parts[3 + 2 * i], as: UTF8.self))
      else { return nil }
      counts.append(count)
    }
    let prefix = Array(parts[1])
    guard let i = place[prefix] else {
      place[prefix] = order.count
      order.append((prefix, counts))
      return true
    }
    for (j, count) in counts.enumerated() {
      let (sum, overflow) = order[i].counts[j].addingReportingOverflow(count)
      order[i].counts[j] = overflow ? .max : sum
    }
    return false
  }

  func render(into output: inout [UInt8]) {
    for (prefix, counts) in order {
      output += "PREFIX ".utf8
      output += prefix
      for (word, count) in zip(Self.words, counts) {
        output += [32] + word + [32]
        output += String(count).utf8
      }
      output += [13, 10]
    }
  }
}
