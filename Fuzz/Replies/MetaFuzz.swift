import Bytes
import FuzzDriver
import Wire

/// Fuzzes meta replies: the input's request is written as the proxy sends it, and the input's reply parsed for it.
enum MetaFuzz {
  static func check(_ choices: Choices) {
    var choices = choices
    let cut = choices.number(below: 65536)
    let said = Array(choices.bytes(1 + choices.number(below: 250))) + [13, 10]
    let reply = Array(choices.rest)
    guard let (line, asked) = sent(said) else { return }
    let eras = Era.allCases
    let era = cut < 4096 ? .v1_6_18 : eras[cut / 4096 % eras.count]
    let verdict = read(reply[...], line, asked, era)
    if case .reply(let answer) = verdict { checkReply(answer, reply, line, asked) }
    checkCut(verdict, read(reply[..<(cut % (reply.count + 1))], line, asked, era))
  }

  /// The request as the proxy sends it to a server; nil if it is not a meta request.
  private static func sent(_ said: [UInt8]) -> (MetaLine, [UInt8])? {
    exactly(said[...]) { bytes in
      var line = RequestLine()
      var request = Request()
      let verdict = RequestParser.next(
        bytes, from: 0, scanned: 0, maxValue: 1 << 20, dialect: Dialect(classic: .v1_6_27, meta: .v1_6_27),
        line: &line, into: &request)
      guard case .request = verdict else { return nil }
      switch request.verb {
      case .metaGet, .metaSet, .metaDelete, .metaArithmetic, .metaDebug: break
      default: return nil
      }
      var pool = BufferPool()
      var out = Buffer()
      let written = MetaLine.write(bytes, 0, request, opaque: 7, to: &out, &pool)
      var asked: [UInt8] = []
      for i in 0..<out.count { asked.append(out.readable.byte(at: i)) }
      out.release(to: &pool)
      return (written, asked)
    }
  }

  private static func read(
    _ reply: ArraySlice<UInt8>, _ line: MetaLine, _ asked: [UInt8], _ era: Era
  ) -> MetaAnswer {
    exactly(asked[...]) { asked in
      exactly(reply) { bytes in
        ReplyParser.meta(bytes, at: 0, to: line, asked: asked, era: era, maxValue: 1 << 20)
      }
    }
  }

  private static func checkReply(_ answer: MetaReply, _ reply: [UInt8], _ line: MetaLine, _ asked: [UInt8]) {
    let length = answer.length
    guard length >= 2, length <= reply.count, reply[length - 2] == 13, reply[length - 1] == 10 else {
      violated("a meta reply of \(length) bytes of \(reply.count)")
    }
    if answer.status == .error { return }
    guard answer.opaque.from >= 0, answer.opaque.to <= length, answer.keyAt >= 0, answer.keyAt <= length
    else {
      violated("an opaque or a key's place outside the reply")
    }
    guard let newline = reply.firstIndex(of: 10), newline < length else { violated("no line") }
    let words = reply[..<(newline - 1)].split(separator: 32)
    if answer.status == .value { checkSize(words, length - newline - 3) }
    let flags = words.dropFirst(answer.status == .value ? 2 : 1)
    if line.verb == .metaDebug { return }
    if line.hasOwnOpaque, !answer.isBare {
      guard flags.filter({ $0.first == 79 }).map(Array.init) == [Array("O7".utf8)] else {
        violated("a reply with another opaque")
      }
    }
    let key = Array(asked[Int(line.keyStart)..<Int(line.keyStart) + Int(line.keyLength)])
    for flag in flags where flag.first == 107 && isPlain(key) && isPlain(Array(flag.dropFirst())) {
      guard flag.dropFirst().elementsEqual(key) else { violated("a reply with another key") }
    }
    if isCanary, line.verb == .metaDelete { violated("the canary") }
  }

  /// Whether the key cannot be mistaken for base64.
  private static func isPlain(_ key: [UInt8]) -> Bool { key.contains(95) || key.count % 4 != 0 }

  private static func checkSize(_ words: [ArraySlice<UInt8>], _ size: Int) {
    guard words.count >= 2, Int(String(decoding: words[1], as: UTF8.self)) == size else {
      violated("a value of \(size) bytes that says otherwise")
    }
  }

  private static func checkCut(_ whole: MetaAnswer, _ early: MetaAnswer) {
    switch (early, whole) {
    case (.partial, _), (.broken, .broken), (.broken, .partial): return
    case (.opening(_, let header, let value), .reply(let last)):
      guard header + value + 2 == last.length else { violated("a value that opened otherwise") }
    case (.opening(_, let header, let value), .opening(_, let later, let same)):
      guard header == later, value == same else { violated("a value that opened twice") }
    case (.opening, .broken): return
    case (.reply(let first), .reply(let last)):
      guard first.length == last.length, first.status == last.status else { violated("two replies in one") }
    default: violated("\(early), then \(whole)")
    }
  }
}
