// Values made by the program, and their text, so that a correction can be pasted into a file.

extension YAMLNode {
  static let nowhere = FilePosition(line: 0, column: -1)

  static func word(_ text: String) -> YAMLNode { .text(text, at: nowhere) }

  static func items(_ nodes: [YAMLNode]) -> YAMLNode { YAMLNode(content: .list(nodes), position: nowhere) }

  static func pairs(_ pairs: [(key: String, value: YAMLNode)]) -> YAMLNode {
    let entries = pairs.map { Entry(key: .word($0.key), value: $0.value) }
    return YAMLNode(content: .mapping(entries), position: nowhere)
  }

  /// The text of a scalar; nil for any other value.
  var scalar: String? {
    if case .scalar(let text, _) = content, !isNothing { text } else { nil }
  }

  /// The entries of a mapping; nil for any other value.
  var entries: [Entry]? {
    if case .mapping(let entries) = content { entries } else { nil }
  }

  /// The value with this position wherever it has none.
  func placed(at position: FilePosition) -> YAMLNode {
    var node = self
    if node.position == Self.nowhere { node.position = position }
    switch content {
    case .scalar: break
    case .list(let items): node.content = .list(items.map { $0.placed(at: position) })
    case .mapping(let entries):
      node.content = .mapping(
        entries.map { Entry(key: $0.key.placed(at: position), value: $0.value.placed(at: position)) })
    }
    return node
  }

  /// The value in YAML's one-line form: `{address: 10.0.0.1:11211, weight: 2}`. Valid wherever it is pasted.
  var written: String {
    switch content {
    case .scalar(let text, _): isNothing ? "~" : Self.written(text)
    case .list(let items): "[\(items.map(\.written).joined(separator: ", "))]"
    case .mapping(let entries):
      "{\(entries.map { "\($0.key.written): \($0.value.written)" }.joined(separator: ", "))}"
    }
  }

  /// The value in YAML's block form: each entry and item on a line of its own, an item that is a mapping on one line.
  var block: String {
    switch content {
    case .scalar: written + "\n"
    case .list(let items): items.map { "- \($0.written)\n" }.joined()
    case .mapping(let entries): entries.map(Self.block(of:)).joined()
    }
  }

  private static func block(of entry: Entry) -> String {
    if case .scalar = entry.value.content { return "\(entry.key.written): \(entry.value.written)\n" }
    let lines = entry.value.block.split(separator: "\n")
    return "\(entry.key.written):\n" + lines.map { "  \($0)\n" }.joined()
  }

  /// A text without quotes if YAML reads it as the same text anywhere, else in quotes.
  private static func written(_ text: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-", ".", "/", ":", "%", "$": true
      default: false
      }
    }
    let first = text.unicodeScalars.first ?? "-"
    if isPlain, !"-.:%".unicodeScalars.contains(first), !text.hasSuffix(":"), !text.contains(": "),
      !YAMLNode(content: .scalar(text, isPlain: true), position: nowhere).isNothing
    {
      return text
    }
    return quotedText(text)
  }

  /// A text in YAML's double quotes, whole.
  static func quotedText(_ text: String) -> String {
    let parts = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"", "\\": "\\\(scalar)"
      case _ where scalar.value < 32 || !SourceText.isAllowed(scalar): escaped(scalar)
      default: String(scalar)
      }
    }
    return "\"\(parts.joined())\""
  }

  /// `\x07`, `\u2028` or `\U0001F600`.
  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (letter, width) =
      digits.count <= 2 ? ("x", 2) : digits.count <= 4 ? ("u", 4) : ("U", 8)
    return "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
  }
}
