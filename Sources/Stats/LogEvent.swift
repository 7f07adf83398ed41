import Topology

/// One line of the log, before it is written in a format.
package struct LogEvent: Sendable {
  /// A name of `LogFields`, and what the line says for it.
  package typealias Field = (name: String, value: String)

  /// The event's number in the history, 1 for the first; 0 for an event that is not kept there.
  package var seq = 0
  /// Seconds since 1970.
  package let time: Double
  package let level: LogLevel
  package let message: String
  package let fields: [Field]

  package init(time: Double, level: LogLevel, message: String, fields: [Field]) {
    self.time = time
    self.level = level
    self.message = message
    self.fields = fields
  }

  /// About how many bytes of memory the event takes.
  package var cost: Int {
    fields.reduce(128 + message.utf8.count) { $0 + 64 + $1.name.utf8.count + $1.value.utf8.count }
  }

  /// The event with the first `fields` of its fields, and with texts of at most `bytes` bytes: what is cut off is
  /// replaced by `…`.
  package func shortened(toFields count: Int, ofBytes bytes: Int) -> LogEvent {
    let isShort =
      fields.count <= count && message.utf8.count <= bytes
      && fields.allSatisfy { $0.value.utf8.count <= bytes }
    guard !isShort else { return self }
    var event = LogEvent(
      time: time, level: level, message: message.shortened(toBytes: bytes),
      fields: fields.prefix(count).map { ($0.name, $0.value.shortened(toBytes: bytes)) })
    event.seq = seq
    return event
  }
}

extension String {
  /// The text, or as much of its beginning as fits with a `…` into `bytes` bytes.
  package func shortened(toBytes bytes: Int) -> String {
    guard utf8.count > bytes else { return self }
    let mark = "…"
    var short = String.UnicodeScalarView()
    var rest = bytes - mark.utf8.count
    for scalar in unicodeScalars {
      rest -= scalar.utf8.count
      guard rest >= 0 else { break }
      short.append(scalar)
    }
    return String(short) + mark
  }
}
