/// Configurations of other programs, and the same servers as a configuration of ringroad.
struct ForeignFile {
  /// Such as "a configuration of mcrouter".
  var what: String
  var position: FilePosition
  /// What to write instead.
  var hint: String

  /// The errors for a file of another program; nil if it is not recognised. `root` is nil if it is no YAML.
  static func problems(_ root: YAMLNode?, _ lines: SourceLines) -> [YAMLProblem]? {
    let pools = (root?.entries ?? []).filter { entry in
      TwemproxyPool.isPool(entry) && entry.key.scalar.flatMap(TopKey.init) == nil
    }
    let found = pools.isEmpty ? other(root, lines).map { [$0] } : pools.map(twemproxy)
    return found?.map { YAMLProblem("this is \($0.what), not ringroad's", at: $0.position, hint: $0.hint) }
  }

  /// The file of a program other than twemproxy.
  static func other(_ root: YAMLNode?, _ lines: SourceLines) -> ForeignFile? {
    let entries = root?.entries ?? []
    return mcrouter(entries) ?? moxi(entries) ?? text(lines)
  }

  /// A whole file on one line, with these settings.
  private static func file(_ entries: [YAMLNode.Entry]) -> String? {
    let root = YAMLNode(content: .mapping(entries), position: YAMLNode.nowhere)
    var decoder = SettingsDecoder(source: .file(""), givesAdvice: false)
    guard decoder.settings(root, listeners: []) != nil else { return nil }
    let text = root.written
    return text.utf8.count > Bounds.hintBytes ? nil : text
  }

  // MARK: twemproxy

  private static func twemproxy(_ entry: YAMLNode.Entry) -> ForeignFile {
    let name = entry.key.scalar ?? ""
    let pool = TwemproxyPool(name, at: entry.key.position, entry.value.entries ?? [])
    var found = ForeignFile(
      what: "pool \(quoted(name)) of a twemproxy configuration (nutcracker.yml)", position: pool.position,
      hint: "ringroad import FILE translates it, and lists what cannot be carried over")
    if pool.isForRedis {
      found.hint = "it has Redis servers, and ringroad speaks memcached's protocol only"
    } else if pool.problems.count == (pool.keepsKeys ? 0 : 1), let file = file(pool.entriesOfFile) {
      let moves = pool.keepsKeys ? "" : "its distribution is not offered, so keys move; "
      found.hint = "\(moves)ringroad import FILE translates it, or write \(file)"
    }
    return found
  }

  // MARK: mcrouter and moxi

  /// mcrouter's `{"pools": {"A": {"servers": […]}}, "route": "PoolRoute|A"}`.
  private static func mcrouter(_ entries: [YAMLNode.Entry]) -> ForeignFile? {
    func value(_ key: String) -> YAMLNode? { entries.first { $0.key.scalar == key }?.value }
    let isRoute: (YAMLNode) -> Bool = { item in
      item.entries?.contains { ["route", "aliases"].contains($0.key.scalar) } ?? false
    }
    var hasRoutes = value("route") != nil || value("macros") != nil
    if case .list(let items)? = value("routes")?.content {
      hasRoutes = hasRoutes || items.contains(where: isRoute)
    }
    guard hasRoutes, let position = entries.first?.key.position else { return nil }
    let hashes = entries.flatMap { hashWords(in: $0) }
    let placement = mcrouterPlacement(hashes)
    let pools = (value("pools")?.entries ?? []).compactMap { pool -> YAMLNode.Entry? in
      guard let servers = pool.value.entries?.first(where: { $0.key.scalar == "servers" })?.value else {
        return nil
      }
      return ServerForms.servers(servers).map {
        let pairs = [("servers", $0)] + (placement.map { [("placement", .word($0))] } ?? [])
        return YAMLNode.Entry(key: pool.key, value: .pairs(pairs))
      }
    }
    let what = "a configuration of mcrouter"
    guard let first = pools.first, let name = first.key.scalar else {
      return ForeignFile(
        what: what, position: position, hint: "such as {servers: [10.0.0.1:11211]}")
    }
    var new = first.value.entries ?? []
    if pools.count > 1 {
      new = [
        YAMLNode.Entry(
          key: .word("pools"), value: YAMLNode(content: .mapping(pools), position: YAMLNode.nowhere)),
        YAMLNode.Entry(key: .word("routes"), value: .items([.pairs([("pool", .word(name))])])),
      ]
    }
    let moves =
      placement == nil
      ? "add its placement, which \"ringroad placements\" lists; "
      : pools.count > 1 ? "add its routes; " : ""
    return ForeignFile(
      what: what, position: position, hint: "\(moves)write \(file(new) ?? "{servers: [10.0.0.1:11211]}")")
  }

  /// The names of hash functions in a route or pool of mcrouter's, and `other` for what its servers are hashed with
  /// besides.
  private static func hashWords(in entry: YAMLNode.Entry) -> [String] {
    let key = entry.key.scalar ?? ""
    if ["weights", "salt", "tags"].contains(key) { return ["other"] }
    if ["hash", "hash_func"].contains(key), let word = entry.value.scalar { return [word] }
    if key == "route", let parts = entry.value.scalar?.split(separator: "|"), parts.count > 2 {
      return [String(parts[parts.count - 1])]
    }
    if case .list(let items) = entry.value.content {
      return items.flatMap { $0.entries ?? [] }.flatMap { hashWords(in: $0) }
    }
    return (entry.value.entries ?? []).flatMap { hashWords(in: $0) }
  }

