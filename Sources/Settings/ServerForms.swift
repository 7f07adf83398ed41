/// Servers in forms that a file does not have, and the same servers in forms that it has.
///
///     10.0.0.1:11211:2 cache-a                  {address: 10.0.0.1:11211, weight: 2, name: cache-a}
///     {host: 10.0.0.1, port: 11211}             10.0.0.1:11211
///     {10.0.0.1: 11211}                         10.0.0.1:11211
///     "10.0.0.1:11211, 10.0.0.2:11211"          [10.0.0.1:11211, 10.0.0.2:11211]
///     {cache-a: 10.0.0.1:11211}                 [{address: 10.0.0.1:11211, name: cache-a}]
enum ServerForms {
  private static let hostWords: Set = ["host", "hostname", "server", "ip", "addr", "url", "endpoint", "node"]

  /// One server as an item of `servers`; nil if it is not understood.
  static func server(_ node: YAMLNode) -> YAMLNode? {
    switch node.content {
    case .scalar(let text, _): weighted(text) ?? address(text).map(YAMLNode.word)
    case .list(let items): items.count == 1 ? items[0].scalar.flatMap(address).map(YAMLNode.word) : nil
    case .mapping(let entries): entries.count == 1 ? pair(entries[0]) ?? named(entries) : named(entries)
    }
  }

  /// The value of `servers`; nil if one of them is not understood.
  static func servers(_ node: YAMLNode) -> YAMLNode? {
    let found: [YAMLNode?]
    switch node.content {
    case .scalar(let text, _): found = addresses(in: text).map { .word($0) }
    case .list(let items): found = items.map(server)
    case .mapping(let entries): found = named(entries).map { [$0] } ?? entries.map(pair)
    }
    let servers = found.compactMap(\.self)
    return servers.isEmpty || servers.count < found.count ? nil : .items(servers)
  }

  /// The addresses in a text with commas, semicolons or spaces between them; empty if one is not an address.
  static func addresses(in text: String) -> [String] {
    if text.utf8.count > Bounds.hintBytes { return [] }
    let words = text.split { ",; \n".contains($0) }.map(String.init)
    // Spaces alone may also be in one wrong address.
    if !text.contains(where: { ",;".contains($0) }), words.count > 1,
      words.contains(where: { $0 != "-" && !$0.contains(":") && !$0.contains(".") })
    {
      return []
    }
    let list = words.first == "-" ? words.filter { $0 != "-" } : words
    let found = list.compactMap { address($0.hasPrefix("-") ? String($0.dropFirst()) : $0) }
    return found.count == list.count ? found : []
  }

  private static func address(_ written: String) -> String? {
    let text = written.trimmingTypographicQuotes
    return (try? Endpoint.exactly(text, for: .server)) == nil ? Endpoint.repaired(text, for: .server) : text
  }

  /// twemproxy's `host:port:weight name`, and `host:port weight=2`.
  private static func weighted(_ text: String) -> YAMLNode? {
    let words = text.split(separator: " ").map(String.init)
    let isAssigned = words.count == 2 && words[1].hasPrefix("weight=")
    guard let server = TwemproxyServer(isAssigned ? "\(words[0]):\(words[1].dropFirst(7))" : text),
      let weight = Int(server.weight), Bounds.weight.contains(weight),
      (try? Endpoint.exactly(server.address, for: .server)) != nil
    else { return nil }
    return entry(server.address, [.weight: String(weight), .name: server.name].compactMapValues(\.self))
  }

  /// A server with these settings; its address alone if there are none.
  private static func entry(_ address: String, _ settings: [ServerKey: String] = [:]) -> YAMLNode {
    let others = ServerKey.allCases.compactMap { key in
      key == .address ? nil : settings[key].map { (key: key.rawValue, value: YAMLNode.word($0)) }
    }
    return others.isEmpty ? .word(address) : .pairs([("address", .word(address))] + others)
  }

  /// A host and its port, an address and its weight, or a name and its address, as one entry of a mapping.
  private static func pair(_ entry: YAMLNode.Entry) -> YAMLNode? {
    guard let key = entry.key.scalar else { return nil }
    if entry.value.isNothing { return address(key).map(YAMLNode.word) }
    guard let value = entry.value.scalar else {
      // `10.0.0.1: {mark: down}`
      guard let settings = entry.value.entries, let address = address(key) else { return nil }
      return named(settings + [YAMLNode.Entry(key: .word("address"), value: .word(address))])
    }
    // `10.0.0.1 mark: down`
    let words = key.split(whereSeparator: { " ,".contains($0) }).map(String.init)
    if words.count == 2, let setting = ServerKey(rawValue: words[1]), let address = address(words[0]) {
      return Self.entry(address, [setting: value])
    }
    guard ServerKey(rawValue: key) == nil, !hostWords.contains(key), SettingsDecoder.nameComplaint(key) == nil
    else { return nil }
    if let number = Int(value) {
      if (try? Endpoint.exactly("\(key):\(value)", for: .server)) != nil, key.contains(".") || number > 1000 {
        return .word("\(key):\(value)")
      }
      guard Bounds.weight.contains(number) else { return nil }
      return address(key).map { Self.entry($0, [.weight: value]) }
    }
    return address(value).map { Self.entry($0, [.name: key]) }
  }

  /// A mapping with a host, and perhaps a port, a weight and a name.
  private static func named(_ entries: [YAMLNode.Entry]) -> YAMLNode? {
    let isSlip: (YAMLNode.Entry) -> Bool = { entry in
      ServerKey.allCases.contains { entry.key.scalar?.hasPrefix("\($0.rawValue):") == true }
    }
    guard !entries.contains(where: isSlip), let found = words(in: entries) else { return nil }
    let settings = ServerKey.allCases.compactMap { key in found[key.rawValue].map { (key, $0) } }
    return address(in: found).flatMap(address).map {
      entry($0, Dictionary(settings, uniquingKeysWith: { first, _ in first }))
    }
  }

  /// The address of a listener that is a mapping with a host or a port; nil if there is neither.
  static func listener(_ node: YAMLNode) -> String? {
    guard let found = words(in: node.entries ?? []) else { return nil }
    return (address(in: found) ?? found["port"]).flatMap {
      Endpoint.repaired($0, for: .listener(defaultPort: nil))
    }
  }

  /// The values of a mapping by their keys; the words for a host are one, and a key without a value is a host. Nil if a
  /// value is no word.
  private static func words(in entries: [YAMLNode.Entry]) -> [String: String]? {
    var found: [String: String] = [:]
    for entry in entries {
      guard let key = entry.key.scalar else { return nil }
      if entry.value.isNothing, ServerKey(rawValue: key) == nil {
        found["host"] = key
        continue
      }
      guard let value = entry.value.scalar else { return nil }
      found[hostWords.contains(key) ? "host" : key] = value
    }
    return found
  }

  /// The error of a mapping whose address is missing or in parts; nil if it is neither.
  static func addressComplaint(_ node: YAMLNode, in subject: String) -> String? {
    let keys = Set((node.entries ?? []).compactMap(\.key.scalar))
    if !keys.contains("address") { return "\(subject) without \"address\"" }
    return keys.contains("port") ? "\(subject) with \"port\" beside \"address\"" : nil
  }

  private static func address(in found: [String: String]) -> String? {
    guard let host = found["host"] ?? found["address"] else { return nil }
    return found["port"].map { "\(HostName.isIPv6(host) ? "[\(host)]" : host):\($0)" } ?? host
  }
}
