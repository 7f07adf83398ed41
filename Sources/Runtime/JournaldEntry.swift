import Stats
import Topology

/// A log event as a datagram of journald's native protocol: a field on each line.
///
///     MESSAGE=server down server=10.0.0.1:11211 cause=refused
///     PRIORITY=4
///     SYSLOG_IDENTIFIER=ringroad
///     RINGROAD_SERVER=10.0.0.1:11211
///     RINGROAD_CAUSE=refused
///
/// A value with a line break has its length before it instead: the name, a line break, eight bytes, the value.
enum JournaldEntry {
  /// The most bytes of a value; what is cut off is replaced by `…`.
  static let mostBytesOfValue = 16 << 10
  /// The most bytes of a datagram, well below what a socket takes by default; a field that does not fit is left out.
  static let mostBytes = 64 << 10

  static func bytes(of event: LogEvent) -> [UInt8] {
    var bytes: [UInt8] = []
    append("MESSAGE", LogLine.message(of: event), to: &bytes)
    append("PRIORITY", "\(priority(of: event.level))", to: &bytes)
    append("SYSLOG_IDENTIFIER", "ringroad", to: &bytes)
    for (name, value) in event.fields { append(self.name(of: name), value, to: &bytes) }
    return bytes
  }

  /// `limits.memory` is `RINGROAD_LIMITS_MEMORY`: journald takes capital letters, digits and underscores.
  private static func name(of field: String) -> String {
    "RINGROAD_" + String(field.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  private static func append(_ name: String, _ value: String, to bytes: inout [UInt8]) {
    let value = Array(value.shortened(toBytes: mostBytesOfValue).utf8)
    var field = Array(name.utf8)
    if value.contains(10) {
      field.append(10)
      field += (0..<8).map { UInt8(truncatingIfNeeded: value.count >> ($0 * 8)) }
    } else {
      field.append(UInt8(ascii: "="))
    }
    field += value
    field.append(10)
    if bytes.count + field.count <= mostBytes { bytes += field }
  }

  /// syslog(3)'s number of a level.
  private static func priority(of level: LogLevel) -> Int {
    switch level {
    case .error: 3
    case .warning: 4
    case .info: 6
    case .debug: 7
    }
  }
}
