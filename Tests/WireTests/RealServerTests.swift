import Bytes
import TestSupport
import Testing

@testable import Wire

/// Compares the parser's verdicts with a real memcached's answers: memcached refuses what the parser refuses, with
/// the same error (or the same silence), answers what the parser accepts as that command, and both continue at the
/// same byte.
@Suite(.serialized)
struct RealServerTests {
  /// Follows every input: if the two disagreed on where the input ends, they would read it differently.
  static let sentinel = Array("mn\r\nget after\r\n".utf8)

  @Test func memcachedAnswersEveryTableInputAsParsed() throws {
    let server = try MemcachedProcess()
    let compared = Case.all.filter { $0.differs == nil }
    #expect(compared.count >= 300)
    for one in compared {
      let what = try Comparison.difference(one.input + Self.sentinel, server)
      #expect(what == nil, "\(one.testDescription)")
    }
  }

  /// If memcached agrees with an exception, it is not one and belongs in the comparison.
  @Test func memcachedDiffersForEveryListedException() throws {
    let server = try MemcachedProcess()
    for one in Case.all {
      guard let differs = one.differs, differs.isCertain else { continue }
      let what = try Comparison.difference(one.input + Self.sentinel, server)
      #expect(what != nil, "\(one.testDescription): \(differs.rawValue)")
    }
    for reason in Difference.allCases {
      #expect(Case.all.contains { $0.differs == reason }, "no case shows: \(reason.rawValue)")
    }
  }

  @Test func memcachedAnswersRandomStreamsAsParsed() throws {
    let server = try MemcachedProcess()
    var random = Seeded(78)
    for _ in 0..<4000 {
      var input = Grammar.stream(&random)
      if random.below(2) == 0 {
        // Without the long key, because damage could make it slightly too long.
        input = Grammar.damaged(input.filter { $0 != 107 }, &random)
      }
      if Grammar.mayDiffer(input) { continue }
      let what = try Comparison.differenceBeforeDeclared(input + Self.sentinel, server)
      #expect(what == nil, "\(escaped(input))")
    }
  }
}

/// Compares the parse of one stream with memcached's answer to it.
struct Comparison {
  private let seen: [Seen]
  private let answer: [UInt8]
  private let era: Era

  /// The difference from memcached, or nil.
  static func difference(_ input: [UInt8], _ server: MemcachedProcess) throws -> String? {
    Comparison(seen: Reading.of(input), answer: try server.answer(to: input)).difference
  }

  /// The difference up to the first refused line with a skipped value, if the whole differs.
  static func differenceBeforeDeclared(_ input: [UInt8], _ server: MemcachedProcess) throws -> String? {
    let reading = Reading(input, dialect: Dialect())
    let one = Comparison(seen: reading.seen, answer: try server.answer(to: input))
    let what = one.difference
    guard what != nil, let first = reading.swallowing.min() else { return what }
    return one.difference(upTo: first + 1)
  }

  /// The difference from a server of that era, or nil.
  var difference: String? { difference(from: 0, 0) }

  init(seen: [Seen], answer: [UInt8], era: Era = .v1_6_18) {
    self.seen = seen
    self.answer = answer
    self.era = era
  }

  /// The difference up to the `count`th parsed part, or nil.
  func difference(upTo count: Int) -> String? {
    let what = Comparison(seen: Array(seen.prefix(count)), answer: answer, era: era).difference
    return what.map { $0.hasPrefix("at the end") } ?? true ? nil : what
  }

  /// The difference from the `first` parsed part and from the position `start` in the answer on.
  private func difference(from first: Int, _ start: Int) -> String? {
    var position = start
    for (i, one) in seen.enumerated().dropFirst(first) {
      // memcached holds its answers back while it reads a value, and closes if the stream ends in it.
      if isInValue, position == answer.count { return nil }
      switch one {
      case .refused(let why, isQuiet: false):
        let line = Array(String(describing: why.line).utf8)
        guard answer[position...].starts(with: line) else { return "\(one), \(rest(position))" }
        position += line.count
      case .request(let verb, let request, isQuiet: true, _) where verb.isMeta:
        // Only the usual outcome is suppressed: the bytes may be the answer to this request or to the next.
        guard let what = difference(from: i + 1, position) else { return nil }
        guard let length = length(of: verb, request, isQuiet: true, at: position) else { return what }
        position += length
      case .request(let verb, let request, isQuiet: false, _):
        if verb == .quit { return position == answer.count ? nil : "after quit, \(rest(position))" }
        guard let length = length(of: verb, request, isQuiet: false, at: position) else {
          return "\(one), \(rest(position))"
        }
        position += length
      case .refused, .request, .openLine, .openValue, .skipping:
        break
      case .hangUp:
        return position == answer.count ? nil : "after hanging up, \(rest(position))"
      }
    }
    return position == answer.count ? nil : "at the end, \(rest(position))"
  }

