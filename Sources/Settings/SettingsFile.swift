// Loading of settings from a path, bytes or arguments.

extension ProxySettings {
  /// Reads and checks a file. Blocks on the disk; if `waits` is true, also on a pipe until it is written. `listeners`:
  /// those that are opened instead of the file's; no server may be one that is opened.
  package static func load(
    path: String, waits: Bool = true, listeners: [ListenerSettings]? = nil
  ) throws(ConfigFailure) -> ProxySettings {
    try loadWithNotes(path: path, waits: waits, listeners: listeners).settings
  }

  /// The same, and what is said in the file without an effect, each as `file:line:column: note: …`.
  package static func loadWithNotes(
    path: String, waits: Bool = true, listeners: [ListenerSettings]? = nil
  ) throws(ConfigFailure) -> (settings: ProxySettings, notes: [String]) {
    let name = FileBytes.name(path)
    let bytes: [UInt8]
    do throws(FileBytes.Failure) {
      bytes = try FileBytes.read(path, most: SourceText.mostBytes, waits: waits)
    } catch {
      var failure = ConfigFailure([ConfigError(file: name, message: "cannot be read: \(error.reason)")])
      failure.isPassing = error.isPassing
      throw failure
    }
    return try decodeWithNotes(bytes: bytes, file: name, listeners: listeners)
  }

  /// Checks the content of a file; `file` is its name in errors. Any bytes give settings or errors.
  package static func decode(
    bytes: [UInt8], file: String, listeners: [ListenerSettings]? = nil
  ) throws(ConfigFailure) -> ProxySettings {
    try decodeWithNotes(bytes: bytes, file: file, listeners: listeners).settings
  }

  static func decodeWithNotes(
    bytes: [UInt8], file: String, listeners: [ListenerSettings]? = nil
  ) throws(ConfigFailure) -> (settings: ProxySettings, notes: [String]) {
    func failure(_ problems: [YAMLProblem]) -> ConfigFailure {
      ConfigFailure(problems.map { ConfigError($0, in: file) })
    }
    let text: (bytes: [UInt8], end: FilePosition)
    do throws(YAMLProblem) { text = try SourceText.checked(bytes) } catch { throw failure([error]) }
    let root: YAMLNode?
    do throws(YAMLProblem) {
      root = try YAMLNode.read(text.bytes, end: text.end)
    } catch {
      let lines = SourceLines(text.bytes)
      let slips = lines.slips.sorted { $0.position < $1.position }.prefix(Bounds.errors)
      let problems = slips.isEmpty || !error.isSyntax ? [error] : Array(slips)
      throw failure(ForeignFile.problems(nil, lines) ?? problems)
    }
    guard let root, !root.isNothing else {
      throw failure([
        YAMLProblem(
          "the file is empty", at: FilePosition(line: 1, column: 1),
          hint: "the smallest valid file is servers: [127.0.0.1:11211]")
      ])
    }
    do throws(ConfigFailure) {
      return try decode(root, .file(file), listeners: listeners)
    } catch {
      let lines = SourceLines(text.bytes)
      if let problems = ForeignFile.problems(root, lines) { throw failure(problems) }
      // A slip in a line explains the errors in it.
      let wrong = Set(error.errors.map(\.line))
      let slips = failure(lines.slips.filter { wrong.contains($0.position.line) }).errors
      let explained = Set(slips.map(\.line))
      if slips.isEmpty { throw error }
      let errors = error.errors.filter { !explained.contains($0.line) } + slips
      throw ConfigFailure(errors.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
    }
  }

  /// Settings from servers and listeners given as arguments, with one pool named main. Without listeners the default
  /// one is used. The checks are those of a file; errors name the argument.
  package static func simple(
    listen: [String], servers: [String], listeners: [ListenerSettings]? = nil
  ) throws(ConfigFailure) -> ProxySettings {
    let arguments = listen + servers
    let nodes = arguments.enumerated().map { index, text in
      YAMLNode.text(text, at: FilePosition(line: 0, column: index))
    }
    let nowhere = FilePosition(line: 0, column: -1)
    func entry(_ key: String, _ items: ArraySlice<YAMLNode>) -> YAMLNode.Entry {
      YAMLNode.Entry(
        key: .text(key, at: nowhere), value: YAMLNode(content: .list(Array(items)), position: nowhere))
    }
    var entries = [entry("servers", nodes[listen.count...])]
    if !listen.isEmpty { entries.append(entry("listen", nodes[..<listen.count])) }
    let root = YAMLNode(content: .mapping(entries), position: nowhere)
    return try decode(root, .arguments(arguments), listeners: listeners).settings
  }

  private static func decode(
    _ root: YAMLNode, _ source: SettingsDecoder.Source, listeners: [ListenerSettings]?
  ) throws(ConfigFailure) -> (settings: ProxySettings, notes: [String]) {
    var decoder = SettingsDecoder(source: source)
    let settings = decoder.settings(root, listeners: listeners)
    if let failure = decoder.failure { throw failure }
    guard let settings else {
      // `settings` is nil only together with an error.
      throw ConfigFailure([ConfigError(file: "configuration", message: "not understood")])
    }
    return (settings, decoder.notes)
  }
}
