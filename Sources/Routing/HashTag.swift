import Bytes

/// Two bytes that mark the part of a key that is hashed, so that related keys share a server.
///
///     tag {}    user:{42}:name   → hashes 42
///               user:{}:name{7}  → hashes the whole key: the first pair is empty
///
/// Twemproxy's rule: the first opening byte, then the first closing byte after it. If at least one byte lies between
/// them, those bytes are hashed, else the whole key. Later pairs are not considered.
@usableFromInline @frozen
package struct HashTag: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline package let opening: UInt8
  @usableFromInline package let closing: UInt8

  @inlinable package init(opening: UInt8, closing: UInt8) {
    self.opening = opening
    self.closing = closing
  }

  /// The hash tag written in a configuration file as exactly two bytes; nil for any other text.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 2 else { return nil }
    self.init(opening: bytes[0], closing: bytes[1])
  }

  /// The part of the key at `from ..< from + count` that is hashed.
  @inlinable
  package func hashed(in bytes: RawSpan, from: Int, count: Int) -> (from: Int, count: Int) {
    let end = from &+ count
    guard let open = bytes.first(opening, from: from, to: end),
      let close = bytes.first(closing, from: open &+ 1, to: end),
      close &- open > 1
    else { return (from, count) }
    return (open &+ 1, close &- open &- 1)
  }
}
