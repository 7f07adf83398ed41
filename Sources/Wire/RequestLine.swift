import Bytes

/// Where a word of a request line stands.
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

/// A request line cut at its spaces into at most `most` words, as offsets into the bytes it came in.
///
/// Like memcached, any number of spaces separates two words and nothing but a space does.
@usableFromInline
package struct RequestLine: BitwiseCopyable {
  package static let most = 10

  var words = InlineArray<10, Word>(repeating: Word(start: 0, length: 0))
  /// Words on the line; those past `most` are counted and not kept.
  package private(set) var count = 0
  /// The last word, kept or not; empty when the line is.
  package private(set) var last = Word(start: 0, length: 0)
  /// Whether a byte stands on the line that would end it for some reader: NUL or CR.
  package private(set) var isAmbiguous = false
  /// Whether a NUL is among them, which ends the line for memcached before 1.6.40; a CR is a letter to all.
  private(set) var hasNUL = false

  package init() {}

  package subscript(i: Int) -> Word {
    i >= 0 && i < Self.most && i < count ? words[i] : Word(start: 0, length: 0)
  }

  /// Forgets the words past the first `most`.
  mutating func shorten(to most: Int) { count = min(count, most) }

  /// Cuts `from ..< to`, a line without its ending.
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
