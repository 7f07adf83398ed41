import Bytes

/// Which part of a key is hashed.
package enum KeyPart: Hashable, Sendable {
  case whole
  /// What is between the two bytes, by twemproxy's rule.
  case tag(HashTag)
  /// The same by memcached's proxy, which hashes nothing if nothing is between them.
  case tagOrNothing(HashTag)
  /// What stands before the first occurrence of a text.
  case before([UInt8])
  /// mcrouter's: without a prefix `/region/cluster/`, and what stands before the first `|#|`.
  case routingKey

  /// The part of the key at `from ..< from + count`.
  func range(in bytes: RawSpan, from: Int, count: Int) -> (from: Int, count: Int) {
    switch self {
    case .whole: (from, count)
    case .tag(let tag): tag.hashed(in: bytes, from: from, count: count)
    case .tagOrNothing(let tag): Self.between(tag, in: bytes, from: from, count: count)
    case .before(let text): (from, Self.length(before: text, in: bytes, from: from, count: count))
    case .routingKey: Self.routingKey(in: bytes, from: from, count: count)
    }
  }

  private static func between(_ tag: HashTag, in bytes: RawSpan, from: Int, count: Int) -> (
    from: Int, count: Int
  ) {
    guard let open = bytes.first(tag.opening, from: from, to: from &+ count),
      let close = bytes.first(tag.closing, from: open &+ 1, to: from &+ count)
    else { return (from, count) }
    return (open &+ 1, close &- open &- 1)
  }

  private static func length(before text: [UInt8], in bytes: RawSpan, from: Int, count: Int) -> Int {
    guard !text.isEmpty else { return count }
    var i = 0
    while i &+ text.count <= count {
      var matched = 0
      while matched < text.count, bytes.byte(at: from &+ i &+ matched) == text[matched] { matched &+= 1 }
      if matched == text.count { return i }
      i &+= 1
    }
    return count
  }

  private static func routingKey(in bytes: RawSpan, from: Int, count: Int) -> (from: Int, count: Int) {
    let slash = UInt8(ascii: "/")
    var (start, length) = (from, count)
    if count > 0, bytes.byte(at: from) == slash,
      let second = bytes.first(slash, from: from &+ 1, to: from &+ count),
      let third = bytes.first(slash, from: second &+ 1, to: from &+ count)
    {
      start = third &+ 1
      length = from &+ count &- start
    }
    return (start, Self.length(before: Array("|#|".utf8), in: bytes, from: start, count: length))
  }
}

/// How a key becomes what is hashed, in placements that do more than hash it: a part of it, changed, with a text before
/// and one after.
package struct KeyRule: Hashable, Sendable {
  package var part = KeyPart.whole
  /// Left out if the key begins with it.
  package var skipped: [UInt8] = []
  package var before: [UInt8] = []
  package var after: [UInt8] = []
  package var form = Form.bytes
  package var seed: UInt64 = 0
  /// More bytes than this hash to 0: libmemcached's, of a key and its prefix.
  package var most = Int.max

  /// What is made of the part before it is hashed.
  package enum Form: Hashable, Sendable {
    case bytes
    /// Python's text of a `bytes` value: `b'key'`.
    case pythonBytes
    /// One byte, the lowest, for each character: what pymemcache hashes of a text.
    case characters
  }

  package init() {}

  /// Whether the key itself, or the part in its tag, is hashed as it is.
  var isPlain: Bool {
    let isOfTag = if case .tag = part { true } else { part == .whole }
    return isOfTag && skipped.isEmpty && before.isEmpty && after.isEmpty && form == .bytes && seed == 0
  }

  /// What is hashed of the key at `from ..< from + count`: added to `text`.
  func append(_ bytes: RawSpan, from: Int, count: Int, to text: inout KeyText) {
    let (start, length) = range(in: bytes, from: from, count: count)
    text.append(before)
    switch form {
    case .bytes: for i in start..<start &+ length { text.append(bytes.byte(at: i)) }
    case .characters: Self.appendCharacters(of: bytes, from: start, count: length, to: &text)
    case .pythonBytes: Self.appendRepresentation(of: bytes, from: start, count: length, to: &text)
    }
    text.append(after)
  }

  /// Whether what is hashed is a part of the key.
  var isPart: Bool { before.isEmpty && after.isEmpty && form == .bytes }

  /// The part of the key that is hashed, without the prefix that is skipped.
  func range(in bytes: RawSpan, from: Int, count: Int) -> (from: Int, count: Int) {
    var (start, length) = (from, count)
    if !skipped.isEmpty, skipped.count <= count,
      bytes.matches(at: from, skipped.span.raw, at: 0, count: skipped.count)
    {
      start &+= skipped.count
      length &-= skipped.count
    }
    return part.range(in: bytes, from: start, count: length)
  }

  /// Bytes that are not UTF-8 count as the character U+FFFD each.
  private static func appendCharacters(of bytes: RawSpan, from: Int, count: Int, to text: inout KeyText) {
    let end = from &+ count
    var i = from
    while i < end {
      let first = bytes.byte(at: i)
      let length =
        first < 0x80 ? 1 : first < 0xC2 || first > 0xF4 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      var isWhole = length > 0 && i &+ length <= end
      for k in 1..<max(1, length) where isWhole { isWhole = bytes.byte(at: i &+ k) & 0xC0 == 0x80 }
      if !isWhole {
        text.append(0xFD)
        i &+= 1
      } else if length == 1 {
        text.append(first)
        i &+= 1
      } else {
        i &+= length
        text.append((bytes.byte(at: i &- 2) & 3) &<< 6 | bytes.byte(at: i &- 1) & 0x3F)
      }
    }
  }

  /// As Python's `repr` writes it: in double quotes if the key has a single one and no double one.
  private static func appendRepresentation(of bytes: RawSpan, from: Int, count: Int, to text: inout KeyText) {
    let (single, double, backslash) = (UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "\\"))
    let end = from &+ count
    let hasSingle = bytes.first(single, from: from, to: end) != nil
    let quote = hasSingle && bytes.first(double, from: from, to: end) == nil ? double : single
    text.append(UInt8(ascii: "b"))
    text.append(quote)
    for i in from..<end {
      let byte = bytes.byte(at: i)
      switch byte {
      case quote, backslash:
        text.append(backslash)
        text.append(byte)
      case 9, 10, 13:
        text.append(backslash)
        text.append(byte == 9 ? UInt8(ascii: "t") : byte == 10 ? UInt8(ascii: "n") : UInt8(ascii: "r"))
      case 0..<32, 127...:
        text.append(backslash)
        text.append(UInt8(ascii: "x"))
        text.append(digit(byte &>> 4))
        text.append(digit(byte & 15))
      default: text.append(byte)
      }
    }
    text.append(quote)
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ value &- 10
  }
}

/// A text that is made to be hashed, without an allocation. Bytes past its end are left out; the longest that a key, its
/// prefix and a label can give fit.
struct KeyText {
  private var bytes = InlineArray<2048, UInt8>(repeating: 0)
  private(set) var count = 0

  mutating func append(_ byte: UInt8) {
    guard count < bytes.count else { return }
    bytes[count] = byte
    count &+= 1
  }

  mutating func append(_ text: [UInt8]) { for byte in text { append(byte) } }

  /// Drops what was added after the first `n` bytes.
  mutating func keep(first n: Int) { count = min(count, max(0, n)) }

  var raw: RawSpan { @_lifetime(borrow self) get { bytes.span.raw.first(count) } }
}
