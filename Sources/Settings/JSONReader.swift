/// Reads one JSON value (RFC 8259) and accepts nothing else: no comments, no trailing commas, no blanks that JSON does
/// not know.
///
/// Memory is bounded by `mostValues` and `deepest`, whatever the text says.
struct JSONReader {
  static let deepest = 32

  private let bytes: [UInt8]
  private let mostValues: Int
  private var position = 0
  private var depth = 0
  private var values = 0

  init(_ bytes: [UInt8], mostValues: Int) {
    self.bytes = bytes
    self.mostValues = mostValues
  }

  /// The value that the whole text is; nil if it is none.
  mutating func document() -> JSONDocument? {
    guard let value = value() else { return nil }
    skipBlanks()
    return position == bytes.count ? value : nil
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipBlanks() {
    while let byte = next, byte == 32 || byte == 9 || byte == 10 || byte == 13 { position += 1 }
  }

  /// Skips blanks, and the byte behind them if it is this one.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value() -> JSONDocument? {
    skipBlanks()
    values += 1
    guard values <= mostValues, let byte = next else { return nil }
    switch byte {
    case UInt8(ascii: "{"): return within { $0.object() }
    case UInt8(ascii: "["): return within { $0.list() }
    case UInt8(ascii: "\""): return string().map(JSONDocument.text)
    case UInt8(ascii: "t"): return word("true", .bool(true))
    case UInt8(ascii: "f"): return word("false", .bool(false))
    case UInt8(ascii: "n"): return word("null", .null)
    default: return number().map(JSONDocument.number)
    }
  }

  /// Reads a list or an object; the next byte is its bracket or brace.
  private mutating func within(_ read: (inout JSONReader) -> JSONDocument?) -> JSONDocument? {
    position += 1
    depth += 1
    defer { depth -= 1 }
    return depth > Self.deepest ? nil : read(&self)
  }

  private mutating func list() -> JSONDocument? {
    var items: [JSONDocument] = []
    if take(UInt8(ascii: "]")) { return .list(items) }
    repeat {
      guard let item = value() else { return nil }
      items.append(item)
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]")) ? .list(items) : nil
  }

  private mutating func object() -> JSONDocument? {
    var members: [JSONDocument.Member] = []
    if take(UInt8(ascii: "}")) { return .members(members) }
    repeat {
      skipBlanks()
      guard next == UInt8(ascii: "\""), let name = string(), take(UInt8(ascii: ":")), let value = value()
      else { return nil }
      members.append(JSONDocument.Member(name: name, value: value))
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "}")) ? .members(members) : nil
  }

  private mutating func word(_ word: StaticString, _ value: JSONDocument) -> JSONDocument? {
    let text = Array("\(word)".utf8)
    guard bytes[position...].starts(with: text) else { return nil }
    position += text.count
    return value
  }

  // MARK: Numbers

  private mutating func number() -> String? {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    // No digit may follow a leading zero.
    if next == UInt8(ascii: "0") {
      position += 1
    } else if digits() == 0 {
      return nil
    }
    if next == UInt8(ascii: ".") {
      position += 1
      if digits() == 0 { return nil }
    }
    if let byte = next, byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      position += 1
      if let sign = next, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      if digits() == 0 { return nil }
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// Skips digits; returns their number.
  private mutating func digits() -> Int {
    let start = position
    while let byte = next, byte >= 48, byte <= 57 { position += 1 }
    return position - start
  }

  // MARK: Texts

  /// Reads a text, whose first quote is the next byte.
  private mutating func string() -> String? {
    position += 1
    var start = position
    var text = ""
    while let byte = next {
      guard byte >= 32 else { return nil }
      guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
        position += 1
        continue
      }
      guard let part = String(validating: bytes[start..<position], as: UTF8.self) else { return nil }
      text += part
      position += 1
      if byte == UInt8(ascii: "\"") { return text }
      guard let scalar = escaped() else { return nil }
      text.unicodeScalars.append(scalar)
      start = position
    }
    return nil
  }

  /// The character that an escape stands for; the backslash has been read.
  private mutating func escaped() -> Unicode.Scalar? {
    guard let byte = next else { return nil }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = unit() else { return nil }
      if let scalar = Unicode.Scalar(unit) { return scalar }
      // The first of a pair of surrogates.
      guard unit < 0xDC00, next == UInt8(ascii: "\\") else { return nil }
      position += 1
      guard next == UInt8(ascii: "u") else { return nil }
      position += 1
      guard let second = self.unit(), second >= 0xDC00, second <= 0xDFFF else { return nil }
      return Unicode.Scalar(0x10000 + (UInt32(unit - 0xD800) << 10) + UInt32(second - 0xDC00))
    default: return nil
    }
  }

  /// Four hexadecimal digits.
  private mutating func unit() -> UInt16? {
    guard bytes.count - position >= 4 else { return nil }
    var unit: UInt16 = 0
    for byte in bytes[position..<position + 4] {
      switch byte {
      case 48...57: unit = unit << 4 | UInt16(byte - 48)
      case 65...70: unit = unit << 4 | UInt16(byte - 55)
      case 97...102: unit = unit << 4 | UInt16(byte - 87)
      default: return nil
      }
    }
    position += 4
    return unit
  }
}
