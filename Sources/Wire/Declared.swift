import Bytes

/// The bytes that a line says its value has, read off lines that are refused.
///
///     set <251 bytes> 0 0 5       7, with the line end behind the value
///     set k 0 0 5 noreply x       7
///     ms k 11                     13, also where no server knows ms
///     ms k S11                    13: how memcached 1.6.0 to 1.6.9 wrote it
///
/// Most versions of memcached run such a value as commands. Here it is always skipped: whoever could choose the value
/// could else choose commands.
enum Declared {
  /// Zero for a line that says nothing of a value.
  static func bytes(_ bytes: RawSpan, _ line: RequestLine) -> Int {
    switch CommandTable.verb(bytes, from: line[0].from, to: line[0].to) {
    case .set, .add, .replace, .append, .prepend, .cas: length(bytes, line[4])
    case .metaSet: metaLength(bytes, line)
    default: 0
    }
  }

  /// What one word says, with the line end; zero for what is no length in any version.
  private static func length(_ bytes: RawSpan, _ word: Word) -> Int {
    guard let size = Number(bytes, word), !size.isNegative, size.magnitude <= UInt64(Int32.max - 2) else {
      return 0
    }
    return Int(truncatingIfNeeded: size.magnitude) &+ 2
  }

  private static func metaLength(_ bytes: RawSpan, _ line: RequestLine) -> Int {
    let body = length(bytes, line[2])
    if body > 0 || line.count < 3 { return body }
    var words = KeyWalk(from: line[1].to, to: line.last.to)
    while let word = words.next(bytes) {
      if bytes.byte(at: word.from) == 83 {  // S
        return length(bytes, Word(start: word.from &+ 1, length: Int(word.length) &- 1))
      }
    }
    return 0
  }
}
