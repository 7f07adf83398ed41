import Settings

/// The steps of the demo. Each step checks its own statements; a false one ends the tour.
///
///     store ─▶ read back ─▶ stats ─▶ a server dies ─▶ it returns
final class DemoTour {
  private let cast: DemoCast
  private let patience: DemoPatience
  private let client: DemoClient
  private let keys = (1...1000).map { "demo:\($0)" }
  /// The answer to a write that was not done; see `writes_on_failure`.
  private static let refusal = "NOT_STORED"
  /// The last value written for each key.
  private var values: [String] = []
  /// Each key's server, as an index in the cast's list, when no server is out.
  private var owners: [Int] = []
  private var steps = 0

  init(_ cast: DemoCast, _ patience: DemoPatience) throws(DemoFailure) {
    self.cast = cast
    self.patience = patience
    client = try DemoClient(cast.port, patience)
    owners = try Self.owners(of: keys, cast)
  }

  func run() throws(DemoFailure) {
    try store()
    try readBack()
    try addUp()
    let victim = cast.servers.count / 2
    try lose(victim)
    try bringBack(victim)
  }

  /// The owner of each key by the ring, as `ringroad route` prints it.
  private static func owners(of keys: [String], _ cast: DemoCast) throws(DemoFailure) -> [Int] {
    let settings: ProxySettings
    do throws(ConfigFailure) {
      settings = try ProxySettings.load(path: cast.configuration)
    } catch {
      throw .told(error.description)
    }
    let guide = RouteGuide(settings, json: false)
    var owners: [Int] = []
    for key in keys {
      guard case .line(let line) = guide.answer(Array(key.utf8)),
        let server = String(decoding: line.dropLast(), as: UTF8.self).split(separator: "\t").last,
        let place = cast.servers.firstIndex(where: { $0.name == server })
      else { throw .told("\(key) has no server") }
      owners.append(place)
    }
    return owners
  }

  // MARK: - The steps

  private func store() throws(DemoFailure) {
    try title("Storing 1,000 keys through the proxy, as if it were one memcached")
    values = keys.map { "\($0), first written" }
    try write(Array(keys.indices))
    try tell("   1,000 times STORED. The servers' own counts of their keys:")
    let counts = try itemCounts()
    try show(counts)
    for (i, server) in cast.servers.enumerated() {
      let expected = owners.count { $0 == i }
      try check(
        counts[i] == expected, "\(server.name) has \(counts[i] ?? 0) keys, the ring assigns it \(expected)")
    }
  }

  private func readBack() throws(DemoFailure) {
    try title("Reading them back, 100 keys at a time")
    let found = try read(by: [client], missing: [])
    try tell("   10 multi-gets returned \(grouped(found)) values, each as written, in the requested order.")
  }

  private func addUp() throws(DemoFailure) {
    try title("Requesting stats, which are merged as if there were one server")
    let rows = try client.stats()
    let count = cast.servers.count
    let wanted = [
      ("curr_items", "1000"), ("cmd_set", "1000"), ("get_hits", "1000"),
      ("limit_maxbytes", "\(count * 64 << 20)"), ("ringroad_servers_answered", "\(count)/\(count)"),
    ]
    for (name, value) in wanted {
      let found = rows.first { $0.name == name }?.value ?? "nothing"
      try tell("     STAT \(name) \(found)")
      try check(found == value, "\(name) is \(found), but should be \(value)")
    }
  }

  private func lose(_ victim: Int) throws(DemoFailure) {
    let name = cast.servers[victim].name
    let lost = keys.indices.filter { owners[$0] == victim }
    try title("Killing \(name), with 8 clients connected and \(grouped(lost.count)) keys on it")
    var clients: [DemoClient] = []
    for _ in 0..<8 { clients.append(try DemoClient(cast.port, patience)) }
    _ = try read(by: clients, missing: [])
    cast.kill(victim)
    let start = ContinuousClock.now
    let found = try read(by: clients, missing: [victim])
    try tell("   All 8 are still connected, and none got an error:")
    guard cast.servers.count > 1 else {
      let answer = try client.set([(keys[0], values[0])])[0]
      try check(answer == Self.refusal, "a write with no server left was answered \(answer)")
      return try tell("   every read is a miss. No other server can take over, so a write gets \(answer).")
    }
    try tell("   the \(found) keys of the other servers are all there, those of \(name) are misses.")
    values = keys.indices.map { owners[$0] == victim ? "\(keys[$0]), written again" : values[$0] }
    let refused = try writePatiently(lost[0])
    let time = (ContinuousClock.now - start) / .milliseconds(1)
    try write(lost)
    _ = try read(by: [client], missing: [])
    try tell("   \(Int(time)) ms after the kill the other servers accepted writes of its keys\(refused):")
    try show(try itemCounts())
    try tell("   All 1,000 keys can be read again. The proxy's log:")
    if let line = try logLine("server down") { try tell("     \(line)") }
  }

