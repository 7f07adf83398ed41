import Topology

/// A parsed command line.
///
///     ringroad --config FILE        serve
///     ringroad check FILE           check
///     ringroad route -f FILE KEY    route
///     ringroad import FILE          importing
///     ringroad top                  top
///     ringroad bench HOST:PORT      bench
package enum Invocation: Equatable, Sendable {
  case serve(LaunchOptions)
  case check(file: String)
  case route(RouteQuestion)
  case placements(json: Bool)
  case plan(PlanOptions)
  case importing(file: String)
  case adopt(AdoptOptions)
  case bench(BenchOptions)
  case demo(DemoOptions)
  case health(HealthOptions)
  case top(TopOptions)
  case tail(TailOptions)
  case help(HelpTopic)
  case version

  /// Parses the arguments after the program's name. Opens no file.
  package static func parse(_ arguments: [String]) throws(UsageError) -> Invocation {
    guard let first = arguments.first else {
      throw UsageError(
        "no configuration and no servers given", hint: "ringroad --config FILE, or ringroad --help")
    }
    let rest = arguments.dropFirst()
    switch first {
    case "check": return try check(rest)
    case "route": return try route(rest)
    case "placements": return try placements(rest)
    case "plan": return try plan(rest)
    case "import": return try importing(rest)
    case "adopt": return try adopt(rest)
    case "bench": return try bench(rest)
    case "demo": return try demo(rest)
    case "health": return try health(rest)
    case "top": return try top(rest)
    case "tail": return try tail(rest)
    case "help": return try help(rest)
    default:
      try refuseMistyped(first)
      return try serve(arguments[...])
    }
  }

  /// A first word that is nearly a command, and no address, is a typing error.
  private static func refuseMistyped(_ word: String) throws(UsageError) {
    guard !word.hasPrefix("-"), !word.contains(where: { ".:/[".contains($0) }),
      CommandHints.meaning(of: word) == nil
    else { return }
    if let near = nearestWord(to: word, among: CommandHints.commands) {
      throw UsageError("unknown command \(quoted(word))", hint: "did you mean \(quoted(near))?")
    }
  }

  // MARK: Commands

  private static func check(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<CheckFlag>(arguments)
    if given.has(.help) { return .help(.check) }
    return try check(
      files: given.flags.filter { $0.flag == .config }.map(\.argument) + given.words + (given.rest ?? []))
  }

  static func check(files: [String]) throws(UsageError) -> Invocation {
    guard files.count == 1 else {
      let found = files.isEmpty ? "no file to check" : "\(files.count) files where one is expected"
      throw UsageError(found, hint: "ringroad check FILE")
    }
    return .check(file: files[0])
  }

  private static func route(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<RouteFlag>(arguments)
    if given.has(.help) { return .help(.route) }
    var question = RouteQuestion()
    for flag in given.flags {
      switch flag.flag {
      case .config: question.configPath = flag.argument
      case .servers: question.servers += flag.argument.split(separator: ",").map(String.init)
      case .json: question.json = true
      case .pool: question.pool = flag.argument
      case .command:
        guard let command = Command.withKey.first(where: { $0.word == flag.argument }) else {
          throw UsageError(
            Complaint.unknownWord(flag.argument, known: Command.withKey.map(\.word)), about: "command")
        }
        question.command = command
      case .help: break
      }
    }
    if question.configPath != nil, given.has(.servers) {
      throw UsageError("--config and --servers cannot be combined")
    }
    if question.configPath == nil, !given.has(.servers) {
      // Without a flag the words before `--` are servers: keys follow it, or come from standard input.
      question.servers = given.words
      question.keys = given.rest ?? []
      if given.words.isEmpty {
        throw UsageError("no configuration and no servers given", hint: "ringroad route --config FILE KEY")
      }
    } else {
      question.keys = given.words + (given.rest ?? [])
    }
    if question.configPath == nil { try checkServers(question.servers, listeners: []) }
    if question.configPath == "-", question.keys.isEmpty {
      throw UsageError(
        "standard input cannot be both the configuration and the keys", hint: "ringroad route -f - KEY")
    }
    return .route(question)
  }

  private static func placements(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<PlacementsFlag>(arguments)
    if given.has(.help) { return .help(.placements) }
    if let word = (given.words + (given.rest ?? [])).first {
      throw UsageError("unexpected argument \(quoted(word))", hint: "ringroad placements")
    }
    return .placements(json: given.has(.json))
  }

  private static func importing(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<ImportFlag>(arguments)
    if given.has(.help) { return .help(.importing) }
    let files = given.words + (given.rest ?? [])
    guard files.count == 1 else {
      let found = files.isEmpty ? "no file to import" : "\(files.count) files where one is expected"
      throw UsageError(found, hint: "ringroad import nutcracker.yml")
    }
    return .importing(file: files[0])
  }

  private static func demo(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<DemoFlag>(arguments)
    if given.has(.help) { return .help(.demo) }
    if let word = (given.words + (given.rest ?? [])).first {
      throw UsageError("unexpected argument \(quoted(word))", hint: "ringroad demo -n 3")
    }
    var options = DemoOptions()
    for flag in given.flags {
      switch flag.flag {
      case .servers: options.servers = try number(flag.argument, in: 1...32, flag.written)
      case .once: options.once = true
      case .help: break
      }
    }
    return .demo(options)
  }

  private static func help(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    guard let word = arguments.first else { return .help(.ringroad) }
    guard arguments.count == 1, let topic = HelpTopic(rawValue: word) else {
      throw UsageError("no help on \(quoted(word))", hint: "ringroad --help")
    }
    return .help(topic)
  }

  // MARK: Shared by the commands

  static func number(
    _ text: String, in range: ClosedRange<Int>, _ flag: String
  ) throws(UsageError) -> Int {
    do throws(Complaint) {
      return try Quantity.count(text, in: range)
    } catch {
      throw UsageError(error, about: flag)
    }
  }

  /// Checks servers given as arguments by the same rules as those of a file.
  static func checkServers(_ servers: [String], listeners: [ListenerSettings]?) throws(UsageError) {
    // The file's name could be a host's, and the proxy would try to reach that host instead of reading the file.
    if let file = servers.first(where: CommandHints.isFile) {
      throw UsageError("\(quoted(file)) is not a server", hint: "a file is given as --config \(file)")
    }
    if let list = servers.first(where: { $0.contains(",") }) {
      throw UsageError(
        "commas between servers: \(quoted(list))",
        hint: "write \(list.split(separator: ",").joined(separator: " "))")
    }
    do throws(ConfigFailure) {
      _ = try ProxySettings.simple(listen: [], servers: servers, listeners: listeners)
    } catch {
      let message = error.errors.first.map { "\($0.file): \($0.message)" } ?? "no servers"
      throw UsageError(message, hint: error.errors.first?.hint)
    }
  }
}

/// The keys to place, and the servers or the configuration to place them on.
package struct RouteQuestion: Equatable, Sendable {
  package var configPath: String? = nil
  /// Servers given instead of a file.
  package var servers: [String] = []
  /// If empty, the keys are read from standard input, one per line.
  package var keys: [String] = []
  package var json = false
  /// The pool or policy that all keys go to; nil if routes decide.
  package var pool: String? = nil
  package var command = Command.get

  package init() {}

  /// The settings to place the keys by.
  package func settings() throws(ConfigFailure) -> ProxySettings {
    var options = LaunchOptions()
    options.configPath = configPath
    options.servers = servers
    // Nothing is opened.
    options.overrides.listeners = []
    return try options.settings()
  }
}

/// The options of `ringroad demo`.
package struct DemoOptions: Equatable, Sendable {
  /// The number of memcacheds to start.
  package var servers = 3
  /// Whether to end after one round.
  package var once = false

  package init() {}
}
