import Bytes

/// The position of a word in a request line: offset and length in bytes.
@usableFromInline @frozen
package struct Word: BitwiseCopyable {
  @usableFromInline package var start: Int32
  @usableFromInline package var length: Int32
  @inlinable package init(start: Int, length: Int) {
    self.start = Int32(truncatingIfNeeded: start)
    self.length = Int32(truncatingIfNeeded: length)
  }
  @inlinable package var from: Int { Int(start) }
  @inlinable package var to: Int { Int(start) &+ Int(length) }
}

/// A request line split at its spaces into at most `most` words, as offsets into the received bytes.
///
/// As in memcached, words are separated by one or more spaces and by nothing else.
@usableFromInline
package struct RequestLine: BitwiseCopyable {
  package static let most = 10

  var words = InlineArray<10, Word>(repeating: Word(start: 0, length: 0))
  /// The number of words on the line. Words past `most` are counted but not kept.
  package private(set) var count = 0
  /// The last word, kept or not; empty if the line is empty.
  package private(set) var last = Word(start: 0, length: 0)
  /// Whether the line holds a NUL or a CR: some parser ends the line at either.
  package private(set) var isAmbiguous = false
  /// Whether the line holds a NUL, which ends the line for memcached before 1.6.40. No version ends it at a lone CR.
  private(set) var hasNUL = false

  package init() {}

  package subscript(i: Int) -> Word {
    i >= 0 && i < Self.most && i < count ? words[i] : Word(start: 0, length: 0)
  }

  /// Drops the words past the first `most`.
  mutating func shorten(to most: Int) { count = min(count, most) }

  /// Splits `from ..< to`, a line without its ending, into words.
  package mutating func cut(_ bytes: RawSpan, from: Int, to: Int) {
    count = 0
    last = Word(start: 0, length: 0)
    isAmbiguous = false
    hasNUL = false
    var i = from
    var start = from
    while i <= to {
      let byte: UInt8 = i < to ? bytes.byte(at: i) : 32
      if byte == 32 {
        if i > start {
          last = Word(start: start, length: i &- start)
          if count < Self.most { words[count] = last }
          count &+= 1
        }
        start = i &+ 1
      } else if byte == 0 || byte == 13 {
        isAmbiguous = true
        hasNUL = hasNUL || byte == 0
      }
      i &+= 1
    }
  }
}
