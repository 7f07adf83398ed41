/// Numbers as people read them.
enum Figures {
  /// `1,234,567`
  static func grouped(_ number: Int) -> String {
    var groups: [String] = []
    var rest = number.magnitude
    while rest >= 1000 {
      let group = String(rest % 1000)
      groups.append(String(repeating: "0", count: 3 - group.count) + group)
      rest /= 1000
    }
    groups.append(String(rest))
    return (number < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// Three digits and a unit: `872 us`, `1.05 ms`, `12.3 s`.
  static func time(_ nanoseconds: UInt64) -> String {
    let microseconds = Double(nanoseconds) / 1000
    if microseconds < 1000 { return "\(digits(microseconds)) us" }
    if microseconds < 1e6 { return "\(digits(microseconds / 1000)) ms" }
    return "\(digits(microseconds / 1e6)) s"
  }

  /// Three digits, or more before the point.
  private static func digits(_ value: Double) -> String {
    value < 9.995
      ? decimal(value, places: 2) : value < 99.95 ? decimal(value, places: 1) : decimal(value, places: 0)
  }

  /// A number with this number of digits after the point. Not a number, infinities and huge numbers are 0.
  static func decimal(_ value: Double, places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = (value.magnitude * Double(scale)).rounded()
    let whole = scaled < 1e18 ? Int(scaled) : 0
    let sign = value < 0 && whole > 0 ? "-" : ""
    if places == 0 { return "\(sign)\(whole)" }
    let fraction = String(whole % scale)
    return "\(sign)\(whole / scale).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
  }

  /// `99.98%`; 100% only if it is all.
  static func share(_ part: Int, of whole: Int) -> String {
    guard whole > 0 else { return "0%" }
    if part == whole { return "100%" }
    let percent = min(99.99, Double(part) * 100 / Double(whole))
    return decimal(percent, places: 2) + "%"
  }

  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

extension Duration {
  /// The duration in seconds.
  var asSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
