import Bytes

@testable import Wire

/// A meta request in a test's hands, and what its reply is read against.
struct MetaQuestion {
  private(set) var line = MetaLine()
  private var asked: [UInt8] = []

  /// The request as the proxy sends it.
  init(_ bytes: [UInt8], opaque: UInt64 = 7) {
    var pool = BufferPool()
    var out = Buffer()
    // SAFETY: the bytes of an array of bytes are all initialised.
    unsafe write(bytes.span.bytes, opaque, &out, &pool)
    for i in 0..<out.count { asked.append(out.readable.byte(at: i)) }
  }

  /// The same without the opaque 7, which a client did not send.
  init(withoutOpaque sent: [UInt8]) {
    self.init(sent)
    guard let end = asked.firstIndex(of: 13), asked[..<end].suffix(3) == [32, 79, 55] else { return }
    asked.removeSubrange(end - 3..<end)
    line.flags.insert(.full)
  }

  private mutating func write(
    _ bytes: RawSpan, _ opaque: UInt64, _ out: inout Buffer, _ pool: inout BufferPool
  ) {
    var words = RequestLine()
    var request = Request()
    let verdict = RequestParser.next(
      bytes, from: 0, scanned: 0, maxValue: 1 << 20, line: &words, into: &request)
    guard case .request = verdict, request.verb.isMeta else { return }
    line = MetaLine.write(bytes, 0, request, opaque: opaque, to: &out, &pool)
  }

  var sent: String { String(decoding: asked, as: UTF8.self) }

  func answer(_ bytes: RawSpan, at p: Int, mayBeBare: Bool = false, maxValue: Int) -> MetaAnswer {
    // SAFETY: the bytes of an array of bytes are all initialised.
    unsafe ReplyParser.meta(
      bytes, at: p, to: line, asked: asked.span.bytes, mayBeBare: mayBeBare, maxValue: maxValue)
  }

  func reply(_ bytes: RawSpan, at p: Int, maxValue: Int) -> MetaReply? {
    guard case .reply(let reply) = answer(bytes, at: p, maxValue: maxValue) else { return nil }
    return reply
  }
}
