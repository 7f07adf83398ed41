/// The lines of a file that is not valid, and the slips in them: what is no YAML, and what YAML reads in another way
/// than it was meant. Nothing here is exact: it is used only to explain an error that is already certain.
struct SourceLines {
  /// A line without its comment.
  struct Line {
    var number: Int
    /// The number of spaces before the content.
    var indent = 0
    var content = ""
    /// Whether it begins inside brackets.
    var isInFlow = false

    /// The content after `- `, and its column; the content itself if it is no item.
    var item: (content: String, column: Int) {
      var rest = content[...]
      while rest.hasPrefix("- ") { rest = rest.dropFirst(2).drop { $0 == " " } }
      if rest == "-" { rest = "" }
      return (String(rest), indent + content.unicodeScalars.count - rest.unicodeScalars.count + 1)
    }

    var isItem: Bool { content == "-" || content.hasPrefix("- ") }

    /// The key of `key:` and `key: value`; nil for any other content.
    var key: (word: String, value: String)? {
      let text = item.content
      guard let colon = text.firstIndex(of: ":") else { return nil }
      let value = text[colon...].dropFirst()
      guard value.isEmpty || value.hasPrefix(" "), !text.hasPrefix("["), !text.hasPrefix("{") else {
        return nil
      }
      return (
        text[..<colon].filter { !"\"' ".contains($0) }, String(value.drop { $0 == " " })
      )
    }
  }

  /// The lines with content. What is far from the beginning, or in a line of thousands of characters, is not read.
  private(set) var lines: [Line] = []
  private(set) var slips: [YAMLProblem] = []
  /// Whether a quoted text or a list ended, so that only a comma can follow.
  private var needsComma = false
  /// The brackets that are open, with the place of each.
  private var open: [Bracket] = []
  private static let mostBytes = 1 << 20
  private static let mostInLine = 4096

  private struct Bracket {
    var closer: Unicode.Scalar
    var place: FilePosition
    /// The indentation of its line.
    var indent: Int
  }

  /// `text` is UTF-8 without control characters.
  init(_ text: [UInt8]) {
    let all = String(decoding: text.prefix(Self.mostBytes), as: UTF8.self)
    // CR LF is one character.
    let split = all.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in split.enumerated() where line.unicodeScalars.count <= Self.mostInLine {
      scan(Array(line.unicodeScalars), number: index + 1)
    }
    if let bracket = open.first, let last = lines.last { unclosed(bracket, after: last) }
    let explained = Set(slips.map(\.position.line))
    for index in lines.indices where !lines[index].isInFlow && !explained.contains(lines[index].number) {
      if let slip = keySlip(lines[index]) ?? itemSlip(at: index) { slips.append(slip) }
    }
    if slips.isEmpty, let slip = indentSlip() { slips = [slip] }
  }

  private mutating func slip(_ line: Int, _ index: Int, _ message: String, _ hint: String?) {
    slips.append(YAMLProblem(message, at: FilePosition(line: line, column: index + 1), hint: hint))
  }

  private mutating func unclosed(_ bracket: Bracket, after line: Line) {
    slips.append(
      YAMLProblem(
        "a bracket that is not closed", at: bracket.place,
        hint: "put \(bracket.closer) at the end of line \(line.number)"))
  }

  // MARK: One line

  private mutating func scan(_ text: [Unicode.Scalar], number: Int) {
    var line = Line(number: number)
    line.isInFlow = !open.isEmpty
    line.indent = text.prefix { $0 == " " || $0 == "\t" }.count
    if let tab = text.prefix(line.indent).firstIndex(of: "\t"), line.indent < text.count,
      text[line.indent] != "#"
    {
      slip(
        number, tab, "a tab before the text of the line: YAML indents with spaces", "put two spaces instead")
    }
    var end = Self.commentStart(text, line.indent)
    while end > line.indent, text[end - 1] == " " { end -= 1 }
    guard end > line.indent else { return }
    line.content = Self.string(text[line.indent..<end])
    closeBrackets(before: line)
    if let slip = hashTagSlip(line) {
      slips.append(slip)
    } else {
      scanTokens(Array(text[..<end]), line)
    }
    lines.append(line)
  }

  /// Brackets that a line with a key at the left of theirs shows to be open by mistake.
  private mutating func closeBrackets(before line: Line) {
    guard let bracket = open.first, let last = lines.last, let key = line.key, !line.content.hasPrefix("\""),
      line.indent <= bracket.indent, KnownKeys.all.contains(key.word) || line.indent < bracket.indent
    else { return }
    unclosed(bracket, after: last)
    open = []
  }

