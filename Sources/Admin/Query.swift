import Settings

/// The parameters of a URL's query, percent-decoded. A `+` stays one: keys have no blanks.
struct Query {
  private(set) var items: [(name: String, value: [UInt8])] = []

  /// Nil if a `%` is not followed by two hexadecimal digits.
  init?(_ text: String?) {
    for part in (text ?? "").split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = percentDecoded(pair[0].utf8),
        let value = percentDecoded((pair.count > 1 ? pair[1] : "").utf8)
      else {
        return nil
      }
      items.append((String(decoding: name, as: UTF8.self), value))
    }
  }

  /// The values of one parameter, as text.
  func texts(_ name: String) -> [String] {
    items.filter { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }
}
