// Parsing of the commands that ask a running proxy.

/// Which running proxy a command asks: the address of its admin interface, or the configuration that has it.
package struct AdminAddress: Equatable, Sendable {
  package var endpoint: Endpoint? = nil
  package var configPath: String? = nil

  package init() {}

  /// The address to connect to, and the file of the token if the configuration has one. An address of all interfaces means
  /// this machine.
  package func resolved() throws(ConfigFailure) -> (endpoint: Endpoint, tokenFile: String?) {
    var (found, tokenFile) = (endpoint, String?.none)
    if let configPath {
      let admin = try ProxySettings.load(path: configPath).admin
      (found, tokenFile) = (admin.listener?.endpoint, admin.tokenFile)
      if found == nil {
        throw ConfigFailure([
          ConfigError(
            file: FileBytes.name(configPath), message: "admin is off",
            hint: "give it an address, or leave the key out")
        ])
      }
    }
    switch found ?? AdminSettings.usual.endpoint {
    case .tcp("0.0.0.0", let port): return (.tcp(host: "127.0.0.1", port: port), tokenFile)
    case .tcp("::", let port): return (.tcp(host: "::1", port: port), tokenFile)
    case let endpoint: return (endpoint, tokenFile)
    }
  }
}

/// The options of `ringroad health`.
package struct HealthOptions: Equatable, Sendable {
  package var address = AdminAddress()
  /// Whether to ask if the proxy is ready for clients, not only whether it lives.
  package var ready = false
  package var timeout = Duration.seconds(2)

  package init() {}
}

/// The options of `ringroad top`.
package struct TopOptions: Equatable, Sendable {
  package var address = AdminAddress()
  package var interval = Duration.seconds(1)
  /// Whether to print one frame as plain text.
  package var once = false
  /// Whether to print one JSON object.
  package var json = false

  package init() {}
}

/// The options of `ringroad tail`.
package struct TailOptions: Equatable, Sendable {
  package var address = AdminAddress()
  /// What the keys begin with.
  package var prefix = ""
  /// The server's address as configured; nil: all servers.
  package var server: String? = nil
  /// One request of this number is shown.
  package var sample = 1
  package var tokenFile: String? = nil

  package init() {}

  /// What is asked of the admin interface.
  package var target: String {
    var parts: [String] = []
    if !prefix.isEmpty { parts.append("prefix=\(Self.encoded(prefix))") }
    if let server { parts.append("server=\(Self.encoded(server))") }
    if sample > 1 { parts.append("sample=\(sample)") }
    return "/api/v1/tail" + (parts.isEmpty ? "" : "?\(parts.joined(separator: "&"))")
  }

  private static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 48...57, 65...90, 97...122: String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }.joined()
  }
}

extension Invocation {
  static func tail(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<TailFlag>(arguments)
    if given.has(.help) { return .help(.tail) }
    var options = TailOptions()
    for flag in given.flags {
      switch flag.flag {
      case .config: options.address.configPath = flag.argument
      case .keyPrefix: options.prefix = flag.argument
      case .server: options.server = flag.argument
      case .tokenFile: options.tokenFile = flag.argument
      case .sample: options.sample = try number(flag.argument, in: 1...1_000_000, flag.written)
      case .help: break
      }
    }
    try address(given, "ringroad tail 127.0.0.1:\(AdminSettings.port)", into: &options.address)
    return .tail(options)
  }

  static func health(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<HealthFlag>(arguments)
    if given.has(.help) { return .help(.health) }
    var options = HealthOptions()
    for flag in given.flags {
      switch flag.flag {
      case .config: options.address.configPath = flag.argument
      case .ready: options.ready = true
      case .timeout: options.timeout = try duration(flag.argument, flag.written, .milliseconds(1))
      case .help: break
      }
    }
    try address(given, "ringroad health 127.0.0.1:\(AdminSettings.port)", into: &options.address)
    return .health(options)
  }

  static func top(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<TopFlag>(arguments)
    if given.has(.help) { return .help(.top) }
    var options = TopOptions()
    for flag in given.flags {
      switch flag.flag {
      case .config: options.address.configPath = flag.argument
      case .interval: options.interval = try duration(flag.argument, flag.written, .milliseconds(100))
      case .once: options.once = true
      case .json: options.json = true
      case .help: break
      }
    }
    if options.once, options.json { throw UsageError("--once and --json cannot be combined") }
    try address(given, "ringroad top 127.0.0.1:\(AdminSettings.port)", into: &options.address)
    return .top(options)
  }

  /// Reads the one word that may be given: the address.
  private static func address<Flag>(
    _ given: CommandWords<Flag>, _ example: String, into address: inout AdminAddress
  ) throws(UsageError) {
    let words = given.words + (given.rest ?? [])
    guard let word = words.first else { return }
    guard words.count == 1 else { throw UsageError("unexpected argument \(quoted(words[1]))", hint: example) }
    if CommandHints.isFile(word) {
      throw UsageError("\(quoted(word)) is not an address", hint: "a file is given as -f \(word)")
    }
    if let file = address.configPath { throw UsageError("\(quoted(word)) with -f \(file): one of them") }
    do throws(Complaint) {
      address.endpoint = try Endpoint.parse(word, for: .listener(defaultPort: AdminSettings.port))
    } catch {
      throw UsageError(error, about: "the proxy's admin address")
    }
  }

  private static func duration(
    _ text: String, _ flag: String, _ least: Duration
  ) throws(UsageError) -> Duration {
    do throws(Complaint) {
      return try Quantity.duration(text, in: least...Duration.seconds(3600))
    } catch {
      throw UsageError(error, about: flag)
    }
  }
}
