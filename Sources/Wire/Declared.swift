import Bytes

/// The length of the value that a refused line declares, so that the value can be skipped.
///
///     set <251 bytes> 0 0 5       7, with the line end behind the value
///     set k 0 0 5 noreply x       7
///     ms k 11                     13, even if no server knows ms
///     ms k S11                    13: how memcached 1.6.0 to 1.6.9 wrote it
///
/// Most versions of memcached run the value of a refused line as commands. The proxy always skips it: otherwise a
/// client that chooses a value could choose commands.
enum Declared {
  /// Zero for a line that declares no value.
  static func bytes(_ bytes: RawSpan, _ line: RequestLine) -> Int {
    switch CommandTable.verb(bytes, from: line[0].from, to: line[0].to) {
    case .set, .add, .replace, .append, .prepend, .cas: length(bytes, line[4])
    case .metaSet: metaLength(bytes, line)
    default: 0
    }
  }

  /// The length that a word declares, plus the line end; zero if no version reads the word as a length.
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
