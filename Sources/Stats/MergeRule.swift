/// How the values that several servers give for one stat become one value.
///
///     3 servers say   curr_items 5 · 7 · 1       sum        13
///                     uptime     90 · 12 · 400   smallest   12
///                     version    1.6.9 · 1.6.18  lowest     1.6.9
///
/// A value that its rule cannot read (a word where a number belongs) turns the whole row into a list,
/// so that nothing a server said is hidden behind a wrong number.
package enum MergeRule: CaseIterable, Equatable, Sendable {
  /// Added up; stops at the largest 64-bit number.
  case sum
  /// Times written as `seconds.microseconds`, added up.
  case sumOfSeconds
  case smallest
  /// The smallest of those that are not 0, for stats in which 0 means "never happened"; 0 if all are.
  case smallestAboveZero
  case largest
  /// The lowest version, so that a client that checks for features is never misled.
  case lowestVersion
  /// The proxy's own process id: a client sees one process.
  case ownPID
  /// A claim that holds only if it holds for every server (`1 0`, `yes no`, `on off`).
  case all
  /// A claim that holds if it holds for some server.
  case any
  /// The value if all agree, else the different ones in a list: `a, b`.
  case same
  /// How many slab classes the merged answer lists.
  case classesListed
  /// Never merged: each server's row stays a row of its own.
  case each
}

/// One row of a merged answer: a name, its rule, and what the servers have said so far.
struct MergedRow {
  /// Different values kept for a list; further ones are shown as `...`.
  static let listed = 16

  let name: String
  let rule: MergeRule
  /// The slab class or size that the name begins with, if it does.
  let number: UInt64?

  private var total: UInt64 = 0
  private var chosen = ""
  private var hasFirst = false
  private var isReadable = true
  private var texts: [String] = []
  private var hasMore = false

  init(name: String, rule: MergeRule, number: UInt64?) {
    self.name = name
    self.rule = rule
    self.number = number
  }

  /// Takes one server's value.
  mutating func add(_ text: String) {
    if !texts.contains(text) {
      if texts.count < Self.listed { texts.append(text) } else { hasMore = true }
    }
    switch rule {
    case .sum: combine(saturatingDecimal(text), saturatingSum)
    case .sumOfSeconds: combine(microseconds(text), saturatingSum)
    case .smallest: combine(saturatingDecimal(text), min)
    case .largest: combine(saturatingDecimal(text), max)
    case .smallestAboveZero:
      combine(saturatingDecimal(text)) { a, b in a == 0 ? b : b == 0 ? a : min(a, b) }
    case .lowestVersion: chosen = hasFirst ? lowestVersion([chosen, text]) ?? chosen : text
    case .all: choose(text, decidedBy: false)
    case .any: choose(text, decidedBy: true)
    case .ownPID, .same, .classesListed, .each: break
    }
    hasFirst = true
  }

  /// The merged value. `ownPID` and `classes` are what the rules of those names show.
  func value(ownPID: Int32, classes: Int) -> String {
    switch rule {
    case .ownPID: return String(ownPID)
    case .classesListed: return String(classes)
    case .same, .each: return list
    case .sum, .smallest, .smallestAboveZero, .largest: return isReadable ? String(total) : list
    case .sumOfSeconds: return isReadable ? secondsText(total) : list
    case .lowestVersion, .all, .any: return isReadable ? chosen : list
    }
  }

  private var list: String {
    texts.joined(separator: ", ") + (hasMore ? ", ..." : "")
  }

  private mutating func combine(_ number: UInt64?, _ join: (UInt64, UInt64) -> UInt64) {
    guard let number else {
      isReadable = false
      return
    }
    total = hasFirst ? join(total, number) : number
  }

  /// Keeps the first claim that decides, else the first, in the server's own spelling.
  private mutating func choose(_ text: String, decidedBy decisive: Bool) {
    guard let claim = claim(text) else {
      isReadable = false
      return
    }
    guard hasFirst, !chosen.isEmpty else {
      chosen = text
      return
    }
    if claim == decisive, self.claim(chosen) != decisive { chosen = text }
  }

  private func claim(_ text: String) -> Bool? {
    switch text {
    case "1", "yes", "on", "true": true
    case "0", "no", "off", "false": false
    default: nil
    }
  }
}

private func saturatingSum(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? .max : sum
}

/// The number that these digits spell, at most the largest 64-bit one; nil if there is another
/// character or none.
func saturatingDecimal(_ text: some StringProtocol) -> UInt64? {
  guard !text.isEmpty else { return nil }
  var value: UInt64 = 0
  for byte in text.utf8 {
    guard byte >= 48, byte <= 57 else { return nil }
    let (tens, over) = value.multipliedReportingOverflow(by: 10)
    value = over ? .max : saturatingSum(tens, UInt64(byte - 48))
  }
  return value
}

/// Microseconds in `12.000345`; a fraction has up to six digits or is missing.
private func microseconds(_ text: String) -> UInt64? {
  let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
  guard let first = parts.first, let whole = saturatingDecimal(first) else { return nil }
  let (micros, over) = whole.multipliedReportingOverflow(by: 1_000_000)
  guard !over else { return .max }
  guard parts.count == 2 else { return micros }
  let digits = parts[1].utf8.count
  guard digits <= 6, var fraction = saturatingDecimal(parts[1]) else { return nil }
  for _ in digits..<6 { fraction *= 10 }
  return saturatingSum(micros, fraction)
}

private func secondsText(_ micros: UInt64) -> String {
  let fraction = String(micros % 1_000_000)
  return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
}
