import Routing
import Topology

/// The keys of a pool in a twemproxy configuration.
enum TwemproxyKey: String, CaseIterable {
  case listen, servers, hash, distribution, timeout, redis
  case hashTag = "hash_tag"
  case autoEjectHosts = "auto_eject_hosts"
  case failureLimit = "server_failure_limit"
  case retryTimeout = "server_retry_timeout"
  case serverConnections = "server_connections"
  case clientConnections = "client_connections"
  case redisAuth = "redis_auth"
  case redisDB = "redis_db"
  case preconnect, backlog, tcpkeepalive, reuseport
}

/// A pool of a twemproxy configuration (nutcracker.yml), as settings of ringroad, and what has no counterpart.
///
///     alpha:                                    listen: 127.0.0.1:22121
///       listen: 127.0.0.1:22121                 servers:
///       timeout: 400                              - 10.0.0.1:11211
///       servers:                                placement: twemproxy-ketama
///         - 10.0.0.1:11211:1                    request_timeout: 400ms
///                                               on_failure: fail_fast
struct TwemproxyPool {
  let name: String
  let position: FilePosition
  private(set) var listener: ListenerSettings?
  private(set) var servers: [SettingsDecoder.PlacedServer] = []
  /// The other settings, without those that are ringroad's default.
  private(set) var settings: [PoolKey: YAMLNode] = [:]
  /// The limit of client connections; nil without one.
  private(set) var clients: Int?
  private(set) var isForRedis = false
  /// Whether each key stays on its server.
  private(set) var keepsKeys = true
  /// What cannot be carried over; if keys move, one of them says why.
  private(set) var problems: [YAMLProblem] = []
  /// What is worth knowing, though nothing is missing.
  private(set) var notes: [String] = []
  /// The values by their keys, with the positions of the keys.
  private var values: [TwemproxyKey: (at: FilePosition, value: YAMLNode)] = [:]

  static let hashes = KeyHash.commonCases.filter { $0 != .murmur3 }.map(\.name)
  /// The longest duration in milliseconds.
  private static let milliseconds = 1...86_400_000

  /// Whether an entry of the top level is such a pool: servers, and a key of twemproxy's own.
  static func isPool(_ entry: YAMLNode.Entry) -> Bool {
    let keys = Set((entry.value.entries ?? []).compactMap { $0.key.scalar.flatMap(TwemproxyKey.init) })
    let own: Set<TwemproxyKey> = [
      .listen, .distribution, .autoEjectHosts, .redis, .retryTimeout, .failureLimit, .timeout,
    ]
    return entry.key.scalar != nil && keys.contains(.servers) && !keys.isDisjoint(with: own)
  }

  init(_ name: String, at position: FilePosition, _ entries: [YAMLNode.Entry]) {
    self.name = name
    self.position = position
    sort(entries)
    if truth(.redis) == true {
      isForRedis = true
      refuse(
        .redis, "pool \(quoted(name)) has Redis servers", hint: "ringroad speaks memcached's protocol only")
      return
    }
    refuseRedisKeys()
    readListener()
    readServers()
    readPlacement()
    readTimeout()
    readFailureRules()
    if let count = number(.serverConnections, in: Bounds.connections) { set(.connections, String(count)) }
    if values[.clientConnections]?.value.scalar == "0" {
      note("client_connections: 0 is no limit; here limits.clients is \(LimitKey.clients.defaultText ?? "")")
    } else {
      clients = number(.clientConnections, in: Bounds.clients)
    }
    let idle = [TwemproxyKey.preconnect, .backlog, .tcpkeepalive, .reuseport].filter { values[$0] != nil }
    if !idle.isEmpty { note("\(idle.map(\.rawValue).joined(separator: ", ")): not needed, left out") }
  }

  // MARK: Reading

  /// Sorts the entries by their keys; reports those that are unknown or occur twice.
  private mutating func sort(_ entries: [YAMLNode.Entry]) {
    for entry in entries {
      guard let word = entry.key.scalar else {
        problems.append(
          YAMLProblem(
            "pool \(quoted(name)): expected a word as key, found \(entry.key.found)", at: entry.key.position))
        continue
      }
      guard let key = TwemproxyKey(rawValue: word) else {
        // A search for each of a million wrong keys is not worth its time.
        let known = problems.count < Bounds.errors ? TwemproxyKey.allCases.map(\.rawValue) : []
        let near = nearestWord(to: word, among: known)
        problems.append(
          YAMLProblem(
            "unknown key \(quoted(word)) in pool \(quoted(name))", at: entry.key.position,
            hint: near.map { "did you mean \(quoted($0))?" } ?? "twemproxy has no such key"))
        continue
      }
      guard values[key] == nil else {
        problems.append(
          YAMLProblem("duplicate key \(quoted(word)) in pool \(quoted(name))", at: entry.key.position))
        continue
      }
      values[key] = (entry.key.position, entry.value)
    }
  }

