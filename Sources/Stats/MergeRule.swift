/// The rule by which one stat's values from several servers become one value.
///
///     3 servers say   curr_items 5 · 7 · 1       sum        13
///                     uptime     90 · 12 · 400   smallest   12
///                     version    1.6.9 · 1.6.18  lowest     1.6.9
///
/// If a rule cannot read a value (a word instead of a number), the whole row becomes a list, so that no server's
/// value is hidden behind a wrong number.
package enum MergeRule: CaseIterable, Equatable, Sendable {
  /// A gauge: the sum, at most the largest 64-bit number.
  case sum
  /// A counter: the same, and a server that does not answer counts with what it last reported: see `KnownCounters`.
  case count
  /// The same for a time written as `seconds.microseconds`.
  case countOfSeconds
  case smallest
  /// The smallest value other than 0, for stats in which 0 means "never happened"; 0 if all are 0.
  case smallestAboveZero
  case largest
  /// The lowest version, so that a client that checks it for features never assumes one that a server lacks.
  case lowestVersion
  /// The proxy's own process id, because a client sees one process.
  case ownPID
  /// A claim that is true only if it is true for every server (`1 0`, `yes no`, `on off`).
  case all
  /// A claim that is true if it is true for at least one server.
  case any
  /// The value if all servers agree, else a list of the different ones: `a,b`. A list has no blank: clients split a row
  /// at its blanks.
  case same
  /// The number of slab classes in the merged answer.
  case classesListed
  /// Not merged: each server's row is a row of the answer.
  case each
}

/// One row of a merged answer: a name, its rule, and the values received so far.
struct MergedRow {
  /// The largest number of different values in a list; further ones are shown as `...`.
  static let listed = 16

  let name: String
  let rule: MergeRule
  /// The slab class or item size at the beginning of the name, if there is one.
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

  /// Adds one server's value.
  mutating func add(_ text: String) {
    if !texts.contains(text) {
      if texts.count < Self.listed { texts.append(text) } else { hasMore = true }
    }
    switch rule {
    case .sum, .count, .countOfSeconds: combine(rule.number(text), saturatingSum)
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

  /// The merged value. `ownPID` and `classes` are the values for the rules `ownPID` and `classesListed`.
  func value(ownPID: Int32, classes: Int) -> String {
    switch rule {
    case .ownPID: return String(ownPID)
    case .classesListed: return String(classes)
    case .same, .each: return list
    case .sum, .count, .countOfSeconds, .smallest, .smallestAboveZero, .largest:
      return isReadable ? rule.text(total) : list
    case .lowestVersion, .all, .any: return isReadable ? chosen : list
    }
  }

  private var list: String {
    guard texts.count > 1 || hasMore else { return texts.first ?? "" }
    return (texts + (hasMore ? ["..."] : [])).map(wordOfRow).joined(separator: ",")
  }

  private mutating func combine(_ number: UInt64?, _ join: (UInt64, UInt64) -> UInt64) {
    guard let number else {
      isReadable = false
      return
    }
    total = hasFirst ? join(total, number) : number
  }

  /// Keeps the first claim that decides the result, else the first one, as the server wrote it.
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

extension MergeRule {
  /// Whether the value only grows, as long as its server runs.
  var isCounter: Bool { self == .count || self == .countOfSeconds }

  /// The number that a value stands for.
  func number(_ text: String) -> UInt64? {
    self == .countOfSeconds ? microseconds(text) : saturatingDecimal(text)
  }

  /// A number as a value.
  func text(_ number: UInt64) -> String {
    self == .countOfSeconds ? secondsText(number) : String(number)
  }
}

func saturatingSum(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? .max : sum
}

/// The value of a string of decimal digits, at most the largest 64-bit number; nil if it is empty or has another
/// character.
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

/// The microseconds in `12.000345`; the fraction has up to six digits or is missing.
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
