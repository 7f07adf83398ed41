/// A strict parser of logfmt: pairs with one space between them, `name=value` or `name="value"`. A value without quotes has
/// no blank, quote, backslash, `=` or control character; between quotes are JSON's escapes.
enum LogfmtParser {
  struct Mistake: Error {}

  static func pairs(of line: String) throws(Mistake) -> [(name: String, value: String)] {
    var rest = Array(line.unicodeScalars)[...]
    var pairs: [(name: String, value: String)] = []
    while true {
      let name = rest.prefix { $0.isASCII && ($0.properties.isAlphabetic || $0 == "." || $0 == "_") }
      rest = rest.dropFirst(name.count)
      guard !name.isEmpty, rest.popFirst() == "=" else { throw Mistake() }
      let value = rest.first == "\"" ? try quoted(&rest) : try plain(&rest)
      pairs.append((text(name), value))
      guard let next = rest.popFirst() else { return pairs }
      guard next == " " else { throw Mistake() }
    }
  }

  private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  private static func plain(_ rest: inout ArraySlice<Unicode.Scalar>) throws(Mistake) -> String {
    let value = rest.prefix { $0 != " " }
    rest = rest.dropFirst(value.count)
    let isGood = value.allSatisfy {
      !$0.properties.isWhitespace && !"\"\\=".unicodeScalars.contains($0)
        && $0.properties.generalCategory != .control
    }
    guard !value.isEmpty, isGood else { throw Mistake() }
    return text(value)
  }

  private static func quoted(_ rest: inout ArraySlice<Unicode.Scalar>) throws(Mistake) -> String {
    let escapes: [Unicode.Scalar: Unicode.Scalar] = ["n": "\n", "r": "\r", "t": "\t", "\"": "\"", "\\": "\\"]
    rest.removeFirst()
    var value: [Unicode.Scalar] = []
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\"": return text(value)
      case "\\":
        guard let letter = rest.popFirst() else { throw Mistake() }
        if letter == "u" {
          guard let scalar = UInt32(text(rest.prefix(4)), radix: 16).flatMap(Unicode.Scalar.init) else {
            throw Mistake()
          }
          value.append(scalar)
          rest = rest.dropFirst(4)
        } else if let meant = escapes[letter] {
          value.append(meant)
        } else {
          throw Mistake()
        }
      case _ where scalar.properties.generalCategory == .control: throw Mistake()
      default: value.append(scalar)
      }
    }
    throw Mistake()
  }
}
