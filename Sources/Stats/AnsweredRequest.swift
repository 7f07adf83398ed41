import Bytes
import Topology
import Wire

/// A request to one server that was answered, or given up: what is reported of it. Of a multi-get, each server's share is
/// one.
package struct AnsweredRequest: Equatable, Sendable {
  package var verb: Verb
  package var pool: PoolID
  package var server: ServerID
  package var result: RequestResult
  /// When it was answered.
  package var at: Instant
  /// From its arrival until then.
  package var took: Duration
  /// From its arrival until its last byte was sent; nil if that is not known, or if it was not sent.
  package var queue: Duration? = nil
  /// For how long its client has left earlier replies unread, if it has.
  package var unread: Duration? = nil
  /// The number of its keys, and of those that were hits.
  package var keys = 1
  package var hits = 0
  /// Its first key, as the client has sent it; empty if it is not known.
  package var key: [UInt8] = []
  /// Bytes of the request and of the reply.
  package var bytes: Int
  /// The number of slow requests that this one stands for.
  package var count = 1

  package init(
    _ verb: Verb, pool: PoolID, server: ServerID, result: RequestResult, at: Instant, took: Duration,
    bytes: Int
  ) {
    self.verb = verb
    self.pool = pool
    self.server = server
    self.result = result
    self.at = at
    self.took = took
    self.bytes = bytes
  }

  /// The first key in printable ASCII; other bytes as \xNN.
  package var printableKey: String { Self.printable(key) }

  package static func printable(_ key: [UInt8]) -> String {
    key.map { byte in
      guard byte < 33 || byte > 126 || byte == UInt8(ascii: "\\") else { return String(UnicodeScalar(byte)) }
      return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}

extension Duration {
  /// In milliseconds with three digits after the point: `12.345ms`.
  package var milliseconds: String {
    let microseconds = Int(self / .microseconds(1))
    let rest = String(1000 + microseconds % 1000).dropFirst()
    return "\(microseconds / 1000).\(rest)ms"
  }
}
