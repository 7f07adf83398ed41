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
  private(set) var errors: [ConfigError] = []
  private(set) var isFull = false

  init(source: Source) { self.source = source }

  // MARK: Complaints

  mutating func refuse(_ position: FilePosition, _ message: String, hint: String? = nil) {
    guard errors.count < Bounds.errors else {
      isFull = true
      return
    }
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
      refuse(node.position, .expected("a mapping", found: node.found), about: subject)
      return []
    }
    var fields: [(key: Key, at: FilePosition, value: YAMLNode)] = []
    var seen: [Key: FilePosition] = [:]
    for entry in entries {
      guard case .scalar(let word, _) = entry.key.content else {
        refuse(entry.key.position, .expected("a word as key", found: entry.key.found), about: subject)
        continue
      }
      guard let key = Key(rawValue: word) else {
        unknown(word, in: subject, at: entry.key.position, known: Key.allCases.map(\.rawValue))
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

  private mutating func unknown(
    _ word: String, in subject: String, at position: FilePosition, known: [String]
  ) {
    // For a file with a million wrong keys a million searches are not worth their time.
    guard errors.count < Bounds.errors else { return refuse(position, "") }
    let near = nearestWord(to: word, among: known).map { "did you mean \(quoted($0))?" }
    let hint =
      KnownKeys.twemproxyHint(for: word) ?? near ?? "expected one of \(known.joined(separator: ", "))"
    refuse(position, "unknown key \(quoted(word)) in \(subject)", hint: hint)
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
  mutating func text(_ node: YAMLNode, _ subject: String, expected: String = "a value") -> String? {
    guard !node.isNothing, case .scalar(let text, _) = node.content else {
      refuse(node.position, .expected(expected, found: node.found), about: subject)
      return nil
    }
    return text
  }

  /// Parses a scalar into `place`; if it is invalid, reports an error and leaves `place` unchanged.
  mutating func read<Value>(
    _ node: YAMLNode, _ subject: some SettingsKey, into place: inout Value,
    _ parse: (String) throws(Complaint) -> Value
  ) {
    guard let text = text(node, subject.rawValue) else { return }
    do throws(Complaint) {
      place = try parse(text)
    } catch {
      refuse(node.position, error, about: subject.rawValue)
    }
  }
}
