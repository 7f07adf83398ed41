import Bytes

/// A meta request as it was sent to a server: its command, its flags and the position of its key.
package struct MetaLine: BitwiseCopyable {
  package var verb = Verb.metaGet
  package var flags = MetaFlags()
  /// The key's offset from the start of the request.
  package var keyStart: UInt8 = 0
  package var keyLength: UInt8 = 0
  /// For `hiddenKey`: the number of tokens of a hit that precede the key.
  package var keyPlace: UInt8 = 0
  /// Whether `q` was sent to the server. Before 1.6.40 memcached announces a value that an `ma` with `q` and `N`
  /// creates, and its reply without `q` does not show that it created one. The server may stay silent, so a `Fence`
  /// is sent after it.
  package var keepsQuiet = false

  package init() {}

  /// Whether the proxy sent its own opaque, which must be hidden from the client.
  package var hasOwnOpaque: Bool { !flags.contains(.opaque) && !flags.contains(.full) && verb != .metaDebug }

  package func key(from start: Int) -> Word {
    Word(start: start &+ Int(keyStart), length: Int(keyLength))
  }

  /// Iterates over the flags of the request that begins at `start`.
  package func sentFlags(_ asked: RawSpan, from start: Int) -> KeyWalk {
    let key = key(from: start)
    let newline = asked.firstNewline(from: min(key.to, asked.byteCount)) ?? asked.byteCount
    var walk = KeyWalk(from: key.to, to: max(key.to, newline &- 1))
    if verb == .metaSet { _ = walk.next(asked) }
    return walk
  }

  /// Whether sending the request again has no effect and gets the same answer: false for a read that creates or
  /// claims an item, and for one that shows when the item was last read.
  package func isRepeatable(_ asked: RawSpan, from start: Int) -> Bool {
    guard verb == .metaGet else { return false }
    var walk = sentFlags(asked, from: start)
    while let word = walk.next(asked) {
      switch asked.byte(at: word.from) {
      case 78, 82, 104, 108: return false  // NRhl
      case 84 where !asked.isLasting(timeAt: word.from &+ 1): return false  // T
      default: break
      }
    }
    return true
  }

  /// Whether a hit returns a token for this flag.
  package static func comesBack(_ letter: UInt8) -> Bool {
    switch letter {
    case 99, 102, 104, 107, 108, 115, 116, 79: true  // cfhklstO
    default: false
    }
  }

  /// Writes a request in its one canonical form: one space between two words, the key's base64 and all numbers as
  /// memcached reads them, no `q` unless it `keepsQuiet`, and an opaque if the client gave none:
  ///
  ///     mg  Zm9v= v  qq b N+030   →   mg Zm9v v b N30 O7
  ///
  /// Returns the positions of the parts written.
  package static func write(
    _ bytes: RawSpan, _ p: Int, _ request: Request, opaque: UInt64, for era: Era = .v1_6_40,
    to out: inout Buffer, _ buffers: inout BufferPool
  ) -> MetaLine {
    var line = MetaLine()
    line.verb = request.meta.contains(.unshown) ? .metaGet : request.verb
    line.flags = request.meta
    line.keyStart = 3
    let before = out.count
    switch line.verb {
    case .metaSet: out.append("ms ", &buffers)
    case .metaDelete: out.append("md ", &buffers)
    case .metaArithmetic: out.append("ma ", &buffers)
    case .metaDebug: out.append("me ", &buffers)
    default: out.append("mg ", &buffers)
    }
    appendKey(bytes, request, to: &out, &buffers)
    line.keyLength = UInt8(truncatingIfNeeded: out.count &- before &- 3)
    if request.meta.contains(.unshown) {
      out.append(" b u", &buffers)
    } else if request.verb == .metaDebug {
      // memcached since 1.6.40 reads the first `b` only if there is a second word.
      if request.meta.contains(.base64) { out.append(" b b", &buffers) }
    } else {
      line.appendFlags(bytes, p, request, era, to: &out, &buffers)
    }
    if line.keepsQuiet { out.append(" q", &buffers) }
    if line.hasOwnOpaque {
      out.append(" O", &buffers)
      out.append(decimal: opaque, &buffers)
    }
    out.append("\r\n", &buffers)
    out.append(bytes, from: p &+ request.lineLength, count: request.bodyLength, &buffers)
    return line
  }

  /// Writes `md` for a key of arbitrary bytes, in base64.
  package static func writeDelete(
    ofRaw key: RawSpan, opaque: UInt64, to out: inout Buffer, _ buffers: inout BufferPool
  ) -> MetaLine {
    var line = MetaLine()
    line.verb = .metaDelete
    line.flags = .base64
    line.keyStart = 3
    line.keyLength = UInt8(truncatingIfNeeded: Base64.length(encoding: key.byteCount))
    out.append("md ", &buffers)
    for i in 0..<Base64.length(encoding: key.byteCount) {
      out.append(byte: Base64.letter(i, of: key, from: 0, count: key.byteCount), &buffers)
    }
    out.append(" b O", &buffers)
    out.append(decimal: opaque, &buffers)
    out.append("\r\n", &buffers)
    return line
  }

  private static func appendKey(
    _ bytes: RawSpan, _ request: Request, to out: inout Buffer, _ buffers: inout BufferPool
  ) {
    guard request.meta.contains(.base64),
      let key = DecodedKey(bytes, from: request.keyStart, count: request.keyLength)
    else { return out.append(bytes, from: request.keyStart, count: request.keyLength, &buffers) }
    let raw = key.bytes.span.raw
    for i in 0..<Base64.length(encoding: key.count) {
      out.append(byte: Base64.letter(i, of: raw, from: 0, count: key.count), &buffers)
    }
  }

  /// Writes the words after the key.
  private mutating func appendFlags(
    _ bytes: RawSpan, _ p: Int, _ request: Request, _ era: Era, to out: inout Buffer,
    _ buffers: inout BufferPool
  ) {
    var end = p &+ request.lineLength &- 1
    if end > p, bytes.byte(at: end &- 1) == 13 { end &-= 1 }
    var words = KeyWalk(from: request.keyStart &+ request.keyLength, to: end)
    if verb == .metaSet, let size = words.next(bytes) {
      out.append(byte: 32, &buffers)
      Self.append(Number(bytes, size)?.cutToInt32, to: &out, &buffers)
    }
    var place: UInt8 = 0
    while let word = words.next(bytes) {
      let letter = bytes.byte(at: word.from)
      if letter == 113 { continue }
      if letter == 78, verb == .metaArithmetic, flags.contains(.quiet), era < .v1_6_40 { keepsQuiet = true }
      if letter == 107, flags.contains(.hiddenKey) {
        keyPlace = place
        continue
      }
      if Self.comesBack(letter) { place &+= 1 }
      out.append(byte: 32, &buffers)
      Self.append(bytes, word, letter, to: &out, &buffers)
    }
  }

  private static func append(
    _ bytes: RawSpan, _ word: Word, _ letter: UInt8, to out: inout Buffer, _ buffers: inout BufferPool
  ) {
    let number = Number(bytes, Word(start: word.from &+ 1, length: Int(word.length) &- 1))
    switch MetaToken(letter) {
    case .text, .mode:
      out.append(bytes, from: word.from, count: Int(word.length), &buffers)
      return
    default: out.append(byte: letter, &buffers)
    }
    switch MetaToken(letter) {
    case .time: append(number?.cutToInt32, to: &out, &buffers)
    case .clientFlags: out.append(decimal: UInt64(number?.cutToUInt32 ?? 0), &buffers)
    case .number: out.append(decimal: number?.cutToUInt64 ?? 0, &buffers)
    default: break
    }
  }

  private static func append(_ value: Int32?, to out: inout Buffer, _ buffers: inout BufferPool) {
    let value = value ?? 0
    if value < 0 { out.append("-", &buffers) }
    out.append(decimal: UInt64(value.magnitude), &buffers)
  }
}

extension RawSpan {
  /// Whether the expiration time at `p` does not end an item at once: 0, or at most 30 days (2,592,000 seconds).
  /// memcached reads a larger number as a date, which may be in the past.
  package func isLasting(timeAt p: Int) -> Bool {
    let (time, end) = digits(from: min(p, byteCount), to: byteCount)
    return end > p && end &- p <= 10 && time <= 2_592_000
  }
}
