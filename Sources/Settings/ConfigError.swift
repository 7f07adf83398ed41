/// A position in a configuration file; lines and columns count from one, columns in characters.
package struct FilePosition: Hashable, Comparable, Sendable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (a: FilePosition, b: FilePosition) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// One error in a configuration: its position, and what to write instead.
///
///     ringroad.yml:12:9: unknown hash "fvn1a_64"; did you mean "fnv1a_64"?
package struct ConfigError: Error, Equatable, Sendable {
  /// The path of the file as it was given, or the argument that is wrong.
  package var file: String
  /// Counts from one; zero if the error concerns the whole file.
  package var line: Int
  package var column: Int
  /// What was found and what was expected.
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

extension ConfigError {
  init(_ problem: YAMLProblem, in file: String) {
    self.init(
      file: file, line: problem.position.line, column: problem.position.column, message: problem.message,
      hint: problem.hint)
  }

  /// The same without the file.
  var problem: YAMLProblem {
    YAMLProblem(message, at: FilePosition(line: line, column: column), hint: hint)
  }
}

extension ConfigError: CustomStringConvertible {
  package var description: String {
    let place = line > 0 ? "\(file):\(line):\(column)" : file
    return "\(place): \(message)\(hint.map { "; \($0)" } ?? "")"
  }
}

/// Why a configuration was rejected: all errors that were found, in the order of the file.
package struct ConfigFailure: Error, Equatable, Sendable {
  /// Never empty.
  package var errors: [ConfigError]
  /// Whether the file could not be read for a temporary reason, so that a retry may succeed.
  package var isPassing = false

  package init(_ errors: [ConfigError]) { self.errors = errors }
}

extension ConfigFailure: CustomStringConvertible {
  /// One line per error.
  package var description: String { errors.map(\.description).joined(separator: "\n") }
}