  private mutating func refuse(_ key: TwemproxyKey, _ message: String, hint: String? = nil) {
    problems.append(YAMLProblem(message, at: place(of: key), hint: hint))
  }

  private mutating func refuse(_ key: TwemproxyKey, _ complaint: Complaint) {
    refuse(key, complaint.message(about: key.rawValue), hint: complaint.hint)
  }

  private mutating func note(_ text: String) { notes.append("pool \(quoted(name)): \(text)") }

  /// The text of a key's value; nil if it is missing. Reports a value that is no text.
  private mutating func text(_ key: TwemproxyKey) -> String? {
    guard let (_, value) = values[key] else { return nil }
    if value.scalar == nil { refuse(key, .expected("a value", found: value.found)) }
    return value.scalar
  }

  private mutating func parsed<Value>(
    _ key: TwemproxyKey, _ parse: (String) throws(Complaint) -> Value
  ) -> Value? {
    guard let text = text(key) else { return nil }
    do throws(Complaint) {
      return try parse(text)
    } catch {
      refuse(key, error)
      return nil
    }
  }

  private mutating func truth(_ key: TwemproxyKey) -> Bool? { parsed(key, SettingsDecoder.truth) }

  private mutating func number(_ key: TwemproxyKey, in range: ClosedRange<Int>) -> Int? {
    parsed(key) { text throws(Complaint) in try Quantity.count(text, in: range) }
  }

  private mutating func set(_ key: PoolKey, _ text: String) {
    if text != key.defaultText { settings[key] = .word(text) }
  }

  private mutating func takeErrors(of decoder: SettingsDecoder) {
    problems += (decoder.failure?.errors ?? []).map(\.problem)
  }

  private mutating func refuseRedisKeys() {
    if values[.redisAuth] != nil { refuse(.redisAuth, "redis_auth: the pool has no Redis servers") }
    if values[.redisDB] != nil { note("redis_db: not needed, left out") }
  }

  // MARK: Addresses

  /// Reads `host:port`, or `/path [mode]`, from the right.
  private mutating func readListener() {
    guard values[.listen] != nil else {
      problems.append(YAMLProblem("pool \(quoted(name)) has no \"listen\"", at: position))
      return
    }
    guard let text = text(.listen), let place = values[.listen]?.value.position else { return }
    let node: YAMLNode
    if text.hasPrefix("/"), let space = text.lastIndex(of: " ") {
      let mode = String(text[text.index(after: space)...])
      node = .pairs([("address", .word("unix:\(text[..<space])")), ("mode", .word(mode))])
    } else if !text.hasPrefix("/"), let colon = text.lastIndex(of: ":") {
      // Without a host twemproxy listens on all addresses.
      let host = colon == text.startIndex ? "0.0.0.0" : String(text[..<colon])
      node = .word(TwemproxyServer.address(host: host, port: String(text[text.index(after: colon)...])))
    } else {
      node = .word(text)
    }
    var decoder = SettingsDecoder(source: .file(""))
    listener = decoder.listeners(node.placed(at: place)).first
    // Twemproxy leaves the permissions alone if they are zero.
    if listener?.mode == 0 { listener?.mode = nil }
    takeErrors(of: decoder)
  }

  private mutating func readServers() {
    guard let (_, value) = values[.servers] else {
      problems.append(YAMLProblem("pool \(quoted(name)) has no \"servers\"", at: position))
      return
    }
    let items = if case .list(let items) = value.content { items } else { [value] }
    guard items.count <= Bounds.serversInPool else {
      refuse(.servers, .expected("at most \(Bounds.serversInPool) items", found: String(items.count)))
      return
    }
    let form = "host:port:weight [name] or /path:weight [name]"
    var nodes: [YAMLNode] = []
    var unweighted: [String] = []
    for item in items {
      guard let text = item.scalar else {
        problems.append(YAMLProblem("servers: expected \(form), found \(item.found)", at: item.position))
        continue
      }
      if let server = TwemproxyServer(text) {
        nodes.append(server.node.placed(at: item.position))
      } else if (try? Endpoint.exactly(text, for: .server)) != nil {
        unweighted.append(text)
        nodes.append(.text(text, at: item.position))
      } else {
        problems.append(YAMLProblem("servers: expected \(form), found \(quoted(text))", at: item.position))
      }
    }
    if let first = unweighted.first {
      let others = unweighted.count == 1 ? "" : " and \(unweighted.count - 1) more"
      note("without a weight, which twemproxy needs: \(quoted(first))\(others); taken as 1")
    }
    var decoder = SettingsDecoder(source: .file(""))
    let found = nodes.isEmpty ? [] : decoder.servers(.items(nodes).placed(at: value.position))
    takeErrors(of: decoder)
    var lines: [String: Int] = [:]
    for (server, place) in found {
      let label = PlacementScheme.twemproxyKetama.label(of: server.ringServer)
      if let line = lines[label] {
        problems.append(
          YAMLProblem("duplicate server name \(quoted(label)), first on line \(line)", at: place))
      } else {
        lines[label] = place.line
        servers.append((server, place))
      }
    }
    if items.isEmpty {
      problems.append(YAMLProblem("pool \(quoted(name)) has no servers", at: value.position))
    }
  }

