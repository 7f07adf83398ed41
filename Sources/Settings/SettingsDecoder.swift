/// Decodes the tree of a file into settings, and collects all errors.
///
/// An invalid value leaves the default, and decoding continues, so that one report lists every error; with any error
/// the result is no settings.
struct SettingsDecoder {
  /// The input: a file, or arguments, which have "line" zero and their index as "column".
  enum Source {
    case file(String)
    case arguments([String])
  }

  let source: Source
  /// Whether unknown keys are looked up in other places; not for a value that is only tried.
  private let givesAdvice: Bool
  /// The pools and policies that listeners name, and where.
  var targetPlaces: [(pool: String, at: FilePosition)] = []
  /// The pools that have an `on_failure`.
  var poolsWithFailureRule: Set<String> = []
  /// Each server so far, with its position.
  var serverPlaces: [(endpoint: Endpoint, at: FilePosition)] = []
  private(set) var errors: [ConfigError] = []
  /// What is said without an effect, each as a line for people.
  private(set) var notes: [String] = []
  private(set) var isFull = false

  init(source: Source, givesAdvice: Bool = true) {
    self.source = source
    self.givesAdvice = givesAdvice
  }

  // MARK: Complaints

  mutating func refuse(_ position: FilePosition, _ message: String, hint: String? = nil) {
    guard errors.count < Bounds.errors else {
      isFull = true
      return
    }
    // A hint is for a person: a list of thousands of servers is none.
    let hint = hint.flatMap { $0.utf8.count > Bounds.hintBytes ? nil : $0 }
    switch source {
    case .file(let name):
      errors.append(
        ConfigError(file: name, line: position.line, column: position.column, message: message, hint: hint))
    case .arguments(let words):
      let word =
        words.indices.contains(position.column) ? "argument \(quoted(words[position.column]))" : "arguments"
      errors.append(ConfigError(file: word, message: message, hint: hint))
    }
  }

  mutating func note(_ position: FilePosition, _ text: String) {
    if case .file(let name) = source {
      notes.append("\(name):\(position.line):\(position.column): note: \(text)")
    }
  }

  mutating func refuse(_ position: FilePosition, _ complaint: Complaint, about subject: String) {
    refuse(position, complaint.message(about: subject), hint: complaint.hint)
  }

  /// Reports a duplicate, with the position of the first.
  mutating func refuse(_ position: FilePosition, duplicate what: String, first: FilePosition) {
    switch source {
    case .file: refuse(position, "duplicate \(what), first on line \(first.line)")
    case .arguments: refuse(position, "duplicate \(what)")
    }
  }

  /// All errors in the order of the file, with a final line if there were too many to list.
  var failure: ConfigFailure? {
    guard !errors.isEmpty else { return nil }
    // Errors at one position keep the order in which they were found.
    var sorted = errors.enumerated().sorted { a, b in
      (a.element.line, a.element.column, a.offset) < (b.element.line, b.element.column, b.offset)
    }.map(\.element)
    if isFull, let last = sorted.last {
      sorted.append(
        ConfigError(
          file: last.file, line: last.line, column: last.column, message: "and more errors like these"))
    }
    return ConfigFailure(sorted)
  }

  // MARK: Mappings and lists

  /// The entries of a mapping that have known keys; reports unknown keys, duplicates, and a node that is no mapping.
  mutating func fields<Key: SettingsKey>(
    of node: YAMLNode, _ subject: String, as type: Key.Type
  ) -> [(key: Key, at: FilePosition, value: YAMLNode)] {
    guard case .mapping(let entries) = node.content else {
      refuse(
        node.position, .expected("a mapping", found: node.found, hint: Self.example(of: type, for: node)),
        about: subject)
      return []
    }
    var above: YAMLNode.Entry?
    // The keys of the mapping, and those that hints add to it.
    var present = Set(entries.compactMap { $0.key.scalar.flatMap(Key.init) })
    var fields: [(key: Key, at: FilePosition, value: YAMLNode)] = []
    var seen: [Key: FilePosition] = [:]
    for entry in entries {
      defer { above = entry }
      guard case .scalar(let word, _) = entry.key.content else {
        refuse(entry.key.position, .expected("a word as key", found: entry.key.found), about: subject)
        continue
      }
      guard let key = Key(rawValue: word) else {
        if let outer = above.flatMap({ Self.mapping(emptyIn: $0) }), entry.key.position.line > 0 {
          let below = entry.value.entries == nil ? "" : " and the lines below it"
          refuse(
            entry.key.position, "\(quoted(word)) is not part of \(quoted(outer)): it is not indented",
            hint: "put 2 spaces before it\(below)")
          continue
        }
        // The value is checked under the key that was meant, so that its own errors are in the same report.
        if let meant = unknown(entry, word, in: subject, entries, without: &present), seen[meant.key] == nil {
          seen[meant.key] = entry.key.position
          fields.append((meant.key, entry.key.position, meant.value.placed(at: entry.value.position)))
        }
        continue
      }
      if let first = seen[key] {
        refuse(entry.key.position, duplicate: "key \(quoted(word))", first: first)
        continue
      }
      seen[key] = entry.key.position
      fields.append((key, entry.key.position, entry.value))
    }
    return fields
  }

