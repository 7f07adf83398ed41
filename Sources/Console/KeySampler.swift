import Bytes
import Glibc
import Net
import Settings

/// The keys that were read from one server, and what there is to say about that.
struct ServerSample {
  var keys: [[UInt8]] = []
  /// The bytes of each.
  var sizes: [Int] = []
  /// Its address in numbers, without the port; nil without a connection, and for a Unix socket.
  var ip: String?
  /// Why there are no keys, or how they were read if not as usual.
  var remark: String?
}

/// Reads keys from memcacheds, over one connection to each. Sends nothing that changes or fetches an item.
struct KeySampler {
  /// The most keys of one server.
  let limit: Int
  /// How long one step may take, and all of them.
  var patience = Duration.seconds(5)
  var time = Duration.seconds(30)
  /// How often a server that is busy with another dump is asked.
  private static let attempts = 4
  private static let pause = Int64(500_000_000)

  init(limit: Int) { self.limit = limit }

  func sample(_ endpoint: Endpoint) -> ServerSample {
    var sample = ServerSample()
    let addresses: [Address]
    do throws(ResolveError) {
      switch endpoint {
      case .tcp(let host, let port): addresses = try Address.resolve(host: host, port: port)
      case .unix(let path): addresses = [Address(unixPath: path)].compactMap(\.self)
      }
    } catch {
      sample.remark = "not read: \(error)"
      return sample
    }
    do throws(SystemError) {
      let connection = try TimedConnection.open(addresses, patience: patience)
      sample.ip = connection.peer?.ip
      try read(connection, into: &sample)
    } catch {
      let reason = error.errno == ETIMEDOUT ? "it does not answer in time" : SystemError.reason(error.errno)
      sample.remark = sample.keys.isEmpty ? "not read: \(reason)" : "not read to its end: \(reason)"
    }
    return sample
  }

  private func read(_ connection: borrowing TimedConnection, into sample: inout ServerSample)
    throws(SystemError)
  {
    let deadline = Clock.now().advanced(by: time)
    var refusal = ""
    for attempt in 1...Self.attempts {
      let end = try dump(connection, "lru_crawler metadump all", limit, deadline, into: &sample)
      guard case .refused(let words) = end.end else {
        if sample.keys.isEmpty { sample.remark = "it is empty" }
        return
      }
      refusal = words
      guard words.hasPrefix("BUSY"), attempt < Self.attempts else { break }
      Clock.pause(nanoseconds: Self.pause)
    }
    let items = try dump(connection, "stats items", limit, deadline, into: &sample)
    var total = items.classes.reduce(0.0) { $0 + Double($1.items) }
    if case .refused(let words) = items.end {
      sample.remark = "not read: \(words)"
      return
    }
    // As many of each class as its share of the items asks for.
    for one in items.classes where sample.keys.count < limit {
      let left = Double(limit - sample.keys.count)
      let count = min(limit, max(1, Int((left * Double(one.items) / max(total, 1)).rounded(.up))))
      total -= Double(one.items)
      let end = try dump(connection, "stats cachedump \(one.id) \(count)", count, deadline, into: &sample)
      if case .refused(let words) = end.end {
        sample.remark = "not read: \(words)"
        return
      }
    }
    sample.remark = sample.keys.isEmpty ? "it is empty" : "read by stats cachedump, because of \(refusal)"
  }

  /// Sends a request and adds the keys of its reply to the sample, also those before an error. If there are more
  /// than wanted, the rest of the reply is not read, and the connection is of no more use.
  private func dump(
    _ connection: borrowing TimedConnection, _ request: String, _ count: Int, _ deadline: Instant,
    into sample: inout ServerSample
  ) throws(SystemError) -> KeyDump {
    var reply = KeyDump(limit: count)
    defer {
      sample.keys += reply.keys
      sample.sizes += reply.sizes
    }
    func soon() -> Instant { min(deadline, Clock.now().advanced(by: patience)) }
    try connection.send(Array((request + "\r\n").utf8), until: soon())
    var lines = LineSplitter(longest: KeyDump.longestLine)
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while reply.end == nil {
      // Also checked when there is always something to read.
      guard Clock.now() < deadline else { throw SystemError(errno: ETIMEDOUT, operation: "receive") }
      let bytes = try connection.receive(into: &chunk, until: soon())
      if bytes.isEmpty { throw SystemError(errno: ECONNRESET, operation: "receive") }
      lines.take(bytes) { reply.take($0) }
    }
    return reply
  }
}
