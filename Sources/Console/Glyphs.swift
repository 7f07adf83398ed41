/// The characters that a terminal can show: pictures of numbers, made of them.
enum Glyphs: Sendable {
  case unicode, ascii

  /// Levels of a line of a graph, from low to high.
  private var levels: [Character] {
    switch self {
    case .unicode: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    case .ascii: ["_", "-", "=", "+", "*", "%", "@", "#"]
    }
  }

  private var zero: Character { self == .unicode ? "·" : "." }

  /// The mark of the column by which a table is sorted.
  func sorted(isReversed: Bool) -> String {
    switch self {
    case .unicode: isReversed ? "▴" : "▾"
    case .ascii: isReversed ? "^" : "v"
    }
  }

  /// A graph of one column for each value, of this many lines, the top one first. What is not known is blank, and zero
  /// is a dot.
  func graph(_ values: [Double?], highest: Double, lines: Int) -> [String] {
    let steps = values.map { value -> Int? in
      guard let value, value >= 0 else { return nil }
      guard value > 0, highest > 0 else { return 0 }
      return Int(clampingTo: (min(1, value / highest) * Double(levels.count * lines)).rounded(.up))
    }
    return (0..<lines).reversed().map { line in
      String(
        steps.map { step -> Character in
          guard let step else { return " " }
          if step == 0 { return line == 0 ? zero : " " }
          let above = step - line * levels.count
          return above <= 0 ? " " : levels[min(above, levels.count) - 1]
        })
    }
  }

  /// The columns of a bar.
  static let barWidth = 7

  /// A bar whose middle is the ideal: shorter is less than that, longer is more, full is twice as much or more.
  func bar(_ part: Double?, ideal: Double) -> String {
    let half = Self.barWidth / 2
    guard let part, ideal > 0 else { return String(repeating: " ", count: Self.barWidth) }
    // In eighths of a column, without the one of the mark.
    let ratio = min(2, max(0, part / ideal))
    let eighths = Int((ratio * Double(half * 8)).rounded())
    func cells(_ eighths: Int) -> String {
      let eighths = min(max(0, eighths), half * 8)
      var text = String(repeating: full, count: eighths / 8)
      if eighths % 8 > 0, text.count < half { text += partial(eighths % 8) }
      return text + String(repeating: " ", count: half - text.count)
    }
    return cells(eighths) + mark + cells(eighths - half * 8)
  }

  private var full: String { self == .unicode ? "█" : "#" }
  private var mark: String { self == .unicode ? "│" : "|" }

  private func partial(_ eighths: Int) -> String {
    switch self {
    case .unicode: ["▏", "▎", "▍", "▌", "▋", "▊", "▉"][min(max(1, eighths), 7) - 1]
    case .ascii: eighths >= 4 ? "=" : "-"
    }
  }
}
