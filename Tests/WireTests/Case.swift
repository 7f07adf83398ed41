import Testing

/// A client's stream and the expected parse.
struct Case: CustomTestStringConvertible, Sendable {
  let input: [UInt8]
  let seen: [String]
  let differs: Difference?

  init(_ input: String, _ seen: String..., differs: Difference? = nil) {
    self.init(Array(input.utf8), seen, differs: differs)
  }

  init(_ input: [UInt8], _ seen: [String], differs: Difference? = nil) {
    self.input = input
    self.seen = seen
    self.differs = differs
  }

  var testDescription: String {
    let text = escaped(input)
    return text.count > 70 ? text.prefix(40) + "…" + text.suffix(20) : text
  }
}

/// Why the proxy parses a stream differently from memcached.
enum Difference: String, CaseIterable, Sendable {
  case ambiguous = "NUL or CR inside a line: refused, because two readers could see its end elsewhere"
  case administrative = "commands that act on one server as a whole: refused by name"
  case browser = "a line that begins as HTTP does: the connection is closed, whatever the line's end"
  case limit =
    "memcached reads a long line if it comes in one segment; here the way it is cut changes nothing"
  case declared =
    "a refused line says how long its value is: skipped here, run as commands by memcached before 1.6.40"
  case raw = "me of a binary key that is no text: not shown, because a server may print it raw"
  case lost = "answers that wait to be sent are dropped by memcached when a read's key is too long; not here"
  case binary = "memcached's binary protocol, which it tells by a connection's first byte, is not spoken"

  /// Whether memcached always answers differently; in the other cases it depends on timing or on its options.
  var isCertain: Bool {
    switch self {
    case .ambiguous, .browser, .lost, .binary, .declared: true
    case .administrative, .limit, .raw: false
    }
  }
}

extension Case {
  static let longKey = String(repeating: "k", count: 250)
  static let tooLongKey = String(repeating: "k", count: 251)

  /// `k1 k2 … kn`
  static func keys(_ n: Int) -> String { (1...n).map { "k\($0)" }.joined(separator: " ") }

  static let all: [Case] =
    reads + keyWords + touchingReads + storage + values + numbers + compareAndSwap + deletes + arithmetic
    + touches + flushes + reports + others + unknown + browsers + streams
    + metaGets + badMetaGets + base64Keys + metaSets + metaDeletes + metaArithmetic + metaDebugs
}
