/// The characters that a terminal can show: pictures of numbers, made of them.
enum Glyphs: Sendable {
  case unicode, ascii

  /// Levels of a graph, from low to high; none is a blank.
  private var levels: [Character] {
    switch self {
    case .unicode: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    case .ascii: ["_", ".", "-", "=", "+", "*", "%", "#"]
    }
  }

  /// The mark of the column by which a table is sorted.
  func sorted(isReversed: Bool) -> String {
    switch self {
    case .unicode: isReversed ? "▴" : "▾"
    case .ascii: isReversed ? "^" : "v"
    }
  }

  /// A graph of one character for each value, which are shares of the highest. What is not known, and zero, are blank.
  func graph(_ values: [Double?], highest: Double) -> String {
    String(
      values.map { value -> Character in
        guard let value, value > 0, highest > 0 else { return " " }
        let share = min(1, value / highest)
        return levels[max(0, Int((share * Double(levels.count)).rounded(.up)) - 1)]
      })
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
