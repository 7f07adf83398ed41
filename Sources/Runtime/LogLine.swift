import Glibc
import Settings

/// Renders a log line: `<time> <level> <message> <name>=<value> …`, or one JSON object.
enum LogLine {
  static func render(
    _ level: LogSettings.Level, _ message: String, _ fields: [(name: String, value: String)],
    _ format: LogSettings.Format
  ) -> String {
    switch format {
    case .text:
      var line = "\(timestamp()) \(level.rawValue) \(escape(message))"
      for (name, value) in fields {
        let text = escape(value)
        line += text.isEmpty || text.contains(" ") ? " \(name)=\"\(text)\"" : " \(name)=\(text)"
      }
      return line + "\n"
    case .json:
      var line = #"{"time":"\#(timestamp())","level":"\#(level.rawValue)","message":"\#(escape(message))""#
      for (name, value) in fields { line += #","\#(name)":"\#(escape(value))""# }
      return line + "}\n"
    }
  }

  /// Escapes control characters, quotes and backslashes as both formats understand.
  static func escape(_ text: String) -> String {
    var line = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": line += "\\\""
      case "\\": line += "\\\\"
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\t": line += "\\t"
      case _ where scalar.value < 32 || (scalar.value >= 127 && scalar.value < 160):
        let hex = String(scalar.value, radix: 16)
        line += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: line.unicodeScalars.append(scalar)
      }
    }
    return line
  }

  /// The current time, in UTC to the millisecond.
  private static func timestamp() -> String {
    var now = timespec()
    // SAFETY: both are locals that the C library fills in.
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    var parts = unsafe tm()
    unsafe gmtime_r(&now.tv_sec, &parts)
    func pad(_ n: some BinaryInteger, _ width: Int) -> String {
      let digits = String(n)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date =
      unsafe "\(pad(Int(parts.tm_year) + 1900, 4))-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))"
    let time = unsafe "\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2))"
    return "\(date)T\(time).\(pad(now.tv_nsec / 1_000_000, 3))Z"
  }
}
