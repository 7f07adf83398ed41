// Parsing of `ringroad adopt`.

/// The options of `ringroad adopt`.
package struct AdoptOptions: Equatable, Sendable {
  /// The file with the servers, in one pool; nil if they are given.
  package var configPath: String? = nil
  package var servers: [String] = []
  /// The most keys that are read from each server.
  package var sample = 1000
  /// The file that is written; nil is standard output, as `-` is.
  package var output: String? = nil
  package var json = false

  package init() {}

  /// Which pool of the file; nil if it has one.
  package var poolName: String?

  /// The servers whose keys are read.
  package func pool() throws(ConfigFailure) -> PoolSettings {
    var options = LaunchOptions()
    options.configPath = configPath
    options.servers = servers
    // Nothing is opened.
    options.overrides.listeners = []
    let pools = try options.settings().pools
    if let name = poolName {
      guard let pool = pools.first(where: { $0.name == name }) else {
        throw ConfigFailure([
          ConfigError(
            file: configPath.map(FileBytes.name) ?? "", message: "there is no pool \(quoted(name))",
            hint: "it has \(pools.map(\.name).joined(separator: ", "))")
        ])
      }
      return pool
    }
    guard pools.count == 1, let pool = pools.first else {
      throw ConfigFailure([
        ConfigError(
          file: configPath.map(FileBytes.name) ?? "", message: "\(pools.count) pools where one is expected",
          hint: "name one of them with --pool \(pools.first?.name ?? "NAME")")
      ])
    }
    return pool
  }
}

extension Invocation {
  static func adopt(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<AdoptFlag>(arguments)
    if given.has(.help) { return .help(.adopt) }
    var options = AdoptOptions()
    for flag in given.flags {
      switch flag.flag {
      case .config: options.configPath = flag.argument
      case .pool: options.poolName = flag.argument
      case .sample: options.sample = try number(flag.argument, in: 1...100_000, flag.written)
      case .output: options.output = flag.argument == "-" ? nil : flag.argument
      case .json: options.json = true
      case .help: break
      }
    }
    options.servers = given.words + (given.rest ?? [])
    if let file = options.configPath {
      if let word = options.servers.first { throw UsageError("\(quoted(word)) with -f \(file): one of them") }
      return .adopt(options)
    }
    guard !options.servers.isEmpty else {
      throw UsageError("no servers given", hint: "ringroad adopt 10.0.0.1:11211 10.0.0.2:11211")
    }
    try checkServers(options.servers, listeners: [])
    return .adopt(options)
  }
}
