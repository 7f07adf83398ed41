/// JSON that was received. Numbers are kept as their text, so that none loses digits.
package enum JSONDocument: Sendable, Equatable {
  case null
  case bool(Bool)
  case number(String)
  case text(String)
  case list([JSONDocument])
  case members([Member])

  /// A member of an object.
  package struct Member: Sendable, Equatable {
    package let name: String
    package let value: JSONDocument

    package init(name: String, value: JSONDocument) {
      self.name = name
      self.value = value
    }
  }

  /// Nil if it is no JSON (RFC 8259), or not UTF-8, or nested too deeply, or has too many values.
  package static func read(_ bytes: [UInt8], mostValues: Int = 1_000_000) -> JSONDocument? {
    var reader = JSONReader(bytes, mostValues: mostValues)
    return reader.document()
  }

  /// The member of an object; null if there is none. The first one counts if there are several of this name.
  package subscript(name: String) -> JSONDocument { members.first { $0.name == name }?.value ?? .null }

  package var members: [Member] { if case .members(let members) = self { members } else { [] } }
  package var items: [JSONDocument] { if case .list(let items) = self { items } else { [] } }
  package var text: String? { if case .text(let text) = self { text } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// Nil also for a number that is too large.
  package var number: Double? {
    guard case .number(let text) = self, let value = Double(text), value.isFinite else { return nil }
    return value
  }

  // MARK: Writing

  /// The value in one line of printable ASCII: everything else is escaped.
  package var bytes: [UInt8] {
    var out: [UInt8] = []
    write(to: &out)
    return out
  }

  private func write(to out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .number(let text): out += text.utf8
    case .text(let text): Self.write(text, to: &out)
    case .list(let items):
      out.append(UInt8(ascii: "["))
      for (i, item) in items.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        item.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .members(let members):
      out.append(UInt8(ascii: "{"))
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        Self.write(member.name, to: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for unit in text.utf16 {
      switch unit {
      case 34, 92: out += [92, UInt8(unit)]
      case 32..<127: out.append(UInt8(unit))
      default:
        let digits = String(unit, radix: 16)
        out += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
