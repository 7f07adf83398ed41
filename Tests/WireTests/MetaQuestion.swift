import Bytes

@testable import Wire

/// A meta request of a test, and the data that its reply is parsed against.
struct MetaQuestion {
  private(set) var line = MetaLine()
  private var asked: [UInt8] = []

  /// The request as the proxy sends it.
  init(_ bytes: [UInt8], opaque: UInt64 = 7, era: Era = .v1_6_18) {
    var pool = BufferPool()
    var out = Buffer()
    // SAFETY: the bytes of an array of bytes are all initialised.
    unsafe write(bytes.span.bytes, opaque, Dialect(classic: era, meta: era), &out, &pool)
    for i in 0..<out.count { asked.append(out.readable.byte(at: i)) }
  }

  /// The same without the proxy's opaque 7, for a request that a client sent directly.
  init(withoutOpaque sent: [UInt8], era: Era) {
    self.init(sent, era: era)
    guard let end = asked.firstIndex(of: 13), asked[..<end].suffix(3) == [32, 79, 55] else { return }
    asked.removeSubrange(end - 3..<end)
    line.flags.insert(.full)
  }

  private mutating func write(
    _ bytes: RawSpan, _ opaque: UInt64, _ dialect: Dialect, _ out: inout Buffer, _ pool: inout BufferPool
  ) {
    var words = RequestLine()
    var request = Request()
    let verdict = RequestParser.next(
      bytes, from: 0, scanned: 0, maxValue: 1 << 20, dialect: dialect, line: &words, into: &request)
    guard case .request = verdict, request.verb.isMeta else { return }
    line = MetaLine.write(bytes, 0, request, opaque: opaque, to: &out, &pool)
  }

  func answer(_ bytes: RawSpan, at p: Int, era: Era = .v1_6_18, maxValue: Int) -> MetaAnswer {
    // SAFETY: the bytes of an array of bytes are all initialised.
    unsafe ReplyParser.meta(
      bytes, at: p, to: line, asked: asked.span.bytes, era: era, maxValue: maxValue)
  }

  func reply(_ bytes: RawSpan, at p: Int, era: Era = .v1_6_18, maxValue: Int) -> MetaReply? {
    guard case .reply(let reply) = answer(bytes, at: p, era: era, maxValue: maxValue) else { return nil }
    return reply
  }
}
