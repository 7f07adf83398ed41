/// A reply as a client reads it from its connection.
enum Heard: Equatable {
  struct Value: Equatable {
    var key: [UInt8]
    var flags: UInt32
    var data: [UInt8]
    var cas: UInt64?
  }

  /// `VALUE` blocks, and the line that ended them: `END`, or an error.
  case values([Value], end: String)
  case line(String)
  /// Lines until `END`.
  case report([String])

  /// Reads the reply to a deed from the front of `inbox`: nil while it is incomplete.
  static func read(_ inbox: inout Inbox, to deed: Deed) throws(Malformed) -> Heard? {
    if let meta = deed.meta { return try meta.read(&inbox, to: deed) }
    switch deed.verb {
    case .get, .gets, .gat, .gats: return try readValues(&inbox, withCAS: deed.verb.hasCAS)
    case .stats, .serverStats, .ownStats: return readReport(&inbox)
    default:
      guard let line = inbox.line() else { return nil }
      inbox.take(line.count + 2)
      return .line(String(decoding: line, as: UTF8.self))
    }
  }

  struct Malformed: Error {
    var text: String
  }

  /// Consumes nothing until the whole reply is there.
  private static func readValues(_ inbox: inout Inbox, withCAS: Bool) throws(Malformed) -> Heard? {
    var ahead = inbox
    var values: [Value] = []
    while let line = ahead.line() {
      let text = String(decoding: line, as: UTF8.self)
      let words = line.split(separator: 32, omittingEmptySubsequences: false)
      guard words.count > 3, words[0].elementsEqual("VALUE".utf8) else {
        ahead.take(line.count + 2)
        inbox = ahead
        return .values(values, end: text)
      }
      let numbers = words[2...].map { UInt64(String(decoding: $0, as: UTF8.self)) }
      guard numbers.count == (withCAS ? 3 : 2), let flags = numbers[0].flatMap({ UInt32(exactly: $0) }),
        let size = numbers[1], size < 1_000_000, !(withCAS && numbers[2] == nil)
      else { throw Malformed(text: text) }
      guard let body = ahead.body(after: line.count + 2, count: Int(size)) else { return nil }
      guard body.suffix(2) == [13, 10] else { throw Malformed(text: text) }
      ahead.take(line.count + 2 + body.count)
      values.append(
        Value(
          key: Array(words[1]), flags: flags, data: Array(body.dropLast(2)),
          cas: withCAS ? numbers[2] : nil))
    }
    return nil
  }

  private static func readReport(_ inbox: inout Inbox) -> Heard? {
    var ahead = inbox
    var lines: [String] = []
    while let line = ahead.line() {
      ahead.take(line.count + 2)
      let text = String(decoding: line, as: UTF8.self)
      lines.append(text)
      if text == "END" || !text.hasPrefix("STAT ") {
        inbox = ahead
        return .report(lines)
      }
    }
    return nil
  }
}