  /// Where the comment of a line begins: at a `#` after a space that is not inside quotes.
  private static func commentStart(_ text: [Unicode.Scalar], _ start: Int) -> Int {
    var quotes: [Unicode.Scalar: Int] = [:]
    for at in start..<text.count {
      if text[at] == "\"" || text[at] == "'" { quotes[text[at], default: 0] += 1 }
      if text[at] == "#", at == start || text[at - 1] == " ", quotes.values.allSatisfy({ $0 % 2 == 0 }) {
        return at
      }
    }
    return text.count
  }

  private mutating func scanTokens(_ text: [Unicode.Scalar], _ line: Line) {
    let number = line.number
    var at = line.indent
    // Whether a value or a key can begin here.
    var isStart = true
    var tokenStart = at
    while at < text.count {
      let scalar = text[at]
      if needsComma, !open.isEmpty, !" ,]}:".unicodeScalars.contains(scalar) {
        slip(number, at, "no comma before this", "put a comma before it")
        needsComma = false
      }
      let next = at + 1 < text.count ? text[at + 1] : " "
      if isStart { tokenStart = at }
      let after = at + 1
      switch scalar {
      case " ": break
      case "\"", "'":
        if isStart {
          at = quoted(text, at, number)
          needsComma = !open.isEmpty
        }
        isStart = false
      case "[", "{":
        if isStart || !open.isEmpty {
          if let end = address(text, at, number) ?? placeholder(text, at, number) {
            at = end
          } else {
            let place = FilePosition(line: number, column: at + 1)
            open.append(Bracket(closer: scalar == "[" ? "]" : "}", place: place, indent: line.indent))
          }
        }
      case "]", "}":
        if !open.isEmpty {
          close(scalar, at, number)
          if open.isEmpty { return end(text, after: at, number) }
        }
      case ",":
        if let before = text[..<at].last(where: { $0 != " " }), !open.isEmpty,
          ",[".unicodeScalars.contains(before)
        {
          slip(number, at, "a comma without a value before it", "leave this comma out")
        }
        (isStart, needsComma) = (!open.isEmpty, false)
      case ":":
        needsComma = false
        if !isStart, ",]}".unicodeScalars.contains(next), tokenStart < at {
          colonAtEnd(text, tokenStart, at, number)
        }
        if isStart, !open.isEmpty, let end = address(text, at, number) {
          at = end
        } else {
          isStart = next == " "
        }
      case "-": isStart = isStart && next == " " && open.isEmpty
      default:
        if let end = placeholder(text, at, number) {
          at = end
        } else if Self.isBlank(scalar) {
          slip(
            number, at,
            "a character that only looks like a space (U+\(String(scalar.value, radix: 16, uppercase: true)))",
            "put a plain space instead")
        } else if isStart {
          indicator(text, at, number)
        }
        isStart = false
      }
      at = max(at + 1, after)
    }
  }

  /// Text after the bracket that closes a value.
  private mutating func end(_ text: [Unicode.Scalar], after close: Int, _ number: Int) {
    needsComma = false
    guard let rest = text[(close + 1)...].firstIndex(where: { $0 != " " }), text[rest] != ":" else { return }
    let word = Self.string(text[rest...])
    slip(number, rest, "\(Settings.quoted(word)) after the closing bracket", "leave it out")
  }

  private mutating func close(_ closer: Unicode.Scalar, _ at: Int, _ number: Int) {
    needsComma = open.count > 1
    guard let opened = open.popLast(), opened.closer != closer else { return }
    slip(
      number, at, "\(Character(closer)) closes a bracket that \(Character(opened.closer)) should close",
      "put \(opened.closer) instead")
  }

  /// The end of a quoted text; if it does not end on its line, a slip, and the end that was meant.
  private mutating func quoted(_ text: [Unicode.Scalar], _ start: Int, _ number: Int) -> Int {
    var at = start + 1
    while at < text.count, text[at] != text[start] {
      _ = placeholder(text, at, number)
      at += text[start] == "\"" && text[at] == "\\" ? 2 : 1
    }
    let inner = text[(start + 1)...].prefix { open.isEmpty || !",]}".unicodeScalars.contains($0) }
    // A text with a comma that is followed by another text ends at the next quote by mistake.
    let isShort = at < text.count && inner.endIndex < at && at + 1 < text.count
    if at < text.count, !isShort || " ,]}:".unicodeScalars.contains(text[at + 1]) { return at }
    slip(number, start, "a quote that is not closed", "write \(YAMLNode.quotedText(Self.string(inner)))")
    return inner.endIndex - 1
  }

