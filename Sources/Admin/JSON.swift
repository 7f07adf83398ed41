/// A JSON value to be written. Objects keep the order of their members.
package indirect enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(UInt64)
  /// Written with at most nine decimals; what is not finite is written as null.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  /// A member of an object.
  package struct Member: Sendable, Equatable {
    package let name: String
    package let value: JSON
  }

  package static func object(_ members: KeyValuePairs<String, JSON>) -> JSON {
    .object(members.map { Member(name: $0.key, value: $0.value) })
  }

  package static func count(_ count: Int) -> JSON { .int(UInt64(max(0, count))) }
  package static func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }

  /// The value as one line of UTF-8.
  package var bytes: [UInt8] {
    var out: [UInt8] = []
    write(to: &out)
    return out
  }

  private func write(to out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .int(let value): out += String(value).utf8
    case .number(let value): out += decimal(value).utf8
    case .string(let text): JSON.write(text, to: &out)
    case .array(let items):
      out.append(UInt8(ascii: "["))
      for (i, item) in items.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        item.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        JSON.write(member.name, to: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += "\\\"".utf8
      case UInt8(ascii: "\\"): out += "\\\\".utf8
      case 0..<32, 127:
        let digits = String(byte, radix: 16)
        out += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

/// A number in decimal, without an exponent and with at most nine digits behind the point; `null` if it is not finite.
func decimal(_ value: Double) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "null" }
  let whole = abs(value).rounded(.down)
  let billionths = UInt64(((abs(value) - whole) * 1e9).rounded())
  let carried = billionths == 1_000_000_000
  let sign = value < 0 && (whole > 0 || billionths > 0) ? "-" : ""
  let front = sign + String(UInt64(whole) + (carried ? 1 : 0))
  guard billionths > 0, !carried else { return front }
  var digits = String(billionths)
  digits = String(repeating: "0", count: 9 - digits.count) + digits
  while digits.last == "0" { digits.removeLast() }
  return front + "." + digits
}