  // MARK: Settings

  private mutating func readPlacement() {
    let hash: String? = parsed(.hash) { text throws(Complaint) in
      if Self.hashes.contains(text) { return text }
      throw .unknownWord(text, known: Self.hashes)
    }
    let distribution: String? = parsed(.distribution) { text throws(Complaint) in
      let known = ["ketama", "modula", "random"]
      if known.contains(text) { return text }
      throw .unknownWord(text, known: known)
    }
    if let scheme = PlacementScheme(name: "twemproxy-\(distribution ?? "ketama")") {
      set(.placement, scheme.name)
      if let hash, hash != scheme.defaultHash.name { set(.hash, hash) }
    } else {
      keepsKeys = false
      if let hash { set(.hash, hash) }
      refuse(
        .distribution, "distribution random has no counterpart: here each key has one server",
        hint: "keys move, to where placement \(PlacementScheme.ketama.name) has them")
    }
    let tag: String? = parsed(.hashTag) { text throws(Complaint) in
      guard text != PlacementWords.noTag else {
        throw .expected("two visible ASCII characters", found: quoted(text))
      }
      _ = try PlacementWords.hashTag(text)
      return text
    }
    if let tag { set(.hashTag, tag) }
  }

  private mutating func readTimeout() {
    let text = values[.timeout]?.value.scalar
    if values[.timeout] == nil || text == "0" || text == "-1" {
      let usual = PoolKey.requestTimeout.defaultText ?? ""
      note("without a timeout twemproxy waits for ever; here request_timeout is \(usual)")
    } else if let timeout = number(.timeout, in: Self.milliseconds) {
      set(.requestTimeout, Quantity.written(.milliseconds(timeout)))
    }
  }

  private mutating func readFailureRules() {
    guard truth(.autoEjectHosts) == true else {
      set(.onFailure, "fail_fast")
      let idle = [TwemproxyKey.failureLimit, .retryTimeout].filter { values[$0] != nil }
      if !idle.isEmpty {
        let names = idle.map(\.rawValue).joined(separator: ", ")
        note(
          "\(names): twemproxy uses \(idle.count == 1 ? "it" : "them") only with auto_eject_hosts: true, left out"
        )
      }
      return
    }
    let limit = values[.failureLimit] == nil ? 2 : number(.failureLimit, in: Bounds.failures)
    if let limit { set(.failures, String(limit)) }
    guard let pause = number(.retryTimeout, in: Self.milliseconds) else { return }
    set(.probeInterval, Quantity.written(.milliseconds(pause)))
    if .milliseconds(pause) > PoolPolicy().probeMax {
      set(.probeMax, Quantity.written(.milliseconds(pause)))
    }
  }

  mutating func removeListener() { listener = nil }

  // MARK: Writing

  /// The position of a key's value; that of the pool if it has no such key.
  func place(of key: TwemproxyKey) -> FilePosition { values[key]?.value.position ?? position }

  private static func node(_ server: ServerSettings, at place: FilePosition) -> YAMLNode {
    let isPlain = server.weight == 1 && server.name == nil
    return (isPlain ? YAMLNode.word(server.address) : server.yaml).placed(at: place)
  }

  /// Its entries in a file of ringroad's, servers first.
  var entries: [YAMLNode.Entry] {
    PoolKey.allCases.compactMap { key in
      if key == .servers {
        return YAMLNode.Entry(key: .word(key.rawValue), value: .items(servers.map(Self.node)))
      }
      return settings[key].map { YAMLNode.Entry(key: .word(key.rawValue), value: $0) }
    }
  }

  /// The entries of a file with this pool alone.
  var entriesOfFile: [YAMLNode.Entry] {
    let listen = listener.map { YAMLNode.Entry(key: .word(FileKey.listen.rawValue), value: $0.yaml) }
    return [listen].compactMap(\.self) + entries + Self.limits(clients: clients)
  }

  /// The entry for a limit of client connections; none without a limit, and for the default.
  static func limits(clients: Int?) -> [YAMLNode.Entry] {
    guard let clients, String(clients) != LimitKey.clients.defaultText else { return [] }
    let value = YAMLNode.pairs([(LimitKey.clients.rawValue, .word(String(clients)))])
    return [YAMLNode.Entry(key: .word(FileKey.limits.rawValue), value: value)]
  }
}