  /// A text in brackets that ends with a colon: a prefix, or an address.
  private mutating func colonAtEnd(_ text: [Unicode.Scalar], _ start: Int, _ end: Int, _ number: Int) {
    guard !open.isEmpty, !"\"'[{".unicodeScalars.contains(text[start]) else { return }
    let word = Self.string(text[start...end])
    let isPrefix = Self.string(text[..<start]).hasSuffix("prefix: ")
    let meant = isPrefix ? nil : Endpoint.repaired(word, for: .server)
    slip(
      number, start, "a text with a colon at its end: \(Settings.quoted(word))",
      "write \(meant ?? YAMLNode.quotedText(word))")
  }

  /// The end of an IPv6 address without quotes, which is a list to YAML, or no text.
  private mutating func address(_ text: [Unicode.Scalar], _ start: Int, _ number: Int) -> Int? {
    let most = text[start...].prefix(64)
    var end = most.firstIndex { ", ]}".unicodeScalars.contains($0) } ?? most.endIndex
    if text[start] == "[" {
      guard end < text.count, text[end] == "]" else { return nil }
      end = text[(end + 1)...].firstIndex { !":0123456789".unicodeScalars.contains($0) } ?? text.count
    }
    let written = Self.string(text[start..<end])
    guard written.filter({ $0 == ":" }).count > 1,
      written.dropFirst().allSatisfy({ $0.isHexDigit || "]:.%".contains($0) })
    else { return nil }
    let key = Self.string(text[..<start].drop { $0 == " " })
    let use: Endpoint.Use = key.hasPrefix("listen:") ? .listener(defaultPort: nil) : .server
    let isAddress = (try? Endpoint.exactly(written, for: use)) != nil
    guard let meant = isAddress && !written.hasSuffix("]") ? written : Endpoint.repaired(written, for: use)
    else {
      return nil
    }
    let isList = key == "servers: " && text[start] == "["
    slip(
      number, start, "an IPv6 address without quotes: \(Settings.quoted(written))",
      "write \(isList ? "[\"\(meant)\"]" : "\"\(meant)\"")")
    return end - 1
  }

  /// The end of a variable of a shell or of a template.
  private mutating func placeholder(_ text: [Unicode.Scalar], _ start: Int, _ number: Int) -> Int? {
    guard "${<".unicodeScalars.contains(text[start]) else { return nil }
    let rest = Self.string(text[start...].prefix(100))
    let closers = [("${", "}"), ("{{", "}}"), ("$(", ")"), ("<%", "%>")]
    let end: String.Index?
    if let pair = closers.first(where: { rest.hasPrefix($0.0) }) {
      end = rest.firstRange(of: pair.1)?.upperBound
    } else if rest.hasPrefix("$"), let first = rest.dropFirst().first, first.isASCII, first.isUppercase {
      end = rest.dropFirst().firstIndex { !($0.isLetter || $0.isNumber || $0 == "_") } ?? rest.endIndex
    } else {
      return nil
    }
    guard let end else { return nil }
    let word = String(rest[..<end])
    slip(
      number, start, "\(Settings.quoted(word)) is a placeholder, which ringroad does not fill in",
      "put the value here, or fill in the file before (with envsubst, for example)")
    return start + word.unicodeScalars.count - 1
  }

  /// A character at the start of a value that means something else to YAML.
  private mutating func indicator(_ text: [Unicode.Scalar], _ start: Int, _ number: Int) {
    guard "*%@`".unicodeScalars.contains(text[start]) else { return }
    let word = Self.string(text[start...].prefix { open.isEmpty || !",]}".unicodeScalars.contains($0) })
    switch text[start] {
    case "*" where word.hasPrefix("*:"):
      slip(number, start, "a * without quotes is an alias to YAML", "write \"0.0.0.0\(word.dropFirst())\"")
    case "%", "@", "`", "*":
      let share = word.dropFirst() + "%"
      let isShare = text[start] == "%" && (try? Quantity.percent(String(share))) != nil
      if text[start] == "*" && word.count > 1 { return }
      slip(
        number, start,
        "\(Settings.quoted(String(Character(text[start])))) cannot begin a text without quotes",
        "write \(isShare ? String(share) : YAMLNode.quotedText(word))")
    default: break
    }
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xA0, 0x1680, 0x2000...0x200B, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
