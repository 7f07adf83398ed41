/// A place in a configuration file; lines and columns count from one, columns in characters.
package struct FilePosition: Hashable, Comparable, Sendable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (a: FilePosition, b: FilePosition) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// One thing that is wrong with a configuration, where it is, and what to write instead.
///
///     ringroad.yml:12:9: unknown hash "fvn1a_64"; did you mean "fnv1a_64"?
package struct ConfigError: Error, Equatable, Sendable {
  /// The file as its path was given, or the argument that is wrong.
  package var file: String
  /// From one; zero where the error is about the whole.
  package var line: Int
  package var column: Int
  /// What was found, and what was expected.
  package var message: String
  /// The nearest valid word, or an example.
  package var hint: String?

  package init(file: String, line: Int = 0, column: Int = 0, message: String, hint: String? = nil) {
    self.file = file
    self.line = line
    self.column = column
    self.message = message
    self.hint = hint
  }
}

extension ConfigError: CustomStringConvertible {
  package var description: String {
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    return "\(place): \(message)\(hint.map { "; \($0)" } ?? "")"
  }
}

/// Why a configuration was not taken: every error that could be told, in the order of the file.
package struct ConfigFailure: Error, Equatable, Sendable {
  /// Never empty.
  package var errors: [ConfigError]
  /// Whether nothing is wrong with it, as far as is known, and it may be taken in a moment.
  package var isPassing = false

  package init(_ errors: [ConfigError]) { self.errors = errors }
}

extension ConfigFailure: CustomStringConvertible {
  /// One line per error.
  package var description: String { errors.map(\.description).joined(separator: "\n") }
}
