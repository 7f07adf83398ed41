import Bytes
import TestSupport
import Testing

@testable import Wire

/// The parser's verdicts beside a real memcached's answers: what is refused here is refused there in the same
/// words (or the same silence), what is taken here is answered there as that command is, and both go on at
/// the same byte.
@Suite(.serialized)
struct RealServerTests {
  /// Follows every input: had the two lost each other, it would be read differently.
  static let sentinel = Array("mn\r\nget after\r\n".utf8)

  @Test func memcachedAgreesWithTheTable() throws {
    let server = try MemcachedProcess()
    let compared = Case.all.filter { $0.differs == nil }
    #expect(compared.count >= 300)
    for one in compared {
      let what = try Comparison.difference(one.input + Self.sentinel, server)
      #expect(what == nil, "\(one.testDescription)")
    }
  }

  /// An exception that memcached does not contradict is none, and belongs into the comparison.
  @Test func everyExceptionIsOne() throws {
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

  @Test func memcachedAgreesOnRandomStreams() throws {
    let server = try MemcachedProcess()
    var random = Seeded(78)
    for _ in 0..<4000 {
      var input = Grammar.stream(&random)
      if random.below(2) == 0 {
        // Without a long key, for damage could make it a little too long.
        input = Grammar.damaged(input.filter { $0 != 107 }, &random)
      }
      if Grammar.mayDiffer(input) { continue }
      let what = try Comparison.differenceBeforeDeclared(input + Self.sentinel, server)
      #expect(what == nil, "\(escaped(input))")
    }
  }
}

/// One stream's verdicts against what memcached said to it.
struct Comparison {
  private let seen: [Seen]
  private let answer: [UInt8]
  private let era: Era

  /// What memcached does otherwise, or nil.
  static func difference(_ input: [UInt8], _ server: MemcachedProcess) throws -> String? {
    Comparison(seen: Reading.of(input), answer: try server.answer(to: input)).difference
  }

  /// The same up to the first refused line whose value is skipped, if they are not the same in all.
  static func differenceBeforeDeclared(_ input: [UInt8], _ server: MemcachedProcess) throws -> String? {
    let reading = Reading(input, dialect: Dialect())
    let one = Comparison(seen: reading.seen, answer: try server.answer(to: input))
    let what = one.difference
    guard what != nil, let first = reading.swallowing.min() else { return what }
    return one.difference(upTo: first + 1)
  }

  /// What a server of that era did otherwise, or nil.
  var difference: String? { difference(from: 0, 0) }

  init(seen: [Seen], answer: [UInt8], era: Era = .v1_6_18) {
    self.seen = seen
    self.answer = answer
    self.era = era
  }

  /// What the server did otherwise up to the `count`th thing seen, or nil.
  func difference(upTo count: Int) -> String? {
    let what = Comparison(seen: Array(seen.prefix(count)), answer: answer, era: era).difference
    return what.map { $0.hasPrefix("at the end") } ?? true ? nil : what
  }

  /// From the `first` of what was seen and from `position` in the answer on.
  private func difference(from first: Int, _ start: Int) -> String? {
    var position = start
    for (i, one) in seen.enumerated().dropFirst(first) {
      // memcached keeps its answers back while it reads a value, and goes when that ends early.
      if isInValue, position == answer.count { return nil }
      switch one {
      case .refused(let why, isQuiet: false):
        let line = Array(String(describing: why.line).utf8)
        guard answer[position...].starts(with: line) else { return "\(one), \(rest(position))" }
        position += line.count
      case .request(let verb, let request, isQuiet: true, _) where verb.isMeta:
        // Only the plain outcome is not told: what comes may be its answer, or that of the next.
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

  /// Whether the stream ends in the middle of a value, taken or skipped.
  private var isInValue: Bool {
    switch seen.last {
    case .skipping, .openValue: true
    default: false
    }
  }

  private func rest(_ position: Int) -> String {
    "memcached: " + escaped(answer[position...].prefix(120))
  }

  /// Length of the reply at hand, if it is one that the request can have.
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

  /// The reply to a meta request, which memcached was asked as the client wrote it.
  private func meta(_ bytes: RawSpan, _ request: [UInt8], isQuiet: Bool, at position: Int) -> Int? {
    let asked = MetaQuestion(withoutOpaque: request, era: era)
    guard let reply = asked.reply(bytes, at: position, era: era, maxValue: 1 << 20) else { return nil }
    if reply.status == .error {
      return isOfTheData(bytes, .metaArithmetic, reply.length, at: position) ? reply.length : nil
    }
    // A counter that had to be made is told of by memcached before 1.6.40.
    if isQuiet, reply.status.isSilent(asked.line.verb), asked.line.verb != .metaArithmetic { return nil }
    return reply.length
  }

  /// Whether an error line says something of the data, not of how the request was written.
  private func isOfTheData(_ bytes: RawSpan, _ verb: Verb, _ length: Int, at position: Int) -> Bool {
    let line = bytes.extracting(position..<(position + length))
    return line.isText(
      "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", from: 0, to: length)
      || (verb == .stats && line.isText("ERROR\r\n", from: 0, to: length))
  }

  /// The blocks of a read, in the order of the keys asked, and `END`.
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
