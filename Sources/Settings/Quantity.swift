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
    let units = (durations, examples: ["ms", "s"])
    let value: Duration = .nanoseconds(try measure(text, units, expected))
    guard range.contains(value) else { throw .expected(expected, found: quoted(text)) }
    return value
  }

  /// Parses a number of bytes within `range`.
  package static func size(_ text: String, in range: ClosedRange<Int>) throws(Complaint) -> Int {
    let expected = "a size from \(writtenSize(range.lowerBound)) to \(writtenSize(range.upperBound))"
    let value = Int(try measure(text, (sizes, examples: ["KiB", "MiB"]), expected))
    guard range.contains(value) else { throw .expected(expected, found: quoted(text)) }
    return value
  }

  /// Parses a whole number within `range`; `word` is another accepted value, for the message.
  package static func count(
    _ text: String, in range: ClosedRange<Int>, or word: String? = nil
  ) throws(Complaint) -> Int {
    guard let value = digits(text), range.contains(value) else {
      let alternative = word.map { "\($0) or " } ?? ""
      throw .expected(
        "\(alternative)a whole number from \(range.lowerBound) to \(range.upperBound)", found: quoted(text))
    }
    return value
  }

  /// Parses a percentage from 0 to 100 with its sign.
  package static func percent(_ text: String) throws(Complaint) -> Int {
    let number = text.hasSuffix("%") ? String(text.dropLast()) : text
    guard let value = digits(number), value <= 100 else {
      throw .expected("a share from 0% to 100%", found: quoted(text))
    }
    guard text.hasSuffix("%") else {
      throw .expected("a share from 0% to 100%", found: quoted(text), hint: "did you mean \"\(value)%\"?")
    }
    return value
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

  /// Parses `number[.fraction]unit` into the smallest unit, exactly.
  private static func measure(
    _ text: String, _ units: ([Unit], examples: [String]), _ expected: String
  ) throws(Complaint) -> Int64 {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard let first = parts.first, let whole = digits(first), parts.count <= 2 else {
      throw .expected(expected, found: quoted(text))
    }
    var fraction = 0
    var scale: Int64 = 1
    if parts.count == 2 {
      guard parts[1].utf8.count <= 3, let value = digits(parts[1]) else {
        throw .expected(expected, found: quoted(text), hint: "at most three digits after the point")
      }
      fraction = value
      for _ in 0..<parts[1].utf8.count { scale *= 10 }
    }
    let suffix = text.dropFirst(number.count).drop { $0 == " " }
    let unit = try unit(String(suffix), after: String(number), units, found: text)
    let (product, over) = Int64(whole).multipliedReportingOverflow(by: unit.factor)
    // Three digits of the largest unit: 999 * 3.6e12 is far below the limit.
    let rest = Int64(fraction) * unit.factor
    let (sum, past) = product.addingReportingOverflow(rest / scale)
    if over || past { throw .expected(expected, found: quoted(text)) }
    guard rest % scale == 0 else {
      throw .expected("a whole number of the smallest unit", found: quoted(text))
    }
    return sum
  }

  private static func unit(
    _ suffix: String, after number: String, _ units: ([Unit], examples: [String]), found text: String
  ) throws(Complaint) -> Unit {
    let (known, examples) = units
    if let unit = known.first(where: { $0.name == suffix }) { return unit }
    if suffix.isEmpty {
      let written = examples.map { quoted(number + $0) }.joined(separator: " or ")
      throw .said("no unit in \(quoted(text))", hint: "write \(written)")
    }
    let lower = suffix.lowercased()
    let meant = known.first { $0.slips.contains(lower) || $0.name.lowercased() == lower }
    // No nearest word here: "TiB" is one letter from "KiB" and means a thousand million times as much.
    throw .said(
      "unknown unit \(quoted(suffix)) in \(quoted(text))",
      hint: meant.map { "did you mean \(quoted(number + $0.name))?" }
        ?? "expected one of \(known.map(\.name).joined(separator: ", "))")
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
