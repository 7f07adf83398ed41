import Bytes
import TestSupport
import Testing

@testable import Wire

struct RequestParserTests {
  @Test(arguments: Case.all)
  func everyInputParsesAsTheTableSays(one: Case) {
    let seen = Reading.of(one.input)
    #expect(seen.map(\.description) == one.seen.filter { !$0.isEmpty }, "\(one.testDescription)")
  }

  @Test(arguments: Case.all)
  func requestStreamParsesTheSameHoweverItIsSplit(one: Case) {
    #expect(Reading.everySplit(one.input) == nil, "\(one.testDescription)")
  }

  /// A request that is forwarded unchanged is already in plain form.
  @Test(arguments: Case.all)
  func requestForwardedVerbatimIsInPlainForm(one: Case) {
    #expect(Invariants.broken(in: one.input) == nil, "\(one.testDescription)")
  }

  @Test(arguments: [
    "get key\r\n", "gets key\r\n", "set key 1 2 3\r\nabc\r\n", "add k 0 -1 0\r\n\r\n",
    "cas k 0 0 1 77\r\nx\r\n",
    "delete key\r\n", "incr key 12\r\n", "decr key 0\r\n", "touch key -1\r\n",
  ])
  func commonRequestFormsAreForwardedVerbatim(text: String) {
    guard case .request(_, let bytes, isQuiet: false, isVerbatim: true) = Reading.of(Array(text.utf8)).first
    else {
      Issue.record("\(text) is not verbatim")
      return
    }
    #expect(bytes == Array(text.utf8))
  }

  @Test func setAboveTheValueLimitIsRefused() {
    let fits = Array("set k 0 0 10\r\n0123456789\r\nmn\r\n".utf8)
    #expect(Reading.of(fits, maxValue: 10).map(\.description) == ["set k 0 0 10|0123456789", "mn"])
    #expect(
      Reading.of(fits, maxValue: 9).map(\.description) == ["SERVER_ERROR object too large for cache", "mn"])
    #expect(Reading.everySplit(fits, maxValue: 10) == nil)
    #expect(Reading.everySplit(fits, maxValue: 9) == nil)
    // A value that is too large is refused at once, before its bytes arrive.
    let line = Array("set k 0 0 10 noreply\r\n".utf8)
    #expect(
      Reading.of(line, maxValue: 9).map(\.description) == [
        "quietly SERVER_ERROR object too large for cache", "skipping 12",
      ])
  }

  @Test func multiGetLineAboveOneMebibyteClosesTheConnection() {
    let limit = RequestParser.longestGet
    for (length, expected) in [(limit, "hang up not"), (limit + 1, "hang up")] {
      var input = Array("get ".utf8)
      while input.count + 8 < length { input += Array("abcdefg ".utf8) }
      input += [UInt8](repeating: 97, count: length - input.count)
      #expect((Reading.of(input) == [.hangUp]) == (expected == "hang up"))
      let whole = Reading.of(input + [10])
      #expect((whole == [.hangUp]) == (expected == "hang up"), "with its newline it reads the same")
      #expect(whole.count == 1)
    }
  }

  @Test(arguments: 0..<UInt64(8))
  func randomStreamsKeepTheParserInvariants(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<150 {
      let input = Grammar.damaged(Grammar.stream(&random), &random)
      #expect(Invariants.broken(in: input) == nil, "\(escaped(input))")
      #expect(Reading.everySplit(input, maxValue: 100) == nil, "\(escaped(input))")
    }
  }
}

/// The invariants of every parse, for any bytes.
enum Invariants {
  /// Iterates over the requests at the front of the input; returns the violated invariant, if there is one.
  static func broken(in input: [UInt8], dialect: Dialect = Dialect()) -> String? {
    Cliff(room: input.count).holding(input) { bytes in
      var p = 0
      while p < bytes.byteCount {
        var line = RequestLine()
        var request = Request()
        let verdict = RequestParser.next(
          bytes, from: p, scanned: 0, maxValue: 1 << 20, dialect: dialect, line: &line, into: &request)
        switch verdict {
        case .partial, .partialBody, .hangUp: return nil
        case .refused(_, let skip, _):
          guard skip > 0 else { return "nothing is skipped at \(p)" }
          p += min(skip, bytes.byteCount - p)
        case .request:
          if let what = broken(bytes, p, request, line, dialect) { return "\(what) at \(p)" }
          p += request.length
        }
      }
      return nil
    }
  }

  private static func broken(
    _ bytes: RawSpan, _ p: Int, _ request: Request, _ line: RequestLine, _ dialect: Dialect
  ) -> String? {
    let end = p + request.length
    guard request.lineLength > 0, request.bodyLength >= 0, end <= bytes.byteCount else { return "length" }
    guard bytes.byte(at: p + request.lineLength - 1) == 10 else { return "line's end" }
    for i in p..<(p + request.lineLength - 1) where bytes.byte(at: i) == 10 { return "two lines" }
    guard request.verb.isStorage == (request.bodyLength > 0) else { return "value" }
    if request.keyLength > 0 {
      let isInside = request.keyStart > p && request.keyStart + request.keyLength < p + request.lineLength
      guard isInside, request.keyLength <= RequestParser.longestKey else { return "key" }
      for i in request.keyStart..<(request.keyStart + request.keyLength)
      where [0, 10, 13, 32].contains(bytes.byte(at: i)) {
        return "a byte in the key"
      }
    }
    if !request.verb.isRetrieval {
      for i in 0..<min(line.count, RequestLine.most) {
        guard line[i].from >= p, line[i].to < p + request.lineLength, line[i].length > 0 else {
          return "word \(i)"
        }
      }
    }
    guard request.isVerbatim else { return nil }
    guard !request.isQuiet, !request.isMulti else { return "quiet or multi, and verbatim" }
    let plain = Encoding(bytes, p, request, line, dialect).seen
    let given = (p..<end).map { bytes.byte(at: $0) }
    guard case .request(_, given, isQuiet: false, isVerbatim: true) = plain else {
      return "verbatim, but \(plain)"
    }
    return nil
  }
}
