/// The parameters of a URL's query, percent-decoded. A `+` stays one: keys have no blanks.
struct Query {
  private(set) var items: [(name: String, value: [UInt8])] = []

  /// Nil if a `%` is not followed by two hexadecimal digits.
  init?(_ text: String?) {
    for part in (text ?? "").split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.decoded(pair[0]), let value = Self.decoded(pair.count > 1 ? pair[1] : "") else {
        return nil
      }
      items.append((String(decoding: name, as: UTF8.self), value))
    }
  }

  /// The values of one parameter, as text.
  func texts(_ name: String) -> [String] {
    items.filter { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }

  /// A percent-encoded text as bytes.
  static func decoded(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal)
      else {
        return nil
      }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 48...57: digit - 48
    case 65...70: digit - 55
    case 97...102: digit - 87
    default: nil
    }
  }
}
