/// A name that operators see, a row of `stats ringroad` or a field of a log line: what it means and its unit. Whatever is
/// shown is defined in `ReportRow` or `LogFields`; `make docs` writes both tables into docs/STATS.md and the manual page.
package struct Definition: Equatable, Sendable {
  /// How a value behaves.
  package enum Kind: String, Sendable {
    /// It only grows as long as the proxy runs.
    case counter
    /// It is a state.
    case gauge
    case text
  }

  /// With placeholders in angle brackets: `worker:<n>:clients`.
  package let name: String
  package let kind: Kind
  /// What is counted; empty for texts.
  package let unit: String
  /// One sentence, without a full stop.
  package let meaning: String

  package init(_ name: String, _ kind: Kind, _ unit: String, _ meaning: String) {
    self.name = name
    self.kind = kind
    self.unit = unit
    self.meaning = meaning
  }

  package init(_ name: String, _ kind: Kind, _ meaning: String) { self.init(name, kind, "", meaning) }
}