  /// The key of an entry that lacks its mapping, which may follow without indentation.
  private static func mapping(emptyIn entry: YAMLNode.Entry) -> String? {
    let outer: Set = [
      FileKey.pools.rawValue, FileKey.policies.rawValue, FileKey.limits.rawValue, FileKey.log.rawValue,
    ]
    return entry.value.isNothing ? entry.key.scalar.flatMap { outer.contains($0) ? $0 : nil } : nil
  }

  /// Reports an unknown key. Returns the key that was meant, if it is one of the same mapping, and its value.
  private mutating func unknown<Key: SettingsKey>(
    _ entry: YAMLNode.Entry, _ word: String, in subject: String, _ entries: [YAMLNode.Entry],
    without present: inout Set<Key>
  ) -> (key: Key, value: YAMLNode)? {
    // For a file with a million wrong keys a million searches are not worth their time.
    guard errors.count < Bounds.errors, givesAdvice else {
      refuse(entry.key.position, "")
      return nil
    }
    let message = "unknown key \(quoted(word)) in \(subject)"
    let advice = KeyAdvice(for: word, value: entry.value)
    if let hint = KeyAdvice.withoutCounterpart(word) ?? advice?.hint(in: subject, present) {
      refuse(entry.key.position, message, hint: hint)
      let isForPool = advice?.home == .pool && present.contains { $0.rawValue == FileKey.pools.rawValue }
      guard !isForPool, let new = advice?.entry, let key = new.key.scalar.flatMap(Key.init),
        !present.contains(key)
      else {
        return nil
      }
      present.insert(key)
      return (key, new.value)
    }
    if let hint = KeyAdvice.hint(forOption: word, among: entries, as: Key.self) {
      refuse(entry.key.position, message, hint: hint)
      return nil
    }
    let keys = Key.allCases.filter { !present.contains($0) }.map(\.rawValue)
    let letters = word.trimmingTypographicQuotes
    let glued = Key.allCases.first { word.hasPrefix("\($0.rawValue):") }
    if let glued {
      let value = YAMLNode.word(String(word.dropFirst(glued.rawValue.count + 1)))
      refuse(entry.key.position, message, hint: "write \(glued.rawValue): \(value.written)")
      return (glued, value)
    }
    let near =
      KeyAdvice.alike(word).first(where: keys.contains)
      ?? (keys.contains(letters) ? letters : nearestWord(to: letters, among: keys))
    let known = Key.allCases.map(\.rawValue).joined(separator: ", ")
    refuse(
      entry.key.position, message,
      hint: near.map { "did you mean \(quoted($0))?" } ?? "expected one of \(known)")
    return near.flatMap(Key.init).map { ($0, entry.value) }
  }

  /// A mapping to write instead of another value: with that value under its key, or an example.
  private static func example<Key: SettingsKey>(of type: Key.Type, for node: YAMLNode) -> String? {
    if type == TopKey.self { return ServerForms.servers(node).map { "write servers: \($0.written)" } }
    let keys = type.allCases.filter { $0.defaultText != nil }
    let meant = keys.first { key in
      let advice = KeyAdvice(for: key.rawValue, value: node)
      return advice?.key == key.rawValue && advice?.value == node
    }
    if let meant { return "write \(YAMLNode.pairs([(meant.rawValue, node)]).written)" }
    return keys.first.map { "such as {\($0.rawValue): \($0.defaultText ?? "")}" }
  }

  /// The items of a list, which must have at least one and at most `most`.
  mutating func items(of node: YAMLNode, _ subject: String, most: Int, hint: String? = nil) -> [YAMLNode]? {
    guard case .list(let items) = node.content else {
      refuse(node.position, .expected("a list", found: node.found, hint: hint), about: subject)
      return nil
    }
    if items.isEmpty {
      refuse(node.position, .expected("at least one item", found: "an empty list"), about: subject)
      return nil
    }
    guard items.count <= most else {
      refuse(node.position, .expected("at most \(most) items", found: String(items.count)), about: subject)
      return nil
    }
    return items
  }

  // MARK: Scalars

  /// The text of a scalar; reports an error if the node is empty or not a scalar.
  mutating func text(
    _ node: YAMLNode, _ subject: String, expected: String = "a value", hint: String? = nil
  ) -> String? {
    guard !node.isNothing, case .scalar(let text, let isPlain) = node.content else {
      refuse(node.position, .expected(expected, found: node.found, hint: hint), about: subject)
      return nil
    }
    let letters = text.trimmingTypographicQuotes
    if isPlain, letters != text {
      refuse(
        node.position, "\(subject): typographic quotes around \(quoted(letters))",
        hint: "write \(quoted(letters))")
      return nil
    }
    return text
  }

  /// Parses a scalar into `place`; if it is invalid, reports an error and leaves `place` unchanged.
  mutating func read<Value>(
    _ node: YAMLNode, _ subject: some SettingsKey, into place: inout Value,
    _ parse: (String) throws(Complaint) -> Value
  ) {
    let usual = subject.defaultText.map { "the default is \($0)" }
    guard let text = text(node, subject.rawValue, hint: usual) else { return }
    do throws(Complaint) {
      place = try parse(text)
    } catch {
      var complaint = error
      let rest = text.last.map { ",;".contains($0) } == true ? String(text.dropLast()) : nil
      let meant = rest.flatMap { (try? parse($0)) == nil ? nil : "did you mean \(quoted($0))?" }
      complaint.hint = meant ?? complaint.hint ?? usual
      refuse(node.position, complaint, about: subject.rawValue)
    }
  }
}
