import Bytes

/// One part of a reply, as `ReplyReader` finds it.
enum ReplyPart: Equatable {
  /// A `VALUE` line; `key` is nil if the key is none of this run's. Its bytes follow.
  case value(key: UInt32?, flags: UInt32, length: Int)
  /// Bytes of the value, in the input, and their offset in the value.
  case bytes(from: Int, count: Int, offset: Int)
  /// The end of the value; false if no line end followed its bytes.
  case valueEnd(isClean: Bool)
  case end
  case stored
  /// Another reply of memcached's to a get or set: an error, or a refusal.
  case refusal(String)
  /// Nothing that a memcached says: what follows cannot be understood.
  case unknown
}

/// Reads memcached's replies to `get` and `set` from a connection, whatever pieces they arrive in.
struct ReplyReader: ~Copyable {
  /// A line is at most this long; memcached's are shorter.
  static let longestLine = 1024

  private enum State: BitwiseCopyable {
    case line
    /// Reading a value of this length, from this offset on.
    case value(length: Int, offset: Int)
    /// Reading the line end behind a value.
    case lineEnd(seen: Int, isClean: Bool)
  }

  private var state = State.line
  /// The beginning of a line whose end has not arrived.
  private var unfinished: [UInt8] = []

  /// The next part of `input` from `position` on, which moves behind it; nil when the input is used up.
  mutating func next(_ input: RawSpan, _ position: inout Int, _ keys: borrowing KeySpace) -> ReplyPart? {
    guard position < input.byteCount else { return nil }
    switch state {
    case .line: return line(input, &position, keys)
    case .value(let length, let offset):
      let count = min(length - offset, input.byteCount - position)
      let from = position
      position += count
      state =
        offset + count == length
        ? .lineEnd(seen: 0, isClean: true) : .value(length: length, offset: offset + count)
      return .bytes(from: from, count: count, offset: offset)
    case .lineEnd(let seen, let isClean):
      let isRight = isClean && input.byte(at: position) == (seen == 0 ? 13 : 10)
      position += 1
      if seen == 1 {
        state = .line
        return .valueEnd(isClean: isRight)
      }
      state = .lineEnd(seen: 1, isClean: isRight)
      return next(input, &position, keys)
    }
  }

  private mutating func line(
    _ input: RawSpan, _ position: inout Int, _ keys: borrowing KeySpace
  ) -> ReplyPart? {
    let from = position
    guard let newline = input.firstNewline(from: from) else {
      position = input.byteCount
      if input.byteCount - from + unfinished.count > Self.longestLine { return .unknown }
      for i in from..<input.byteCount { unfinished.append(input.byte(at: i)) }
      return nil
    }
    position = newline + 1
    if unfinished.isEmpty { return part(input, from, newline, keys) }
    if newline - from + unfinished.count > Self.longestLine { return .unknown }
    for i in from...newline { unfinished.append(input.byte(at: i)) }
    let whole = unfinished
    unfinished.removeAll(keepingCapacity: true)
    return part(whole.span.raw, 0, whole.count - 1, keys)
  }

  /// The meaning of the line in `from ..< newline`.
  private mutating func part(
    _ bytes: RawSpan, _ from: Int, _ newline: Int, _ keys: borrowing KeySpace
  ) -> ReplyPart {
    guard newline > from, bytes.byte(at: newline - 1) == 13 else { return .unknown }
    let to = newline - 1
    if bytes.hasText("VALUE ", at: from) { return value(bytes, from + 6, to, keys) }
    if bytes.isText("END", from: from, to: to) { return .end }
    if bytes.isText("STORED", from: from, to: to) { return .stored }
    if bytes.isText("NOT_STORED", from: from, to: to) { return .refusal("NOT_STORED") }
    if bytes.isText("ERROR", from: from, to: to) || bytes.hasText("ERROR ", at: from)
      || bytes.hasText("SERVER_ERROR", at: from) || bytes.hasText("CLIENT_ERROR", at: from)
    {
      return .refusal(Self.text(of: bytes, from, to))
    }
    return .unknown
  }

  /// An error line, cut and without control characters.
  private static func text(of bytes: RawSpan, _ from: Int, _ to: Int) -> String {
    var text: [UInt8] = []
    for i in from..<min(to, from + 100) {
      let byte = bytes.byte(at: i)
      text.append(byte < 32 || byte > 126 ? UInt8(ascii: "?") : byte)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `<key> <flags> <length>`
  private mutating func value(
    _ bytes: RawSpan, _ from: Int, _ to: Int, _ keys: borrowing KeySpace
  ) -> ReplyPart {
    guard let keyEnd = bytes.first(32, from: from, to: to),
      let flagsEnd = bytes.first(32, from: keyEnd + 1, to: to),
      let flags = bytes.decimal(from: keyEnd + 1, to: flagsEnd).flatMap({ UInt32(exactly: $0) }),
      let length = bytes.decimal(from: flagsEnd + 1, to: to), length <= 1 << 30
    else { return .unknown }
    state = length == 0 ? .lineEnd(seen: 0, isClean: true) : .value(length: Int(length), offset: 0)
    return .value(key: keys.key(in: bytes, from: from, to: keyEnd), flags: flags, length: Int(length))
  }
}
