// Parsing of the flags for running the proxy.

extension Invocation {
  static func serve(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<ServeFlag>(arguments)
    if given.has(.help) { return .help(.ringroad) }
    if given.has(.version) { return .version }
    if given.has(.check) {
      return try check(
        files: given.flags.filter { $0.flag == .config }.map(\.argument) + given.words + (given.rest ?? []))
    }
    if let word = given.words.first(where: CommandHints.isCommand) {
      throw UsageError("unknown command \(quoted(word))", hint: CommandHints.command(word))
    }
    var options = LaunchOptions()
    options.servers = given.words + (given.rest ?? [])
    for flag in given.flags {
      switch flag.flag {
      case .config:
        if options.configPath != nil { throw UsageError("\(flag.written) is given twice") }
        if flag.argument == "-" {
          throw UsageError(
            "\(flag.written) -: the proxy reads its file again when it changes", hint: "give it a name")
        }
        options.configPath = flag.argument
      case .threads: options.overrides.threads = try number(of: flag, in: Bounds.threads)
      case .connectionLimit: options.overrides.clients = try number(of: flag, in: Bounds.clients)
      case .admin:
        var admin = AdminSettings()
        admin.listener = try value(flag.written) { () throws(Complaint) in
          try AdminSettings.listener(flag.argument)
        }
        options.overrides.admin = admin
      case .user: options.user = flag.argument
      case .daemon: options.daemon = true
      case .pidfile: options.pidFile = flag.argument
      case .verbose: options.overrides.verbosity += 1
      case .listen, .port, .unixSocket, .unixMask, .check, .help, .version: break
      }
    }
    options.overrides.listeners = try listeners(given.flags)
    if let file = options.configPath {
      if let server = options.servers.first {
        throw UsageError(
          "\(quoted(server)) with --config \(file): put servers in the file or on the command line, not both"
        )
      }
    } else if options.servers.isEmpty {
      throw UsageError(
        "no configuration and no servers given", hint: "ringroad --config FILE, or ringroad --help")
    } else {
      try checkServers(options.servers, listeners: options.overrides.listeners)
    }
    return .serve(options)
  }

  /// The number of -t or -c. With nginx, HAProxy and twemproxy these name a file, or check one.
  private static func number(
    of flag: CommandWords<ServeFlag>.Given, in range: ClosedRange<Int>
  ) throws(UsageError) -> Int {
    let text = flag.argument
    if CommandHints.isFile(text) || text.hasPrefix("/")
      || text.hasPrefix("-") && text.contains(where: \.isLetter)
    {
      let file = text.hasPrefix("-") ? "FILE" : text
      throw UsageError(
        "\(flag.written) is a number here, not a file",
        hint: "ringroad check \(file) checks a file, ringroad --config \(file) uses it")
    }
    return try number(text, in: range, flag.written)
  }

  /// The listeners that -l, -p, -s and -a give together; nil without any of them.
  private static func listeners(_ flags: [CommandWords<ServeFlag>.Given]) throws(UsageError)
    -> [ListenerSettings]?
  {
    var port: UInt16?
    var mode: (bits: UInt16, written: String)?
    for flag in flags where flag.flag == .port || flag.flag == .unixMask {
      if flag.flag == .port {
        port = UInt16(try number(flag.argument, in: 1...65535, flag.written))
      } else {
        mode = (
          try value(flag.written) { () throws(Complaint) in try Quantity.mode(flag.argument) }, flag.written
        )
      }
    }
    var listeners: [ListenerSettings] = []
    var hasAddress = false
    for flag in flags where flag.flag == .listen || flag.flag == .unixSocket {
      hasAddress = hasAddress || flag.flag == .listen
      // As in memcached, one -l may name several addresses.
      let texts =
        flag.flag == .listen
        ? flag.argument.split(separator: ",").map(String.init) : ["unix:\(flag.argument)"]
      for text in texts {
        let endpoint = try value(flag.written) { () throws(Complaint) in
          try Endpoint.parse(text, for: .listener(defaultPort: port ?? Endpoint.listenerPort))
        }
        listeners.append(ListenerSettings(endpoint))
      }
    }
    if let port, !hasAddress { listeners.append(ListenerSettings(.tcp(host: "127.0.0.1", port: port))) }
    if let mode {
      let sockets = listeners.indices.filter {
        if case .unix = listeners[$0].endpoint { true } else { false }
      }
      if sockets.isEmpty {
        throw UsageError("\(mode.written) without a Unix socket", hint: "-s PATH names one")
      }
      for index in sockets { listeners[index].mode = mode.bits }
    }
    var seen: Set<Endpoint> = []
    for listener in listeners where !seen.insert(listener.endpoint.comparable).inserted {
      throw UsageError("listener \(listener.endpoint) is given twice")
    }
    return listeners.isEmpty ? nil : listeners
  }

  private static func value<Value>(
    _ flag: String, _ parse: () throws(Complaint) -> Value
  ) throws(UsageError) -> Value {
    do throws(Complaint) {
      return try parse()
    } catch {
      throw UsageError(error, about: flag)
    }
  }
}
