import Bytes

// Parsing of an untrusted `stats` answer: any line may be malformed.

extension RawSpan {
  /// Calls `body` with the range of each line, without its line end, until it returns false. Bytes after the last
  /// line end are not a line.
  func forEachLine(_ body: (_ from: Int, _ to: Int) -> Bool) {
    var position = 0
    while let newline = firstNewline(from: position) {
      let hasReturn = newline > position && byte(at: newline - 1) == 13
      guard body(position, hasReturn ? newline - 1 : newline) else { return }
      position = newline + 1
    }
  }

  /// Whether the last line is `END`.
  var endsWithEND: Bool {
    let n = byteCount
    for (tail, length) in [("END\r\n" as StaticString, 5), ("END\n", 4)] {
      guard n >= length, hasText(tail, at: n - length) else { continue }
      return n == length || byte(at: n - length - 1) == 10
    }
    return false
  }

  /// A copy of the bytes in which control bytes, which could end a line or a string, are replaced by `?`.
  func cleaned(from: Int, to: Int) -> [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(to - from)
    for i in from..<to {
      let byte = byte(at: i)
      copy.append(byte < 32 || byte == 127 ? 63 : byte)
    }
    return copy
  }

  /// The same as a string; invalid UTF-8 is replaced.
  func text(from: Int, to: Int) -> String {
    String(decoding: cleaned(from: from, to: to), as: UTF8.self)
  }

  /// Whether a line is one that `stats cachedump` prints for a text key: `ITEM <key> [<n> b; <n> s]`.
  func isItemRow(from: Int, to: Int) -> Bool {
    guard hasText("ITEM ", at: from), let space = first(32, from: from + 5, to: to) else { return false }
    guard space > from + 5, space <= from + 5 + 250, first(0, from: from, to: to) == nil,
      first(13, from: from, to: to) == nil, hasText(" [", at: space)
    else { return false }
    let size = digits(from: space + 2, to: to).end
    guard size > space + 2, size + 4 < to, hasText(" b; ", at: size) else { return false }
    let time = digits(from: size + 4, to: to).end
    return time > size + 4 && time + 3 == to && hasText(" s]", at: time)
  }
}

/// A text as a word in a row: characters that would end it (blanks, control bytes) are shown as `_`.
func wordOfRow(_ text: String) -> String {
  String(decoding: text.utf8.map { $0 <= 32 || $0 == 127 ? 95 : $0 }, as: UTF8.self)
}

/// A text as the value of a row: control characters are shown as `?`, blanks are kept.
func valueOfRow(_ text: String) -> String {
  let shown = text.unicodeScalars.map { $0.value < 32 || (127..<160).contains($0.value) ? "?" : $0 }
  return String(String.UnicodeScalarView(shown))
}
