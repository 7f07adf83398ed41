import Net
import Settings
import Stats
import Topology

// A tail: the requests as they are answered, as lines of text or as JSON events.

extension Site {
  /// Opens a tail, if the query is right.
  func tail(_ request: HTTPRequest, _ query: Query, _ numbers: MetricSource) -> Answer {
    var filter = TailFilter()
    filter.prefix = query.items.last { $0.name == "prefix" }?.value ?? []
    guard filter.prefix.count <= 250 else { return .response(.error(400, "a key has at most 250 bytes")) }
    if let name = query.texts("server").last {
      guard let server = numbers.snapshot.control.servers.first(where: { $0.label == name }) else {
        return .response(.error(404, "there is no server \(quoted(name))"))
      }
      filter.server = server.id
    }
    if let text = query.texts("sample").last {
      guard let sample = Int(text), (1...1_000_000).contains(sample) else {
        return .response(.error(400, "sample is a number from 1 to 1000000"))
      }
      filter.sample = sample
    }
    return .tail(filter, asEvents: request.accept?.contains("text/event-stream") == true)
  }
}

extension HTTPResponse {
  package static var tooManyTails: HTTPResponse {
    .error(503, "\(TailFilter.most) tails are open already: end one of them")
  }

  /// The beginning of a tail.
  package static func tail(asEvents: Bool) -> HTTPResponse { asEvents ? eventStream : text(200, "\n") }
}

/// How a tail writes requests; it knows the names of pools and servers.
package struct TailWriter {
  private let servers: [ServerID: String]
  private let pools: [PoolID: String]
  private let asEvents: Bool

  package init(_ control: ControlReport, asEvents: Bool) {
    servers = Dictionary(control.servers.map { ($0.id, $0.label) }, uniquingKeysWith: { first, _ in first })
    pools = Dictionary(control.pools.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    self.asEvents = asEvents
  }

  /// `seconds`: since 1970; `time`: the same as text.
  package func request(_ one: AnsweredRequest, seconds: Double, time: String) -> [UInt8] {
    let (server, pool) = (servers[one.server] ?? "-", pools[one.pool] ?? "-")
    if asEvents {
      return event(
        .object([
          "time": .number(seconds), "command": .string(one.verb.word), "key": .string(one.printableKey),
          "keys": .count(one.keys), "pool": .string(pool), "server": .string(server),
          "result": .string(one.result.name), "bytes": .count(one.bytes),
          "took": .number(one.took / .seconds(1)),
        ]))
    }
    let key = one.key.isEmpty ? "-" : one.printableKey
    let words = [
      time, one.verb.word, key, one.result.name, one.took.milliseconds, "\(one.bytes)B", pool, server,
    ]
    let more = one.keys > 1 ? " keys=\(one.keys)" : ""
    return Array((words.joined(separator: " ") + more + "\n").utf8)
  }

  package func leftOut(_ count: Int) -> [UInt8] {
    asEvents
      ? event(.object(["left_out": .count(count)]))
      : Array("# \(count) requests left out: more than \(TailFilter.mostInASecond) a second\n".utf8)
  }

  /// Something to send now and then, by which it is found out whether the client is still there.
  package var pause: [UInt8] { asEvents ? Array(":\n\n".utf8) : [10] }

  private func event(_ json: JSON) -> [UInt8] { Array("data: ".utf8) + json.bytes + [10, 10] }
}
