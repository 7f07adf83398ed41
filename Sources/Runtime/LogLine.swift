import Glibc
import Settings
import Stats

/// Renders a log event as a line:
///
///     text     2026-11-20T10:00:00.123Z warning server down server=10.0.0.1:11211 cause="timed out"
///     json     {"time":"2026-…Z","level":"warning","message":"server down","server":"10.0.0.1:11211","cause":"timed out"}
///     logfmt   time=2026-…Z level=warning message="server down" server=10.0.0.1:11211 cause="timed out"
enum LogLine {
  /// The names that a line in JSON or logfmt has besides its fields.
  static let ownNames: Set<String> = ["time", "level", "message"]

  static func render(_ event: LogEvent, _ format: LogSettings.Format) -> String {
    let (time, level) = (timestamp(event.time), event.level.rawValue)
    switch format {
    case .text: return "\(time) \(level) \(message(of: event))\n"
    case .logfmt:
      let fields = event.fields.map { pair(uniqueName($0.name), $0.value) }.joined()
      return "time=\(time) level=\(level)\(pair("message", event.message))\(fields)\n"
    case .json:
      let fields = event.fields.map { #","\#(uniqueName($0.name))":"\#(escape($0.value))""# }.joined()
      return #"{"time":"\#(time)","level":"\#(level)","message":"\#(escape(event.message))"\#(fields)}"#
        + "\n"
    }
  }

  /// The message and the fields, as a line of text has them.
  static func message(of event: LogEvent) -> String {
    event.fields.reduce(escape(event.message)) { $0 + pair($1.name, $1.value) }
  }

  /// ` name=value`, with quotes around a value that has to be escaped, or that a reader could split.
  private static func pair(_ name: String, _ value: String) -> String {
    let text = escape(value)
    let isPlain = text == value && !text.isEmpty && !text.contains { $0 == "=" || $0.isWhitespace }
    return isPlain ? " \(name)=\(text)" : " \(name)=\"\(text)\""
  }

  /// The name of a field in a line that has each name once: `level` is `log.level`.
  private static func uniqueName(_ name: String) -> String { ownNames.contains(name) ? "log." + name : name }

  /// Escapes quotes, backslashes and all characters that control a terminal or break a line, as each format and JSON
  /// understand.
  static func escape(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": line += "\\\""
      case "\\": line += "\\\\"
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\t": line += "\\t"
      case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
        let hex = String(scalar.value, radix: 16)
        line += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: line.unicodeScalars.append(scalar)
      }
    }
    return line
  }

  /// A time in UTC, to the millisecond.
  static func timestamp(_ time: Double) -> String {
    let milliseconds = Int(exactly: (time * 1000).rounded(.down)) ?? 0
    var seconds = time_t(milliseconds / 1000)
    var parts = unsafe tm()
    // SAFETY: both are locals, read and filled in by the C library.
    unsafe gmtime_r(&seconds, &parts)
    func pad(_ n: some BinaryInteger, _ width: Int) -> String {
      let digits = String(n)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date =
      unsafe "\(pad(Int(parts.tm_year) + 1900, 4))-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))"
    let time = unsafe "\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))"
    return "\(date)T\(time).\(pad(milliseconds % 1000, 3))Z"
  }
}