  /// The placement of mcrouter's pools, if their list of servers is all that it needs.
  private static func mcrouterPlacement(_ hashes: [String]) -> String? {
    switch Set(hashes) {
    case [], ["Ch3"]: "mcrouter-ch3"
    case ["Crc32"]: "mcrouter-crc32"
    default: nil
    }
  }

  /// moxi's `{"vBucketServerMap": {"serverList": […]}}`, whole or its inner part.
  private static func moxi(_ entries: [YAMLNode.Entry]) -> ForeignFile? {
    let words = Set(entries.compactMap(\.key.scalar))
    guard !words.isDisjoint(with: ["vBucketServerMap", "serverList", "vBucketMap", "nodeLocator"]),
      let position = entries.first?.key.position
    else { return nil }
    let inner = entries.first { $0.key.scalar == "vBucketServerMap" }?.value.entries ?? entries
    let list = inner.first { $0.key.scalar == "serverList" }?.value
    let servers = list.flatMap(ServerForms.servers).map { YAMLNode.pairs([("servers", $0)]).written }
    return ForeignFile(
      what: "a configuration of moxi", position: position,
      hint: "keys move; write \(servers ?? "{servers: [10.0.0.1:11211]}")")
  }

  // MARK: Files that are no YAML

  /// What the first words of the lines say.
  private static func text(_ lines: SourceLines) -> ForeignFile? {
    let first = lines.lines.prefix(200)
    guard let place = first.first.map({ FilePosition(line: $0.number, column: $0.indent + 1) }) else {
      return nil
    }
    let words = Set(first.map { String($0.content.prefix { !" =:{".contains($0) }) })
    func has(_ some: String...) -> Bool { !words.isDisjoint(with: some) }
    let what: String
    if has("\"route\"", "\"routes\"", "\"macros\""), has("\"pools\"") {
      what = "a configuration of mcrouter"
    } else if has("port_listen", "default_bucket_name", "downstream_max", "downstream_conn_max")
      || first.contains(where: { Self.isMoxi($0.content) })
    {
      what = "a configuration of moxi"
    } else if has("global", "defaults"), has("backend", "listen", "frontend") {
      what = "a configuration of HAProxy"
    } else if has("upstream", "stream", "http"), first.contains(where: { $0.content.hasSuffix(";") }) {
      what = "a configuration of nginx"
    } else if has("-d", "-m", "-p", "-u", "-l", "-c", "-t", "-v") {
      what = "a list of memcached's flags"
    } else {
      return nil
    }
    let servers = first.flatMap { serversInText($0.content) }
    var entries = [YAMLNode.Entry(key: .word("servers"), value: .items(servers))]
    if let placement = placement(in: first.map(\.content), of: what) {
      entries.append(YAMLNode.Entry(key: .word("placement"), value: .word(placement)))
    }
    let written = file(entries)
    return ForeignFile(
      what: what, position: place,
      hint: written.map { "write \($0)" } ?? "such as {servers: [10.0.0.1:11211]}")
  }

  /// The placement of nginx's `hash $key consistent;`, or of mcrouter's file without another hash.
  private static func placement(in lines: [String], of what: String) -> String? {
    if what.hasSuffix("mcrouter") {
      let words = ["hash", "hash_func", "weights", "salt", "tags"].map { "\"\($0)\"" }
      return lines.contains { line in words.contains { line.contains($0) } } ? nil : mcrouterPlacement([])
    }
    guard what.hasSuffix("nginx"), let line = lines.first(where: { $0.hasPrefix("hash ") }) else {
      return nil
    }
    let words = line.split { " ;".contains($0) }
    return words.last == "consistent" ? "nginx-consistent" : "nginx-hash"
  }

  /// `url=http://…` or `11211=mc1:11211,mc2:11211`.
  private static func isMoxi(_ line: String) -> Bool {
    let parts = line.split(separator: "=", maxSplits: 1).map { String($0.filter { $0 != " " }) }
    return parts.count == 2 && (parts[0] == "url" && parts[1].hasPrefix("http") || Int(parts[0]) != nil)
  }

  /// The servers in a line of HAProxy's (`server a 10.0.0.1:11211 check`), nginx's (`server 10.0.0.1:11211;`),
  /// mcrouter's (`"10.0.0.1:11211",`) or moxi's (`11211=mc1:11211,mc2:11211`).
  private static func serversInText(_ line: String) -> [YAMLNode] {
    let words = line.split { " ;,=".contains($0) }.map(String.init)
    return words.indices.compactMap { index in
      let parts = words[index].split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
      let isQuoted = parts.count == 3
      let word = isQuoted ? parts[1] : words[index]
      guard words[0] == "server" || Int(words[0]) != nil || isQuoted, word.contains(":"),
        (try? Endpoint.exactly(word, for: .server)) != nil
      else { return nil }
      if words[0] == "server", let at = words.firstIndex(of: "weight"), at + 1 < words.count,
        words[at + 1] != "1"
      {
        return .pairs([("address", .word(word)), ("weight", .word(words[at + 1]))])
      }
      return .word(word)
    }
  }
}
