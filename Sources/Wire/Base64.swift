import Bytes

/// Base64 as meta commands use it for keys that are not text, decoded exactly as memcached decodes it.
package enum Base64 {
  /// The encoded length of `count` bytes.
  package static func length(encoding count: Int) -> Int { (count &+ 2) / 3 &* 4 }

  /// The `i`th letter of the encoding of `count` bytes of `raw` at `from`.
  package static func letter(_ i: Int, of raw: RawSpan, from: Int, count: Int) -> UInt8 {
    let group = i / 4 &* 3
    func byte(_ j: Int) -> Int { group &+ j < count ? Int(raw.byte(at: from &+ group &+ j)) : 0 }
    switch i % 4 {
    case 0: return letter(byte(0) >> 2)
    case 1: return letter((byte(0) & 3) << 4 | byte(1) >> 4)
    case 2: return group &+ 1 < count ? letter((byte(1) & 15) << 2 | byte(2) >> 6) : 61
    default: return group &+ 2 < count ? letter(byte(2) & 63) : 61
    }
  }

  private static func letter(_ value: Int) -> UInt8 {
    switch value {
    case ..<26: UInt8(truncatingIfNeeded: 65 &+ value)
    case ..<52: UInt8(truncatingIfNeeded: 71 &+ value)
    case ..<62: UInt8(truncatingIfNeeded: value &- 4)
    case 62: 43
    default: 47
    }
  }

  /// The six bits of a letter; nil for any other byte, which memcached skips. The padding counts as zero.
  static func value(_ letter: UInt8) -> UInt8? {
    switch letter {
    case 65...90: letter &- 65
    case 97...122: letter &- 71
    case 48...57: letter &+ 4
    case 43: 62
    case 47: 63
    case 61: 0
    default: nil
    }
  }

  /// Whether the bytes at `encoded` are the base64 encoding of the bytes at `raw`.
  static func isEncoding(_ text: RawSpan, _ encoded: Word, of bytes: RawSpan, _ raw: Word) -> Bool {
    let count = Int(raw.length)
    guard Int(encoded.length) == length(encoding: count) else { return false }
    for i in 0..<Int(encoded.length)
    where text.byte(at: encoded.from &+ i) != letter(i, of: bytes, from: raw.from, count: count) {
      return false
    }
    return true
  }
}

/// A key decoded from base64. The proxy hashes the decoded bytes, so that `mg Zm9v b` and `get foo` reach the same
/// server.
package struct DecodedKey: BitwiseCopyable {
  /// 192 bytes are enough: 250 bytes of base64, the longest key, decode to at most 186.
  package private(set) var bytes = InlineArray<192, UInt8>(repeating: 0)
  package private(set) var count = 0

  /// Nil if memcached rejects the key: the number of letters is not a multiple of four, or there is too much padding.
  /// Bytes after the first padding are ignored.
  package init?(_ text: RawSpan, from: Int, count n: Int) {
    guard from >= 0, n >= 0, n <= RequestParser.longestKey, n <= text.byteCount &- from else { return nil }
    var letters = 0
    for i in 0..<n where Base64.value(text.byte(at: from &+ i)) != nil { letters &+= 1 }
    guard letters > 0, letters % 4 == 0 else { return nil }
    var group = 0
    var block = 0
    var padding = 0
    for i in 0..<n {
      let byte = text.byte(at: from &+ i)
      guard let value = Base64.value(byte) else { continue }
      if byte == 61 { padding &+= 1 }
      block = block << 6 | Int(value)
      group &+= 1
      guard group == 4 else { continue }
      guard padding < 3 else { return nil }
      var shift = 16
      while shift >= padding &* 8 {
        bytes[count] = UInt8(truncatingIfNeeded: block >> shift)
        count &+= 1
        shift &-= 8
      }
      if padding > 0 { break }
      group = 0
      block = 0
    }
  }

  /// Whether the key could be sent without base64: it has no space, CR, LF or NUL.
  package var isText: Bool {
    for i in 0..<count where bytes[i] == 32 || bytes[i] == 13 || bytes[i] == 10 || bytes[i] == 0 {
      return false
    }
    return true
  }
}
