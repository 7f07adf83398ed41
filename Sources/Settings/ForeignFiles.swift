/// Configurations of other programs, and the same servers as a configuration of ringroad.
enum ForeignFile {
  /// The errors for a file of another program; nil if it is not recognised. `root` is nil if it is no YAML.
  static func problems(_ root: YAMLNode?, _ lines: SourceLines) -> [YAMLProblem]? {
    if let entries = root?.entries {
      let pools = entries.filter(isTwemproxyPool)
      if !pools.isEmpty { return pools.map(twemproxy) }
      if let problem = mcrouter(entries) ?? moxi(entries) { return [problem] }
    }
    return text(lines).map { [$0] }
  }

  private static func problem(_ what: String, at position: FilePosition, _ hint: String) -> YAMLProblem {
    YAMLProblem("this is \(what), not ringroad's", at: position, hint: hint)
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

  /// A pool of nutcracker.yml: a mapping at the top level with servers, and its own address or distribution.
  private static func isTwemproxyPool(_ entry: YAMLNode.Entry) -> Bool {
    guard let name = entry.key.scalar, TopKey(rawValue: name) == nil, let pool = entry.value.entries else {
      return false
    }
    let keys = Set(pool.compactMap(\.key.scalar))
    let own: Set = [
      "listen", "distribution", "auto_eject_hosts", "redis", "server_retry_timeout", "server_failure_limit",
      "timeout",
    ]
    return keys.contains("servers") && !keys.isDisjoint(with: own)
  }

  private static func twemproxy(_ pool: YAMLNode.Entry) -> YAMLProblem {
    let what = "pool \(quoted(pool.key.scalar ?? "")) of a twemproxy configuration (nutcracker.yml)"
    let position = pool.key.position
    let entries = pool.value.entries ?? []
    func value(_ key: String) -> String? { entries.first { $0.key.scalar == key }?.value.scalar }
    if value("redis") == "true" {
      return problem(
        what, at: position, "it has Redis servers, and ringroad speaks memcached's protocol only")
    }
    var found = translated(entries)
    let isOffered = ["ketama", "modula", nil].contains(value("distribution"))
    if isOffered, !found.contains(where: { $0.key.scalar == "placement" }) {
      found.append(YAMLNode.Entry(key: .word("placement"), value: .word("twemproxy-ketama")))
    }
    // Twemproxy ejects no server unless told to.
    if value("auto_eject_hosts") == nil {
      found.append(YAMLNode.Entry(key: .word("on_failure"), value: .word("fail_fast")))
    }
    if let pause = value("server_retry_timeout").flatMap(Int.init), pause > 30_000 {
      found.removeAll { $0.key.scalar == "probe_interval" }
      for key in ["probe_interval", "probe_max"] {
        found.append(YAMLNode.Entry(key: .word(key), value: .word("\(pause)ms")))
      }
    }
    guard let file = file(found) else {
      return problem(what, at: position, "see \"Coming from twemproxy\" in docs/CONFIGURATION.md")
    }
    let moves = isOffered ? "" : "its distribution is not offered, so keys move; "
    return problem(what, at: position, "\(moves)write \(file)")
  }

  /// The keys of a pool as entries of a file; what has no counterpart is left out.
  private static func translated(_ entries: [YAMLNode.Entry]) -> [YAMLNode.Entry] {
    var found: [YAMLNode.Entry] = []
    for entry in entries {
      guard let word = entry.key.scalar, let new = KeyAdvice(for: word, value: entry.value)?.entry,
        !found.contains(where: { $0.key.scalar == new.key.scalar })
      else { continue }
      found.append(new)
    }
    return found
  }

  // MARK: mcrouter and moxi

  /// mcrouter's `{"pools": {"A": {"servers": […]}}, "route": "PoolRoute|A"}`.
  private static func mcrouter(_ entries: [YAMLNode.Entry]) -> YAMLProblem? {
    func value(_ key: String) -> YAMLNode? { entries.first { $0.key.scalar == key }?.value }
    let isRoute: (YAMLNode) -> Bool = { item in
      item.entries?.contains { ["route", "aliases"].contains($0.key.scalar) } ?? false
    }
    var hasRoutes = value("route") != nil || value("macros") != nil
    if case .list(let items)? = value("routes")?.content {
      hasRoutes = hasRoutes || items.contains(where: isRoute)
    }
    guard hasRoutes, let position = entries.first?.key.position else { return nil }
    let pools = (value("pools")?.entries ?? []).compactMap { pool -> YAMLNode.Entry? in
      guard let servers = pool.value.entries?.first(where: { $0.key.scalar == "servers" })?.value else {
        return nil
      }
      return ServerForms.servers(servers).map {
        YAMLNode.Entry(key: pool.key, value: .pairs([("servers", $0)]))
      }
    }
    let what = "a configuration of mcrouter"
    guard let first = pools.first, let name = first.key.scalar else {
      return problem(what, at: position, "such as {servers: [10.0.0.1:11211]}")
    }
    var new = first.value.entries ?? []
    if pools.count > 1 {
      new = [
        YAMLNode.Entry(
          key: .word("pools"), value: YAMLNode(content: .mapping(pools), position: YAMLNode.nowhere)),
        YAMLNode.Entry(key: .word("routes"), value: .items([.pairs([("pool", .word(name))])])),
      ]
    }
    return problem(what, at: position, "keys move; write \(file(new) ?? "{servers: [10.0.0.1:11211]}")")
  }

  /// moxi's `{"vBucketServerMap": {"serverList": […]}}`, whole or its inner part.
  private static func moxi(_ entries: [YAMLNode.Entry]) -> YAMLProblem? {
    let words = Set(entries.compactMap(\.key.scalar))
    guard !words.isDisjoint(with: ["vBucketServerMap", "serverList", "vBucketMap", "nodeLocator"]),
      let position = entries.first?.key.position
    else { return nil }
    let inner = entries.first { $0.key.scalar == "vBucketServerMap" }?.value.entries ?? entries
    let list = inner.first { $0.key.scalar == "serverList" }?.value
    let servers = list.flatMap(ServerForms.servers).map { YAMLNode.pairs([("servers", $0)]).written }
    return problem(
      "a configuration of moxi", at: position, "keys move; write \(servers ?? "{servers: [10.0.0.1:11211]}")")
  }

  // MARK: Files that are no YAML

  /// What the first words of the lines say.
  private static func text(_ lines: SourceLines) -> YAMLProblem? {
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
    let written = file([YAMLNode.Entry(key: .word("servers"), value: .items(servers))])
    return problem(what, at: place, written.map { "write \($0)" } ?? "such as {servers: [10.0.0.1:11211]}")
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
      return .word(word)
    }
  }
}
