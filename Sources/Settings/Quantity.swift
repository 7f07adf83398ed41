/// Parsing and printing of numbers with units: `200ms`, `256KiB`, `50%`.
///
/// Nothing here overflows: a number has at most 15 digits before it is multiplied, and one outside its range is an
/// error.
package enum Quantity {
  private struct Unit {
    let name: String
    let factor: Int64
    /// Other common spellings; they are not accepted, only used for the hint.
    let slips: [String]
  }

  private static let durations = [
    Unit(name: "us", factor: 1_000, slips: ["usec", "µs", "micros"]),
    Unit(name: "ms", factor: 1_000_000, slips: ["msec", "msecs", "millis", "milliseconds"]),
    Unit(name: "s", factor: 1_000_000_000, slips: ["sec", "secs", "second", "seconds"]),
    Unit(name: "m", factor: 60_000_000_000, slips: ["min", "mins", "minute", "minutes"]),
    Unit(name: "h", factor: 3_600_000_000_000, slips: ["hr", "hrs", "hour", "hours"]),
  ]

  /// A unit of the times for which items are kept.
  private static let day = Unit(name: "d", factor: 86_400_000_000_000, slips: ["day", "days"])

  private static let sizes = [
    Unit(name: "B", factor: 1, slips: ["byte", "bytes"]),
    Unit(name: "KB", factor: 1_000, slips: []),
    Unit(name: "KiB", factor: 1 << 10, slips: ["k", "kbyte"]),
    Unit(name: "MB", factor: 1_000_000, slips: []),
    Unit(name: "MiB", factor: 1 << 20, slips: ["m", "mbyte"]),
    Unit(name: "GB", factor: 1_000_000_000, slips: []),
    Unit(name: "GiB", factor: 1 << 30, slips: ["g", "gbyte"]),
  ]

  /// Parses a duration within `range`.
  package static func duration(
    _ text: String, in range: ClosedRange<Duration>
  ) throws(Complaint) -> Duration {
    let expected = "a duration from \(written(range.lowerBound)) to \(written(range.upperBound))"
    let scale = Scale(units: durations, examples: ["ms", "s"], expected: expected) {
      range.contains(.nanoseconds($0))
    }
    return .nanoseconds(try measure(text, scale))
  }

  /// Parses a time of whole seconds within `range`, which may be in days; `word` is another accepted value.
  package static func seconds(
    _ text: String, in range: ClosedRange<Int>, or word: String? = nil
  ) throws(Complaint) -> Int {
    let bounds = "\(writtenSeconds(range.lowerBound)) to \(writtenSeconds(range.upperBound))"
    let expected = "\(word.map { "\($0) or " } ?? "")a duration of whole seconds from \(bounds)"
    let scale = Scale(units: durations + [day], examples: ["s", "m"], expected: expected) {
      $0 % 1_000_000_000 == 0 && range.contains(Int($0 / 1_000_000_000))
    }
    return Int(try measure(text, scale) / 1_000_000_000)
  }

  /// Parses a percentage with at most two digits after the point, in 1/10,000; `word` is another accepted value.
  package static func hundredths(_ text: String, or word: String) throws(Complaint) -> Int {
    func value(_ text: some StringProtocol) -> Int? {
      let parts = text.split(separator: ".", omittingEmptySubsequences: false)
      guard let first = parts.first, let whole = digits(first), whole <= 100, parts.count <= 2 else {
        return nil
      }
      guard parts.count == 2 else { return whole * 100 }
      guard parts[1].utf8.count <= 2, let rest = digits(parts[1]) else { return nil }
      let sum = whole * 100 + (parts[1].utf8.count == 1 ? rest * 10 : rest)
      return sum <= 10_000 ? sum : nil
    }
    if text.hasSuffix("%"), let found = value(text.dropLast()) { return found }
    let number = text.filter { !"% ".contains($0) }
    let meant = value(number).map { number.hasPrefix("0.") && !text.contains("%") ? $0 * 100 : $0 }
    throw .expected(
      "\(word) or a share from 0% to 100% with at most two digits after the point", found: quoted(text),
      hint: meant.map { "did you mean \"\(writtenHundredths($0))\"?" })
  }

  /// A number of 1/10,000 as a percentage.
  package static func writtenHundredths(_ parts: Int) -> String {
    let (whole, rest) = (parts / 100, parts % 100)
    if rest == 0 { return "\(whole)%" }
    return rest % 10 == 0 ? "\(whole).\(rest / 10)%" : "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
  }

  /// Seconds as written in a file: in the largest unit that leaves no remainder, days included.
  package static func writtenSeconds(_ seconds: Int) -> String {
    let (nanoseconds, over) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return over ? "\(seconds)s" : largest(nanoseconds, durations + [day]) ?? "\(seconds)s"
  }

  /// Parses a number of bytes within `range`.
  package static func size(_ text: String, in range: ClosedRange<Int>) throws(Complaint) -> Int {
    let expected = "a size from \(writtenSize(range.lowerBound)) to \(writtenSize(range.upperBound))"
    let scale = Scale(units: sizes, examples: ["B", "KiB", "MiB"], expected: expected) {
      range.contains(Int($0))
    }
    return Int(try measure(text, scale))
  }

  /// Parses a whole number within `range`; `word` is another accepted value, for the message.
  package static func count(
    _ text: String, in range: ClosedRange<Int>, or word: String? = nil
  ) throws(Complaint) -> Int {
    guard let value = digits(text), range.contains(value) else {
      let alternative = word.map { "\($0) or " } ?? ""
      let plain = text.filter { !"_,'".contains($0) }
      let isMeant = plain != text && digits(plain).map(range.contains) ?? false
      throw .expected(
        "\(alternative)a whole number from \(range.lowerBound) to \(range.upperBound)", found: quoted(text),
        hint: isMeant ? "did you mean \(quoted(plain))?" : nil)
    }
    return value
  }

  /// Parses a percentage from 0 to 100 with its sign.
  package static func percent(_ text: String) throws(Complaint) -> Int {
    if text.hasSuffix("%"), let value = digits(text.dropLast()), value <= 100 { return value }
    let parts = text.split(separator: ".").map(String.init)
    let number = text.filter { !"% ".contains($0) }
    let meant =
      if parts.count == 2, digits(parts[0]) == 0, let tenths = digits(parts[1]), parts[1].utf8.count <= 2 {
        tenths * (parts[1].utf8.count == 1 ? 10 : 1)
      } else { digits(number).flatMap { $0 <= 100 ? $0 : nil } }
    throw .expected(
      "a share from 0% to 100%", found: quoted(text), hint: meant.map { "did you mean \"\($0)%\"?" })
  }

  /// Parses permission bits in octal: `700`, `0700` or `0o700`.
  package static func mode(_ text: String) throws(Complaint) -> UInt16 {
    let octal = text.hasPrefix("0o") ? text.dropFirst(2) : text[...]
    guard octal.utf8.allSatisfy({ $0 >= 48 && $0 <= 55 }), octal.utf8.count <= 4,
      let value = UInt16(octal, radix: 8), value <= 0o777
    else { throw .expected("permission bits in octal from 0000 to 0777", found: quoted(text)) }
    return value
  }

  /// Parses a port, the text after the colon of `address`.
  package static func port(_ text: String, of address: String) throws(Complaint) -> UInt16 {
    guard let value = digits(text), value >= 1, value <= 65535 else {
      throw .expected("a port from 1 to 65535", found: "\(quoted(text)) in \(quoted(address))")
    }
    return UInt16(value)
  }

  /// Parses digits and nothing else, at most 15.
  private static func digits(_ text: some StringProtocol) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 15, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
      return nil
    }
    return Int(text)
  }

  /// The units of one kind of quantity, and which values are allowed.
  private struct Scale {
    var units: [Unit]
    /// The units to suggest for a number without one.
    var examples: [String]
    /// The kind and the range, for messages.
    var expected: String
    /// Whether a value in the smallest unit is in range.
    var contains: (Int64) -> Bool
  }

  /// A number before its unit: `1.5` is 15 tenths.
  private struct Number {
    var value: Int64
    var divisor: Int64 = 1

    /// In the smallest unit; nil if that overflows or is not a whole number.
    func times(_ unit: Unit) -> Int64? {
      let (product, over) = value.multipliedReportingOverflow(by: unit.factor)
      return over || product % divisor != 0 ? nil : product / divisor
    }
  }

  /// Parses `number[.fraction]unit` into the smallest unit, exactly.
  private static func measure(_ text: String, _ scale: Scale) throws(Complaint) -> Int64 {
    let written = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let parts = written.split(separator: ".", omittingEmptySubsequences: false)
    guard let first = parts.first, let whole = digits(first), parts.count <= 2 else {
      throw .expected(scale.expected, found: quoted(text))
    }
    var number = Number(value: Int64(whole))
    if parts.count == 2 {
      guard !parts[1].isEmpty, parts[1].utf8.count <= 3, whole < 1_000_000_000_000,
        let all = digits("\(first)\(parts[1])")
      else {
        throw .expected(scale.expected, found: quoted(text), hint: "at most three digits after the point")
      }
      number = Number(value: Int64(all), divisor: [1, 10, 100, 1000][parts[1].utf8.count])
    }
    let suffix = String(text.dropFirst(written.count).drop { $0 == " " })
    func meant(_ unit: Unit) -> String? {
      number.times(unit).map(scale.contains) == true ? quoted("\(written)\(unit.name)") : nil
    }
    if let unit = scale.units.first(where: { $0.name == suffix }) {
      guard let value = number.times(unit), scale.contains(value) else {
        throw .expected(scale.expected, found: quoted(text))
      }
      return value
    }
    if suffix.isEmpty {
      let candidates = scale.units.filter { scale.examples.contains($0.name) }.compactMap(meant)
      if candidates.isEmpty { throw .expected(scale.expected, found: quoted(text)) }
      throw .said("no unit in \(quoted(text))", hint: "write \(candidates.joined(separator: " or "))")
    }
    let point = text.replacing(",", with: ".")
    if suffix.hasPrefix(","), (try? measure(point, scale)) != nil {
      throw .expected(scale.expected, found: quoted(text), hint: "did you mean \(quoted(point))?")
    }
    let lower = suffix.lowercased()
    let unit = scale.units.first { $0.slips.contains(lower) || $0.name.lowercased() == lower }
    // No nearest word here: "TiB" is one letter from "KiB" and means a thousand million times as much.
    throw .said(
      "unknown unit \(quoted(suffix)) in \(quoted(text))",
      hint: unit.flatMap(meant).map { "did you mean \($0)?" }
        ?? "the units are \(scale.units.map(\.name).joined(separator: ", "))")
  }

  /// A duration as written in a file: in the largest unit that leaves no remainder.
  package static func written(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    // A file's durations are below 2^63 nanoseconds; larger ones are printed in seconds.
    let (scaled, over) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (nanoseconds, past) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    if over || past { return "\(seconds)s" }
    return largest(nanoseconds, durations) ?? "\(nanoseconds)ns"
  }

  /// A size as written in a file.
  package static func writtenSize(_ bytes: Int) -> String {
    let binary = sizes.filter { $0.name == "B" || $0.name.hasSuffix("iB") }
    return largest(Int64(bytes), binary) ?? "\(bytes)B"
  }

  private static func largest(_ value: Int64, _ units: [Unit]) -> String? {
    let fits = units.last { value != 0 && value % $0.factor == 0 } ?? (value == 0 ? units.first : nil)
    return fits.map { "\(value / $0.factor)\($0.name)" }
  }
}
