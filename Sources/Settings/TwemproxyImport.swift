/// The output of `ringroad import`: a twemproxy configuration (nutcracker.yml) as a configuration of ringroad, and what
/// of it cannot be carried over.
package struct TwemproxyImport: Equatable, Sendable {
  /// The configuration; empty if none of the pools can be carried over.
  package private(set) var text = ""
  /// What is missing from it, in the order of the file.
  package private(set) var errors: [ConfigError] = []
  /// What is worth knowing, though nothing is missing.
  package private(set) var notes: [String] = []

  /// Reads a file, or a pipe until it is written. The failure is that it is unreadable, or not twemproxy's.
  package static func load(path: String) throws(ConfigFailure) -> TwemproxyImport {
    let name = FileBytes.name(path)
    let bytes: [UInt8]
    do throws(FileBytes.Failure) {
      bytes = try FileBytes.read(path, most: SourceText.mostBytes, waits: true)
    } catch {
      throw ConfigFailure([ConfigError(file: name, message: "cannot be read: \(error.reason)")])
    }
    return try decode(bytes: bytes, file: name)
  }

  /// Translates the content of a file; `file` is its name in errors. Any bytes give a result or a failure.
  package static func decode(bytes: [UInt8], file: String) throws(ConfigFailure) -> TwemproxyImport {
    do throws(YAMLProblem) {
      let source = try SourceText.checked(bytes)
      let pools = try entries(of: source.bytes, end: source.end, file)
      return TwemproxyImport(pools, file: file)
    } catch {
      throw ConfigFailure([ConfigError(error, in: file)])
    }
  }

  /// The top level of twemproxy's file; any other is refused.
  private static func entries(
    of bytes: [UInt8], end: FilePosition, _ file: String
  ) throws(YAMLProblem) -> [YAMLNode.Entry] {
    func refusal(_ root: YAMLNode?) -> YAMLProblem? {
      ForeignFile.other(root, SourceLines(bytes)).map { other in
        YAMLProblem(
          "this is \(other.what): only twemproxy's can be imported", at: other.position,
          hint: "ringroad check FILE shows the same servers as a file of ringroad's")
      }
    }
    let root: YAMLNode?
    do throws(YAMLProblem) {
      root = try YAMLNode.read(bytes, end: end)
    } catch {
      throw refusal(nil) ?? error
    }
    guard let root, !root.isNothing else {
      throw YAMLProblem("the file is empty", at: FilePosition(line: 1, column: 1))
    }
    if let entries = root.entries, entries.contains(where: TwemproxyPool.isPool) { return entries }
    if let refusal = refusal(root) { throw refusal }
    var decoder = SettingsDecoder(source: .file(file), givesAdvice: false)
    if decoder.settings(root, listeners: nil) != nil {
      throw YAMLProblem("this is a configuration of ringroad already", at: root.position)
    }
    throw YAMLProblem(
      "this is no configuration of twemproxy", at: root.position,
      hint: "it has pools such as alpha: {listen: 127.0.0.1:22121, servers: [10.0.0.1:11211:1]}")
  }

  // MARK: Pools

  private init(_ entries: [YAMLNode.Entry], file: String) {
    var problems: [YAMLProblem] = []
    var pools: [TwemproxyPool] = []
    for pool in Self.pools(entries, &problems) {
      problems += pool.problems
      if pool.servers.isEmpty { continue }
      notes += pool.notes
      pools.append(pool)
    }
    Self.check(&pools, &problems)
    let clients = Self.clients(of: pools, &problems)
    if pools.count > 1, clients != nil {
      notes.append("limits.clients is the sum of client_connections: one limit for the clients of all pools")
    }
    problems.sort { $0.position < $1.position }
    errors = problems.prefix(Bounds.errors).map { ConfigError($0, in: file) }
    if problems.count > Bounds.errors, var last = errors.last {
      (last.message, last.hint) = ("and more errors like these", nil)
      errors.append(last)
    }
    guard !pools.isEmpty else { return }
    text = Self.header(pools, file) + remarks + Self.root(of: pools, clients: clients).block
  }

  /// What is missing from the configuration, and what is worth knowing, as comments: they stay with it.
  private var remarks: String {
    func listed(_ title: String, _ lines: [String]) -> String {
      lines.isEmpty ? "" : "# \(title):\n" + lines.map { "#   \($0)\n" }.joined()
    }
    let missing = errors.map { "line \($0.line): \($0.message)\($0.hint.map { "; \($0)" } ?? "")" }
    return listed("Not carried over", missing.map(Self.inOneLine)) + listed("Note", notes.map(Self.inOneLine))
  }

  /// A text without what could end a comment.
  private static func inOneLine(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
      let isPlain = scalar.value > 0x1F && !(0x7F...0x9F).contains(scalar.value)
      return isPlain && ![0x2028, 0x2029, 0xFEFF].contains(scalar.value) ? scalar : "?"
    }
    return String(String.UnicodeScalarView(scalars))
  }

  /// The pools of the file, each name once.
  private static func pools(_ entries: [YAMLNode.Entry], _ problems: inout [YAMLProblem]) -> [TwemproxyPool] {
    var pools: [TwemproxyPool] = []
    var names: Set<String> = []
    var serverCount = 0
    for entry in entries {
      let place = entry.key.position
      guard let name = entry.key.scalar else {
        problems.append(YAMLProblem("expected the name of a pool, found \(entry.key.found)", at: place))
        continue
      }
      let subject = "pool \(quoted(name))"
      guard let settings = entry.value.entries else {
        problems.append(
          YAMLProblem(
            "\(subject): expected a mapping with \"servers\", found \(entry.value.found)", at: place))
        continue
      }
      guard names.insert(name).inserted else {
        problems.append(YAMLProblem("duplicate \(subject)", at: place))
        continue
      }
      if let complaint = SettingsDecoder.nameComplaint(name) {
        problems.append(YAMLProblem(complaint.message(about: "pool name"), at: place, hint: complaint.hint))
        continue
      }
      guard pools.count < Bounds.pools else {
        problems.append(YAMLProblem("\(subject): more than \(Bounds.pools) pools", at: place))
        continue
      }
      let pool = TwemproxyPool(name, at: place, settings)
      serverCount += pool.servers.count
      if serverCount > Bounds.serversInAll {
        problems.append(
          YAMLProblem(
            "\(subject) and all below it are left out: more than \(Bounds.serversInAll) servers", at: place))
        break
      }
      pools.append(pool)
    }
    return pools
  }

  /// Finds what the pools say that a configuration cannot: the same listener twice, and what makes a pool invalid, such
  /// as too large weights, or a server that is the proxy itself.
  private static func check(_ pools: inout [TwemproxyPool], _ problems: inout [YAMLProblem]) {
    var listeners: [ListenerSettings] = []
    var lines: [Endpoint: Int] = [:]
    for index in pools.indices {
      guard let listener = pools[index].listener else { continue }
      let place = pools[index].place(of: .listen)
      if let line = lines[listener.endpoint.comparable] {
        problems.append(
          YAMLProblem("duplicate listener \(listener.endpoint), first on line \(line)", at: place))
        pools[index].removeListener()
      } else {
        lines[listener.endpoint.comparable] = place.line
        listeners.append(listener)
      }
    }
    pools.removeAll { pool in
      let root = YAMLNode(content: .mapping(pool.entries), position: pool.position)
      var decoder = SettingsDecoder(source: .file(""))
      _ = decoder.settings(root.placed(at: pool.position), listeners: listeners)
      guard let failure = decoder.failure, let first = failure.errors.first else { return false }
      let message = "pool \(quoted(pool.name)) is left out for the error on line \(first.line)"
      problems.append(YAMLProblem(message, at: pool.position))
      problems += failure.errors.map(\.problem)
      return true
    }
  }

  /// The clients of all pools together; nil if that is not limited.
  private static func clients(of pools: [TwemproxyPool], _ problems: inout [YAMLProblem]) -> Int? {
    let limited = pools.filter { $0.clients != nil }
    guard let first = limited.first else { return nil }
    let place = first.place(of: .clientConnections)
    let subject = TwemproxyKey.clientConnections.rawValue
    if let other = pools.first(where: { $0.clients == nil }) {
      problems.append(
        YAMLProblem(
          "\(subject): one limit is for all pools here, and pool \(quoted(other.name)) has none", at: place,
          hint: "limits.clients is \(LimitKey.clients.defaultText ?? "") unless it is set"))
      return nil
    }
    let sum = limited.reduce(0) { $0 + ($1.clients ?? 0) }
    guard Bounds.clients.contains(sum) else {
      problems.append(
        YAMLProblem(
          "\(subject): expected at most \(Bounds.clients.upperBound) in all pools, found \(sum)", at: place))
      return nil
    }
    return sum
  }

  // MARK: Text

  private static func header(_ pools: [TwemproxyPool], _ file: String) -> String {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    // In quotes if it could end the comment.
    let source = quoted(name) == "\"\(name)\"" ? name : quoted(name)
    let what = pools.count == 1 ? "pool \(quoted(pools[0].name))" : "\(pools.count) pools"
    return "# From \(source) of twemproxy: \(what). `ringroad import` wrote it.\n"
  }

  /// A single pool has its keys at the top level.
  private static func root(of pools: [TwemproxyPool], clients: Int?) -> YAMLNode {
    var entries: [YAMLNode.Entry]
    if pools.count == 1 {
      entries = pools[0].entriesOfFile
    } else {
      let listeners = pools.compactMap { pool in pool.listener.map { listener($0, of: pool.name) } }
      let named = pools.map { pool in
        YAMLNode.Entry(
          key: .word(pool.name), value: YAMLNode(content: .mapping(pool.entries), position: pool.position))
      }
      let all = YAMLNode(content: .mapping(named), position: YAMLNode.nowhere)
      entries = [
        YAMLNode.Entry(key: .word(FileKey.listen.rawValue), value: .items(listeners)),
        YAMLNode.Entry(key: .word(FileKey.pools.rawValue), value: all),
      ]
      if listeners.isEmpty { entries.removeFirst() }
      entries += TwemproxyPool.limits(clients: clients)
    }
    return YAMLNode(content: .mapping(entries), position: YAMLNode.nowhere)
  }

  /// A listener whose requests all go to one pool.
  private static func listener(_ listener: ListenerSettings, of pool: String) -> YAMLNode {
    let plain =
      listener.yaml.entries ?? [
        YAMLNode.Entry(key: .word(ListenerKey.address.rawValue), value: listener.yaml)
      ]
    let target = YAMLNode.Entry(key: .word("to"), value: .word(pool))
    return YAMLNode(content: .mapping(plain + [target]), position: YAMLNode.nowhere)
  }
}