  private func bringBack(_ victim: Int) throws(DemoFailure) {
    let name = cast.servers[victim].name
    try title("Starting \(name) again, empty")
    let start = ContinuousClock.now
    try cast.restart(victim)
    try waitFor(name, "up")
    let time = (ContinuousClock.now - start) / .milliseconds(100)
    let found = try read(by: [client], missing: [victim])
    let seconds = "\(Int(time) / 10).\(Int(time) % 10) s"
    try tell("   The proxy's probe found it after \(seconds).")
    if cast.servers.count > 1 {
      try tell("   Its keys are its own again, and the \(found) of the others never moved.")
    }
    try tell("   It is empty, so each of its keys is a miss until it is written again.")
    let lost = keys.indices.filter { owners[$0] == victim }
    try write(lost)
    let count = try itemCounts()[victim] ?? 0
    try check(count == lost.count, "\(name) has \(count) keys, but \(lost.count) were written")
    _ = try read(by: [client], missing: [])
    try tell("   Written again, its \(grouped(count)) keys are where they were before.")
  }

  // MARK: - Parts of the steps

  private func title(_ text: String) throws(DemoFailure) {
    steps += 1
    try tell("\n\(steps). \(text)")
  }

  private func check(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws(DemoFailure) {
    if !holds { throw .told(otherwise()) }
  }

  /// Sets these keys to their values; every reply must be STORED.
  private func write(_ places: [Int]) throws(DemoFailure) {
    for start in stride(from: 0, to: places.count, by: 100) {
      let batch = places[start..<min(start + 100, places.count)].map { (keys[$0], values[$0]) }
      let answers = try client.set(batch)
      for (item, answer) in zip(batch, answers) {
        try check(answer == "STORED", "set \(item.0) was answered \(answer)")
      }
    }
  }

  /// Writes a key of a server that was just killed until it is stored; returns how often it was refused.
  private func writePatiently(_ place: Int) throws(DemoFailure) -> String {
    let deadline = ContinuousClock.now + .seconds(5)
    var refusals = 0
    while true {
      let answer = try client.set([(keys[place], values[place])])[0]
      if answer == "STORED" { return refusals == 0 ? "" : " (\(refusals) writes were refused before)" }
      try check(answer == Self.refusal, "set \(keys[place]) was answered \(answer)")
      try check(ContinuousClock.now < deadline, "a write is still answered \(answer) after 5 s")
      refusals += 1
      try patience.sleep(.milliseconds(5))
    }
  }

  /// Reads all keys, 100 at a time, with these clients in turn. The result must be exactly the keys of the servers
  /// that are not missing, each with its value, in the order requested. Returns their number.
  private func read(by clients: [DemoClient], missing: Set<Int>) throws(DemoFailure) -> Int {
    var found = 0
    for start in stride(from: 0, to: keys.count, by: 100) {
      let range = start..<start + 100
      let items = try clients[start / 100 % clients.count].get(keys[range])
      let wanted = range.filter { !missing.contains(owners[$0]) }
      try check(items.map(\.key) == wanted.map { keys[$0] }, "a multi-get did not return the requested keys")
      for (item, place) in zip(items, wanted) {
        try check(item.value == values[place], "\(item.key) has the value \"\(item.value)\"")
      }
      found += items.count
    }
    return found
  }

  /// The number of keys on each server, from its own stats; nil for a server that is not running.
  private func itemCounts() throws(DemoFailure) -> [Int?] {
    var counts: [Int?] = []
    for server in cast.servers {
      guard server.pid != nil else {
        counts.append(nil)
        continue
      }
      let rows = try DemoClient(server.port, patience).stats()
      guard let count = rows.first(where: { $0.name == "curr_items" }).flatMap({ Int($0.value) }) else {
        throw .told("\(server.name) does not report curr_items")
      }
      counts.append(count)
    }
    return counts
  }

  private func show(_ counts: [Int?]) throws(DemoFailure) {
    let most = max(1, counts.compactMap(\.self).max() ?? 1)
    for (server, count) in zip(cast.servers, counts) {
      guard let count else {
        try tell("     \(server.name)   gone")
        continue
      }
      let number = String(repeating: " ", count: max(0, 5 - grouped(count).count)) + grouped(count)
      try tell("     \(server.name)  \(number)  \(String(repeating: "#", count: count * 50 / most))")
    }
  }

  /// Waits until the proxy reports this state for a server.
  private func waitFor(_ server: String, _ state: String) throws(DemoFailure) {
    let deadline = ContinuousClock.now + .seconds(40)
    while try client.stats("ringroad").first(where: { $0.name == "server:main:\(server)" })?.value != state {
      try check(ContinuousClock.now < deadline, "the proxy did not report \(server) as \(state) within 40 s")
      try patience.sleep(.milliseconds(20))
    }
    // The state has not yet reached every worker.
    try patience.sleep(.milliseconds(50))
  }

  /// The proxy's log line with these words, without its time; nil if it is not written within a second.
  private func logLine(_ words: String) throws(DemoFailure) -> String? {
    for _ in 0..<50 {
      if let line = cast.logLines.last(where: { $0.contains(words) }) {
        return String(line.drop { $0 != " " }.dropFirst())
      }
      try patience.sleep(.milliseconds(20))
    }
    return nil
  }

  private func grouped(_ number: Int) -> String {
    let digits = String(number)
    return digits.count < 4 ? digits : "\(digits.dropLast(3)),\(digits.suffix(3))"
  }
}
