/// What the command line says about running the proxy: where its settings come from, which flags beat them,
/// and how the process lives.
///
///     file or servers ──▶ settings() ◀── overrides
///
/// Kept for the life of the process: a reload asks for `settings()` again, so flags beat the new file too.
package struct LaunchOptions: Equatable, Sendable {
  /// The file, as it was given; nil when servers were given instead.
  package var configPath: String? = nil
  /// Servers in place of a file: one pool named main. Empty when there is a file.
  package var servers: [String] = []
  package var overrides = SettingsOverrides()
  /// The user to become once the listeners are open.
  package var user: String? = nil
  /// Whether to leave the terminal and run in the background.
  package var daemon = false
  /// Where to write the process's number.
  package var pidFile: String? = nil

  package init() {}

  /// Reads the file, or takes the servers, and lets the flags beat it. A process that serves does not wait for a pipe.
  package func settings(isServing: Bool = false) throws(ConfigFailure) -> ProxySettings {
    let settings =
      if let configPath {
        try ProxySettings.load(path: configPath, waits: !isServing)
      } else {
        try ProxySettings.simple(listen: [], servers: servers)
      }
    return overrides.applied(to: settings)
  }

  /// The same with absolute paths, for a process that leaves its directory.
  package func anchored(in directory: String) -> LaunchOptions {
    func anchor(_ path: String?) -> String? {
      path.map { $0.hasPrefix("/") ? $0 : directory + (directory.hasSuffix("/") ? "" : "/") + $0 }
    }
    var options = self
    options.configPath = anchor(configPath)
    options.pidFile = anchor(pidFile)
    return options
  }
}

/// What flags say in place of the file.
package struct SettingsOverrides: Equatable, Sendable {
  /// All listeners: those of the file are not opened.
  package var listeners: [ListenerSettings]? = nil
  package var threads: Int? = nil
  /// The limit of client connections.
  package var clients: Int? = nil
  /// One: at least `info`. More: `debug`.
  package var verbosity = 0

  package init() {}

  package func applied(to settings: ProxySettings) -> ProxySettings {
    var settings = settings
    if let listeners { settings.listeners = listeners }
    if let threads { settings.threads = threads }
    if let clients { settings.limits.clients = clients }
    switch (verbosity, settings.log.level) {
    case (0, _), (1, .debug): break
    case (1, _): settings.log.level = .info
    default: settings.log.level = .debug
    }
    return settings
  }
}
