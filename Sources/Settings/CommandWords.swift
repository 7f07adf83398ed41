/// An error in a command line, and what to write instead.
package struct UsageError: Error, Equatable, Sendable {
  package var message: String
  package var hint: String?

  package init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }

  /// The error of a flag's argument.
  init(_ complaint: Complaint, about flag: String) {
    self.init(complaint.message(about: flag), hint: complaint.hint)
  }
}

extension UsageError: CustomStringConvertible {
  /// One line.
  package var description: String { "\(message)\(hint.map { "; \($0)" } ?? "")" }
}

/// A parsed command line: flags with their arguments, and the words that are not flags.
///
///     --port 11311   --port=11311   -p 11311   -p11311   -dvv   --
struct CommandWords<Flag: CommandFlag> {
  struct Given {
    var flag: Flag
    /// Empty for a flag without an argument.
    var argument: String
    /// The flag as written, for messages: `-p` or `--port`.
    var written: String
  }

  var flags: [Given] = []
  /// Words before `--`.
  var words: [String] = []
  /// Words after `--`; nil without one.
  var rest: [String]?

  init(_ arguments: ArraySlice<String>) throws(UsageError) {
    var arguments = arguments
    while let word = arguments.popFirst() {
      if word == "--" {
        rest = Array(arguments)
        return
      } else if word.hasPrefix("--") {
        try takeLong(word, &arguments)
      } else if word.hasPrefix("-"), word != "-" {
        try takeShort(word, &arguments)
      } else {
        words.append(word)
      }
    }
  }

  func has(_ flag: Flag) -> Bool { flags.contains { $0.flag == flag } }

  private mutating func takeLong(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts.first.map(String.init) ?? ""
    let written = "--\(name)"
    guard let flag = Flag(rawValue: name) else {
      let near = nearestWord(to: name, among: Flag.allCases.map(\.rawValue))
      throw UsageError(
        "unknown option \(quoted(written))",
        hint: CommandHints.option(name) ?? near.map { "did you mean \"--\($0)\"?" })
    }
    guard let wanted = flag.argument else {
      if parts.count == 2 { throw UsageError("\(written) takes no argument") }
      flags.append(Given(flag: flag, argument: "", written: written))
      return
    }
    let argument = try argument(parts.count == 2 ? String(parts[1]) : rest.popFirst(), wanted, of: written)
    flags.append(Given(flag: flag, argument: argument, written: written))
  }

  private mutating func takeShort(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
    let long = String(word.dropFirst().prefix { $0 != "=" })
    if long.count > 2, Flag(rawValue: long) != nil {
      throw UsageError("unknown option \(quoted("-\(long)"))", hint: "did you mean \"--\(long)\"?")
    }
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      let written = "-\(letter)"
      guard let flag = Flag.allCases.first(where: { $0.short == letter }) else {
        throw UsageError("unknown option \(quoted(written))", hint: Self.hint(for: letter))
      }
      guard let wanted = flag.argument else {
        flags.append(Given(flag: flag, argument: "", written: written))
        continue
      }
      let argument = try argument(letters.isEmpty ? rest.popFirst() : String(letters), wanted, of: written)
      flags.append(Given(flag: flag, argument: argument, written: written))
      return
    }
  }

  private func argument(_ text: String?, _ wanted: String, of flag: String) throws(UsageError) -> String {
    guard let text, !text.isEmpty else {
      throw UsageError("\(flag) needs an argument", hint: "\(flag) \(wanted)")
    }
    return text
  }

  /// The hint for an unknown letter: it is a flag of memcached's, or exists in the other case.
  private static func hint(for letter: Character) -> String? {
    switch letter {
    case "S", "Y": return "ringroad asks its clients for no password"
    case "Z": return "ringroad does not speak TLS"
    case _ where "mMkIfnLUBARCFobXWDrie".contains(letter):
      return "a memcached flag without a meaning for a proxy"
    default: break
    }
    let other = Flag.allCases.compactMap(\.short).first { $0.lowercased() == letter.lowercased() }
    return other.map { "did you mean \"-\($0)\"?" }
  }
}
