import Bytes
import Glibc
import Net
import Synchronization

/// Background clients that check every byte they receive.
///
/// Each has its own keys and its own connection. It sets the keys, reads them one by one and in tens, and remembers
/// the last version answered STORED. Results are counted by owner: the server that the full ring gives a key.
final class Load: Sendable {
  /// The results of requests for the keys of one server.
  struct Tally: Sendable {
    var asked = 0
    var misses = 0
    /// Error lines, and writes that were not stored.
    var errors = 0
    /// Values that were never written to their key. Must stay zero.
    var wrong = 0
    /// Values older than the last version stored.
    var stale = 0
    var slowest = Duration.zero

    static func += (all: inout Tally, one: Tally) {
      all.asked += one.asked
      all.misses += one.misses
      all.errors += one.errors
      all.wrong += one.wrong
      all.stale += one.stale
      all.slowest = max(all.slowest, one.slowest)
    }
  }

  struct Result: Sendable {
    var servers: [String: Tally] = [:]
    /// Connections that broke or timed out.
    var dropped = 0
    /// Descriptions of what went wrong, for the failure message.
    var remarks: [String] = []

    /// All servers, or all but one.
    func all(but address: String? = nil) -> Tally {
      servers.reduce(into: Tally()) { if $1.key != address { $0 += $1.value } }
    }
  }

  /// The state shared by the threads; they end soon after the load object is destroyed.
  private final class State: Sendable {
    let isStopping = Atomic<Bool>(false)
    let ready = Atomic<Int>(0)
    let result = Mutex(Result())

    func run(_ client: LoadClient) {
      var client = client
      client.store()
      ready.add(1, ordering: .sequentiallyConsistent)
      while !isStopping.load(ordering: .relaxed) { client.step() }
      let seen = client.result
      result.withLock { all in
        for (server, tally) in seen.servers { all.servers[server, default: Tally()] += tally }
        all.dropped += seen.dropped
        all.remarks += seen.remarks.prefix(5)
      }
    }
  }

  private let state = State()
  private let crew = Crew()

  /// Starts `count` clients, and returns when all their keys have been stored once.
  init(_ proxy: Proxy, clients: Int = 4, keys: Int = 60, patience: Duration = .seconds(3)) throws {
    let names = (0..<clients).map { client in (0..<keys).map { "load:\(client):\($0)" } }
    let owners = try proxy.route(names.flatMap { $0 })
    let port = proxy.port
    for own in names {
      crew.run { [state] in state.run(LoadClient(port: port, keys: own, owners: owners, patience: patience)) }
    }
    let isReady = eventually(within: .seconds(10)) {
      state.ready.load(ordering: .sequentiallyConsistent) == clients
    }
    guard isReady else { throw Missing(description: "the load does not start") }
  }

  deinit { state.isStopping.store(true, ordering: .relaxed) }

  /// Stops the clients and returns their results.
  func stop() throws -> Result {
    state.isStopping.store(true, ordering: .relaxed)
    guard crew.join(seconds: 15) else { throw Missing(description: "the load does not end: a request hangs") }
    return state.result.withLock { $0 }
  }
}

/// One client of a load.
private struct LoadClient {
  let port: UInt16
  let keys: [String]
  let owners: [String: String]
  let patience: Duration
  var result = Load.Result()
  /// The last version certainly stored, and the last version sent.
  private var stored: [Int]
  private var tried: [Int]
  /// Versions answered NOT_STORED, by key.
  private var undone: [Int: Set<Int>] = [:]
  private var random = SystemRandomNumberGenerator()
  private var connection: TextClient?

  init(port: UInt16, keys: [String], owners: [String: String], patience: Duration) {
    self.port = port
    self.keys = keys
    self.owners = owners
    self.patience = patience
    stored = Array(repeating: 0, count: keys.count)
    tried = stored
  }

  mutating func store() {
    for i in keys.indices { attempt([i]) { try $0.write(i, with: $1) } }
    result = Load.Result()
  }

  mutating func step() {
    let i = Int.random(in: 0..<keys.count, using: &random)
    switch Int.random(in: 0..<10, using: &random) {
    case 0..<2: attempt([i]) { try $0.write(i, with: $1) }
    case 2:
      let several = (0..<10).map { (i + $0 * 7) % keys.count }
      attempt(several) { try $0.read(several, with: $1) }
    default: attempt([i]) { try $0.read([i], with: $1) }
    }
    // A few hundred requests a second from each client: a background load, not a benchmark.
    usleep(300)
  }

  private mutating func attempt(
    _ touched: [Int], _ body: (inout LoadClient, TextClient) throws -> Void
  ) {
    let begin = Clock.now()
    for i in touched { note(i) { $0.asked += 1 } }
    do {
      let client = try connection ?? TextClient(port: port, patience: patience)
      connection = client
      try body(&self, client)
    } catch {
      connection = nil
      result.dropped += 1
      result.remarks.append("\(keys[touched[0]]): \(error)")
      usleep(10_000)
    }
    let took = Clock.now().since(begin)
    for i in touched { note(i) { $0.slowest = max($0.slowest, took) } }
  }

  private mutating func note(_ i: Int, _ change: (inout Load.Tally) -> Void) {
    change(&result.servers[owners[keys[i]] ?? "nowhere", default: Load.Tally()])
  }

  private mutating func write(_ i: Int, with client: TextClient) throws {
    tried[i] += 1
    let answer = try client.set(keys[i], Stamp.value(keys[i], tried[i]))
    if answer == "STORED" {
      stored[i] = tried[i]
    } else {
      note(i) { $0.errors += 1 }
      result.remarks.append("\(keys[i]): \(answer)")
      if answer == "NOT_STORED" {
        // NOT_STORED is a promise: no client may ever see this version.
        undone[i, default: []].insert(tried[i])
      } else if !answer.hasPrefix("SERVER_ERROR ringroad: ") {
        note(i) { $0.wrong += 1 }
      }
    }
  }

  private mutating func read(_ several: [Int], with client: TextClient) throws {
    try client.send("get " + several.map { keys[$0] }.joined(separator: " ") + "\r\n")
    let (values, end) = try client.valuesAndEnd()
    if end != "END" {
      // An error line instead of END answers the request; any other line is a protocol error.
      guard end.hasPrefix("SERVER_ERROR ringroad: ") else { throw ClientFailure.unexpected(end) }
      for i in several { note(i) { $0.errors += 1 } }
      result.remarks.append("\(keys[several[0]]): \(end)")
      return
    }
    var rest = values[...]
    for i in several {
      if let value = rest.first, value.key == keys[i] {
        rest.removeFirst()
        judge(value, i)
      } else {
        note(i) { $0.misses += 1 }
        // A missed value is stored again, as an application would do.
        if several.count == 1 { try write(i, with: client) }
      }
    }
    if !rest.isEmpty {
      wrong(several[0], "values that were not requested, or out of order: \(rest.map(\.key))")
    }
  }

  private mutating func judge(_ value: TextClient.Value, _ i: Int) {
    guard let version = Stamp.version(of: value.bytes, key: keys[i]), version <= tried[i] else {
      return wrong(i, "\(value.bytes.count) bytes that are not its value")
    }
    if undone[i]?.contains(version) == true {
      return wrong(i, "version \(version), which was not stored")
    }
    if version < stored[i] {
      note(i) { $0.stale += 1 }
      result.remarks.append("\(keys[i]): version \(version) after \(stored[i])")
    }
  }

  private mutating func wrong(_ i: Int, _ why: String) {
    note(i) { $0.wrong += 1 }
    result.remarks.insert("\(keys[i]): \(why)", at: 0)
  }
}
