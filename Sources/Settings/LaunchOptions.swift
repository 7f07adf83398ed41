/// The command line of the proxy: the source of its settings, the flags that override them, and the options of the
/// process.
///
///     file or servers ──▶ settings() ◀── overrides
///
/// Kept for the life of the process: a reload calls `settings()` again, so flags override the new file too.
package struct LaunchOptions: Equatable, Sendable {
  /// The path of the file as given; nil if servers were given instead.
  package var configPath: String? = nil
  /// Servers given instead of a file: one pool named main. Empty when there is a file.
  package var servers: [String] = []
  package var overrides = SettingsOverrides()
  /// The user to switch to once the listeners are open.
  package var user: String? = nil
  /// Whether to detach from the terminal and run in the background.
  package var daemon = false
  /// The path of the file to write the process number to.
  package var pidFile: String? = nil

  package init() {}

  /// Reads the file or the list of servers, then applies the flags. A serving process does not wait for a pipe.
  package func settings(isServing: Bool = false) throws(ConfigFailure) -> ProxySettings {
    let settings =
      if let configPath {
        try ProxySettings.load(path: configPath, waits: !isServing, listeners: overrides.listeners)
      } else {
        try ProxySettings.simple(listen: [], servers: servers, listeners: overrides.listeners)
      }
    return overrides.applied(to: settings)
  }

  /// The same options with absolute paths, for a process that changes its directory.
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

/// Settings that flags override.
package struct SettingsOverrides: Equatable, Sendable {
  /// All listeners: those of the file are not opened.
  package var listeners: [ListenerSettings]? = nil
  package var threads: Int? = nil
  /// The limit of client connections.
  package var clients: Int? = nil
  /// The admin interface's listener, or none.
  package var admin: AdminSettings? = nil
  /// 1 is at least `info`, more is `debug`.
  package var verbosity = 0

  package init() {}

  package func applied(to settings: ProxySettings) -> ProxySettings {
    var settings = settings
    settings.hidden = hidden(in: settings)
    if let listeners { settings.listeners = listeners }
    if let threads { settings.threads = threads }
    if let clients { settings.limits.clients = clients }
    if let admin {
      settings.admin.listener = admin.listener
      settings.admin.isWritten = true
    }
    switch (verbosity, settings.log.level) {
    case (0, _), (1, .debug): break
    case (1, _): settings.log.level = .info
    default: settings.log.level = .debug
    }
    return settings
  }

  /// What the file says where the flags apply.
  private func hidden(in file: ProxySettings) -> [HiddenSetting] {
    var hidden: [HiddenSetting] = []
    func hide(_ key: String, _ text: String, _ flag: String) {
      hidden.append(HiddenSetting(key: key, text: text, flag: flag))
    }
    func written(_ listeners: [ListenerSettings]) -> String {
      listeners.map(\.endpoint.description).joined(separator: ",")
    }
    if let listeners { hide(FileKey.listen.rawValue, written(file.listeners), "-l \(written(listeners))") }
    if let threads {
      hide(FileKey.threads.rawValue, file.threads.map(String.init) ?? "auto", "-t \(threads)")
    }
    if let clients {
      hide("limits.\(LimitKey.clients.rawValue)", String(file.limits.clients), "-c \(clients)")
    }
    if let admin { hide(FileKey.admin.rawValue, file.admin.written, "--admin \(admin.written)") }
    if verbosity > 0 {
      hide(
        "log.\(LogKey.level.rawValue)", file.log.level.rawValue,
        "-\(String(repeating: "v", count: min(verbosity, 2)))")
    }
    return hidden
  }
}