  /// Whether the stream ends in the middle of a value, accepted or skipped.
  private var isInValue: Bool {
    switch seen.last {
    case .skipping, .openValue: true
    default: false
    }
  }

  private func rest(_ position: Int) -> String {
    "memcached: " + escaped(answer[position...].prefix(120))
  }

  /// The length of the reply at `position`, if it is valid for the request.
  private func length(of verb: Verb, _ request: [UInt8], isQuiet: Bool, at position: Int) -> Int? {
    Cliff(room: answer.count).holding(answer) { bytes in
      if verb == .metaNoop { return bytes.hasText("MN\r\n", at: position) ? 4 : nil }
      if verb.isMeta { return meta(bytes, request, isQuiet: isQuiet, at: position) }
      if verb.isRetrieval { return values(bytes, verb, request, at: position) }
      let reply =
        verb == .stats
        ? ReplyParser.report(bytes, at: position)
        : ReplyParser.line(bytes, at: position, verb.expectation)
      guard case .reply(let length, let outcome) = reply else { return nil }
      if case .error = outcome {
        return isOfTheData(bytes, verb, length, at: position) ? length : nil
      }
      return length
    }
  }

  /// The reply to a meta request that memcached got as the client wrote it.
  private func meta(_ bytes: RawSpan, _ request: [UInt8], isQuiet: Bool, at position: Int) -> Int? {
    let asked = MetaQuestion(withoutOpaque: request, era: era)
    guard let reply = asked.reply(bytes, at: position, era: era, maxValue: 1 << 20) else { return nil }
    if reply.status == .error {
      return isOfTheData(bytes, .metaArithmetic, reply.length, at: position) ? reply.length : nil
    }
    // memcached before 1.6.40 announces a counter that it had to create.
    if isQuiet, reply.status.isSilent(asked.line.verb), asked.line.verb != .metaArithmetic { return nil }
    return reply.length
  }

  /// Whether an error line is caused by the data, not by the form of the request.
  private func isOfTheData(_ bytes: RawSpan, _ verb: Verb, _ length: Int, at position: Int) -> Bool {
    let line = bytes.extracting(position..<(position + length))
    return line.isText(
      "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", from: 0, to: length)
      || (verb == .stats && line.isText("ERROR\r\n", from: 0, to: length))
  }

  /// The blocks of a read, in the order of the requested keys, and `END`.
  private func values(_ bytes: RawSpan, _ verb: Verb, _ request: [UInt8], at position: Int) -> Int? {
    var keys = request.dropLast(2).split(separator: 32).dropFirst(verb.touches ? 2 : 1).map(Array.init)
    let isSingle = keys.count == 1
    var p = position
    while let key = keys.first {
      // SAFETY: the bytes of an array of bytes are all initialised.
      let asked = unsafe key.span.bytes
      if isSingle {
        let answer = ReplyParser.single(
          bytes, at: p, asked: asked, keyStart: 0, keyLength: key.count,
          withCAS: verb.expectation == .valuesWithCAS,
          maxValue: 1 << 20)
        guard case .reply(let length, let outcome) = answer else { return nil }
        if case .error = outcome { return nil }
        return length
      }
      let block = ReplyParser.block(
        bytes, at: p, asked: asked, keyStart: 0, keyLength: key.count,
        withCAS: verb.expectation == .valuesWithCAS,
        maxValue: 1 << 20)
      switch block {
      case .value(let length): p += length
      case .otherKey, .end: break
      default: return nil
      }
      keys.removeFirst()
    }
    return bytes.hasText("END\r\n", at: p) ? p + 5 - position : nil
  }
}
