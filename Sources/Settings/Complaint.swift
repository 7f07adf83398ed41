/// An error in one text, without its position in the file or command line.
package struct Complaint: Error, Equatable, Sendable {
  private enum Kind: Equatable, Sendable {
    case expected(String, found: String)
    case unknownWord(String)
    case said(String)
  }

  private var kind: Kind
  /// What to write instead.
  package var hint: String?

  /// The value has the wrong kind or is out of range.
  package static func expected(_ what: String, found: String, hint: String? = nil) -> Complaint {
    Complaint(kind: .expected(what, found: found), hint: hint)
  }

  /// The value is not one of the known words.
  package static func unknownWord(_ word: String, known: [String]) -> Complaint {
    let near = nearestWord(to: word, among: known).map { "did you mean \(quoted($0))?" }
    return Complaint(
      kind: .unknownWord(word), hint: near ?? "expected one of \(known.joined(separator: ", "))")
  }

  /// The value is not one of the known words; the hint names those that may be meant.
  static func unknownWord(_ word: String, hint: String) -> Complaint {
    Complaint(kind: .unknownWord(word), hint: hint)
  }

  package static func said(_ message: String, hint: String? = nil) -> Complaint {
    Complaint(kind: .said(message), hint: hint)
  }

  /// The error in one sentence about `subject`, a key of the file or a flag.
  package func message(about subject: String) -> String {
    switch kind {
    case .expected(let what, let found): "\(subject): expected \(what), found \(found)"
    case .unknownWord(let word): "unknown \(subject) \(quoted(word))"
    case .said(let message): "\(subject): \(message)"
    }
  }
}

/// The case that a word names, or an error that suggests the known words.
package func parseWord<Word: RawRepresentable<String> & CaseIterable>(
  _ text: String, as type: Word.Type = Word.self
) throws(Complaint) -> Word {
  guard let word = Word(rawValue: text) else {
    throw .unknownWord(text, known: Word.allCases.map(\.rawValue))
  }
  return word
}

/// A text in quotes, safe to print on one line: control characters are escaped, and long texts cut.
package func quoted(_ text: String) -> String {
  var out = "\""
  var room = 64
  for scalar in text.unicodeScalars {
    guard room > 0 else {
      out += "…"
      break
    }
    room -= 1
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\r": out += "\\r"
    case "\t": out += "\\t"
    default:
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
        out += "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
  }
  return out + "\""
}
