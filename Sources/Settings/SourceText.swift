/// Checks whether the bytes of a file are text, before they are parsed.
///
/// libyaml would refuse most errors too, but without a position. After this check the bytes are UTF-8 without NUL,
/// and a byte order mark is removed.
enum SourceText {
  /// The largest file accepted; a configuration of thousands of servers has a hundredth of that.
  static let mostBytes = 16 << 20

  /// The bytes to parse and the position of their end, or why they are not text.
  static func checked(_ bytes: [UInt8]) throws(YAMLProblem) -> (bytes: [UInt8], end: FilePosition) {
    guard bytes.count <= mostBytes else {
      throw YAMLProblem(
        "the file is larger than \(Quantity.writtenSize(mostBytes))", at: FilePosition(line: 1, column: 1))
    }
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    return (text, try checkCharacters(text))
  }

  private static func checkCharacters(_ bytes: [UInt8]) throws(YAMLProblem) -> FilePosition {
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes.makeIterator()
    var place = FilePosition(line: 1, column: 1)
    var previous: Unicode.Scalar = "\0"
    while true {
      switch parser.parseScalar(from: &rest) {
      case .emptyInput: return place
      case .error: throw YAMLProblem("the file is not UTF-8 here", at: place, hint: "save it as UTF-8")
      case .valid(let encoded):
        let scalar = Unicode.UTF8.decode(encoded)
        guard isAllowed(scalar) else {
          let what = scalar == "\0" ? "NUL byte" : "control character U+\(hexadecimal(scalar))"
          throw YAMLProblem("\(what) in the file", at: place)
        }
        // CR LF is one line break, and either alone is one.
        if scalar == "\r" || (scalar == "\n" && previous != "\r") {
          place = FilePosition(line: place.line + 1, column: 1)
        } else if scalar != "\n" {
          place.column += 1
        }
        previous = scalar
      }
    }
  }

  /// YAML's printable characters (YAML 1.1, 5.1), except line breaks that no editor counts as one.
  static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 9, 10, 13, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD: true
    case 0x10000...: true
    default: false
    }
  }

  private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
