/// Turns frames into bytes for a terminal, or into plain text.
struct Painter: Sendable {
  var glyphs: Glyphs
  var hasColours: Bool

  /// The alternate screen without cursor, and lines that do not wrap.
  static let begin = Array("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J".utf8)
  /// As it was before.
  static let end = Array("\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l".utf8)

  /// What the environment says of the terminal.
  init(term: String?, noColour: String?, locale: String?) {
    let locale = locale?.lowercased() ?? ""
    glyphs = locale.contains("utf-8") || locale.contains("utf8") ? .unicode : .ascii
    let isMonochrome = term.map { $0.hasPrefix("vt") || $0.hasSuffix("-m") || $0.hasSuffix("-mono") } ?? true
    hasColours = (noColour ?? "").isEmpty && !isMonochrome && !Self.isDumb(term)
  }

  /// Whether a terminal understands no sequences at all.
  static func isDumb(_ term: String?) -> Bool { term == nil || term == "" || term == "dumb" }

  /// The whole frame, to be written at once: every line at its place, and nothing erased before it is overwritten.
  func paint(_ frame: Frame, columns: Int) -> [UInt8] {
    var out: [UInt8] = []
    for (i, line) in frame.lines.enumerated() {
      out += "\u{1B}[\(i + 1);1H".utf8
      for span in line.spans {
        let sequence = sequence(span.style)
        if !sequence.isEmpty { out += "\u{1B}[\(sequence)m".utf8 }
        out += encoded(span.text)
        if !sequence.isEmpty { out += "\u{1B}[0m".utf8 }
      }
      // Behind the last column it would erase that.
      if line.width < columns { out += "\u{1B}[K".utf8 }
    }
    return out
  }

  /// The lines without styles, and without blanks at their ends.
  func plain(_ frame: Frame) -> [UInt8] {
    frame.lines.flatMap { line in
      var text = encoded(line.text)
      while text.last == 32 { text.removeLast() }
      return text + [10]
    }
  }

  private func encoded(_ text: String) -> [UInt8] {
    guard glyphs == .ascii else { return Array(text.utf8) }
    return text.unicodeScalars.map { scalar in
      if scalar.isASCII { return UInt8(truncatingIfNeeded: scalar.value) }
      return scalar == "…" ? UInt8(ascii: "~") : UInt8(ascii: "?")
    }
  }

  /// The parameters of the sequence that begins a style.
  private func sequence(_ style: Style) -> String {
    switch style {
    case .plain: ""
    case .strong: "1"
    case .faint: "2"
    case .good: hasColours ? "32" : ""
    case .warning: hasColours ? "33" : "1"
    case .bad: hasColours ? "1;31" : "1"
    case .alarm: hasColours ? "1;37;41" : "1;7"
    case .title: hasColours ? "1;37;44" : "1;7"
    case .heading: hasColours ? "30;46" : "7"
    case .key: hasColours ? "1;36" : "1"
    }
  }
}
