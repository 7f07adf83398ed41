/// A server's version, ordered by release: `1.4.25 < 1.6.9 < 1.6.18`.
///
/// Numbers are compared one by one. Of equal numbers the suffix decides: `-rc1` is before the release, `_8_gabc` (a
/// build from the repository after the release) is after it.
package struct ServerVersion: Comparable, Sendable {
  private let numbers: [UInt64]
  private let suffix: String

  /// Nil if the text does not begin with a number. Only the first eight numbers are read.
  package init?(_ text: String) {
    var numbers: [UInt64] = []
    var rest = text[...]
    while numbers.count < 8 {
      let digits = rest.prefix { $0.isASCII && $0.isWholeNumber }
      guard let number = saturatingDecimal(digits) else { break }
      numbers.append(number)
      rest = rest[digits.endIndex...]
      guard rest.first == "." else { break }
      rest = rest.dropFirst()
    }
    guard !numbers.isEmpty else { return nil }
    while numbers.last == 0 { numbers.removeLast() }
    self.numbers = numbers
    suffix = String(rest)
  }

  package static func < (a: ServerVersion, b: ServerVersion) -> Bool {
    if a.numbers != b.numbers { return a.numbers.lexicographicallyPrecedes(b.numbers) }
    if a.suffixRank != b.suffixRank { return a.suffixRank < b.suffixRank }
    return a.suffix < b.suffix
  }

  private var suffixRank: Int { suffix.isEmpty ? 1 : suffix.first == "-" ? 0 : 2 }
}

/// The lowest of these versions, as its server wrote it. Texts that are not versions count only if there is no
/// version. Nil if the list is empty.
package func lowestVersion(_ versions: [String]) -> String? {
  var lowest: (version: ServerVersion, text: String)?
  for text in versions {
    guard let version = ServerVersion(text) else { continue }
    if let known = lowest, known.version <= version { continue }
    lowest = (version, text)
  }
  return lowest?.text ?? versions.first
}
