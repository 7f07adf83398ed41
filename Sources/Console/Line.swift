/// How a piece of text looks. What it says never depends on that.
enum Style: Sendable {
  case plain, strong, faint, good, warning, bad
  /// What is wrong with the proxy, in the first line.
  case alarm
  /// The first line, the heads of tables, and the keys of the last line.
  case title, heading, key
}

/// One line of a frame: pieces of text in their styles. Every character in it is one column wide.
struct Line: Equatable, Sendable {
  struct Span: Equatable, Sendable {
    var text: String
    var style: Style
  }

  private(set) var spans: [Span] = []
  /// In columns.
  private(set) var width = 0

  init() {}

  init(_ text: String, _ style: Style = .plain) { add(text, style) }

  /// The line without its styles.
  var text: String { spans.map(\.text).joined() }

  /// Appends text, with a question mark for what is not printable.
  mutating func add(_ text: String, _ style: Style = .plain) {
    guard !text.isEmpty else { return }
    let text = printable(text)
    spans.append(Span(text: text, style: style))
    width += text.unicodeScalars.count
  }

  /// Appends text in a field of its own, cut to it with an ellipsis.
  mutating func add(_ text: String, _ style: Style = .plain, in field: Int, toRight: Bool = false) {
    let text = fitted(printable(text), field)
    let gap = String(repeating: " ", count: field - text.unicodeScalars.count)
    add(toRight ? gap + text : text + gap, style)
  }

  /// Appends another line.
  mutating func add(_ line: Line) {
    spans += line.spans
    width += line.width
  }

  static func + (a: Line, b: Line) -> Line {
    var line = a
    line.add(b)
    return line
  }

  /// Fills the line with blanks up to a column.
  mutating func pad(to column: Int, _ style: Style = .plain) {
    if width < column { add(String(repeating: " ", count: column - width), style) }
  }

  /// The line's first columns.
  func cut(to columns: Int) -> Line {
    guard width > columns else { return self }
    var line = Line()
    for span in spans where line.width < columns {
      line.add(String(span.text.unicodeScalars.prefix(columns - line.width)), span.style)
    }
    return line
  }

  /// The same line in one style.
  func styled(_ style: Style) -> Line { Line(text, style) }
}

/// The text if it fits, else its beginning and an ellipsis.
func fitted(_ text: String, _ columns: Int) -> String {
  guard text.unicodeScalars.count > columns else { return text }
  guard columns > 1 else { return String(text.unicodeScalars.prefix(max(0, columns))) }
  return String(text.unicodeScalars.prefix(columns - 1)) + "…"
}
