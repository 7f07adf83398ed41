import Foundation
import Settings
import Testing

/// The hints of the table are followed by hand: what each says to write is pasted at its position.
@Suite struct CorrectionTests {
  /// Hints that leave the text to the reader.
  static let advice = [
    "expected one of", "move it into", "put the value here", "repeat the", "ringroad speaks", "the units are",
    "it belongs to", "at most three digits", "ringroad import FILE translates it, and lists",
    "leave it out, and repeat",
    "leave it out, and write", "expected letters", "\"ringroad placements\" lists them",
    "divide all weights by the same number",
    "it needs one of", "one of them", "one way has", "name what is behind", "a member leads to",
    "lower the others",
    "merge keys", "leave it out: the file has", "an address such as", "it has Redis",
  ]

  @Test(arguments: BadFile.all)
  func eachCorrectionRemovesItsErrorAndAddsNone(_ file: BadFile) {
    let before = configErrors(of: file.yaml)
    for error in before {
      let files = Correction(error, in: file.yaml).files
      let hasAdvice = error.hint.map { hint in Self.advice.contains { hint.hasPrefix($0) } } ?? true
      #expect(!files.isEmpty || hasAdvice, "no text to paste: \(error)")
      for fixed in files {
        let after = configErrors(of: fixed)
        let known = before.map(\.message)
        let isGone = !after.contains {
          $0.message == error.message && $0.line == error.line && $0.column == error.column
        }
        let new = after.filter { !known.contains($0.message) && $0.line <= error.line }
        #expect(isGone && new.isEmpty, "\(error)\n\(fixed)\n\(after.map(\.description))")
      }
    }
  }

  @Test(arguments: BadFile.all)
  func followingAllHintsGivesAFileThatLoads(_ file: BadFile) {
    var yaml = file.yaml
    var steps: [String] = []
    for _ in 0..<30 {
      let fixes = configErrors(of: yaml).lazy.compactMap { error in
        Correction(error, in: yaml).files.first.map { ($0, error.description) }
      }
      guard let (fixed, step) = fixes.first else { break }
      yaml = fixed
      steps.append(step)
    }
    let left = configErrors(of: yaml).filter { error in
      error.hint.map { hint in !Self.advice.contains { hint.hasPrefix($0) } } ?? false
    }
    #expect(left.isEmpty, "\(steps.joined(separator: "\n"))\n\(yaml)")
  }

  @Test func mostErrorsOfTheTableHaveACorrection() {
    let all = BadFile.all.flatMap { file in
      configErrors(of: file.yaml).map { Correction($0, in: file.yaml).files }
    }
    #expect(
      all.count > 300 && all.count { !$0.isEmpty } > 230, "\(all.count { !$0.isEmpty }) of \(all.count)")
  }
}

func configErrors(of yaml: String) -> [ConfigError] {
  do throws(ConfigFailure) {
    _ = try ProxySettings.decode(bytes: Array(yaml.utf8), file: "f")
    return []
  } catch {
    return error.errors
  }
}

/// A file after one hint was followed.
struct Correction {
  /// One file for each text that the hint offers; empty if it offers none.
  private(set) var files: [String] = []
  private let error: ConfigError
  private let lines: [String]
  private var line: Int { error.line - 1 }
  private var column: Int { error.column - 1 }

  init(_ error: ConfigError, in yaml: String) {
    self.error = error
    lines = yaml.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let hint = error.hint, error.line > 0 else { return }
    if let words = hint.firstMatch(of: /move it into "placement", as (.*)$/) {
      let kept = entryRemoved().split(separator: "\n", omittingEmptySubsequences: false)
      let new = kept.map { line in
        line.contains(/^ *placement:/) ? line.prefix { $0 == " " } + words.1 : line
      }
      files = [new.joined(separator: "\n")]
    } else if let words = hint.firstMatch(of: /add a line such as (.*)$/) {
      files = [lines.joined(separator: "\n") + words.1 + "\n"]
    } else if let words = hint.firstMatch(
      of: /(?:^|; |, or )(?:write|such as|the default is) (.*?)( at the top level)?$/)
    {
      let texts =
        error.message.contains("no unit")
        ? String(words.1).components(separatedBy: " or ") : [String(words.1)]
      files = texts.map { words.2 == nil ? pasted($0) : entryRemoved() + $0 + "\n" }
    } else if let words = hint.firstMatch(of: /did you mean (.*)\?$/) {
      files = [pasted(String(words.1))]
    } else if let words = hint.firstMatch(of: /the smallest valid file is (.*)$/) {
      files = [String(words.1) + "\n"]
    } else if hint.hasPrefix("expected one of"), !error.message.hasPrefix("unknown key") {
      files = hint.dropFirst("expected one of ".count).components(separatedBy: ", ").map(pasted)
    } else {
      files = [moved(hint)].compactMap(\.self)
    }
  }

  /// The file after a hint that moves, inserts or removes something.
  private func moved(_ hint: String) -> String? {
    var lines = lines
    let text = lines[line]
    let at = text.unicodeScalars.index(text.startIndex, offsetBy: min(column, text.unicodeScalars.count))
    let next = at < text.endIndex ? text.unicodeScalars.index(after: at) : at
    if let words = hint.firstMatch(of: /put (no|\d+) spaces? before it, as/) {
      lines[line] = String(repeating: " ", count: Int(words.1) ?? 0) + text.drop { $0 == " " }
    } else if hint.hasPrefix("put 2 spaces before it") {
      let below = hint.hasSuffix("below it") ? lines[(line + 1)...].prefix { $0.hasPrefix(" ") }.count : 0
      for index in line...(line + below) { lines[index] = "  " + lines[index] }
    } else if let words = hint.firstMatch(of: /put (two spaces|a plain space|\S) instead/) {
      let new = ["two spaces": "  ", "a plain space": " "][words.1] ?? String(words.1)
      lines[line] = text[..<at] + new + text[next...]
    } else if hint == "leave this comma out" {
      lines[line] = String(text[..<at] + text[next...])
    } else if hint == "put a comma before it" {
      lines[line] = text[..<at] + ", " + text[at...]
    } else if let words = hint.firstMatch(of: /put (\S) at the end of line (\d+)/), let number = Int(words.2)
    {
      lines[number - 1] += words.1
    } else if let words = hint.firstMatch(of: /put each on a line of its own: (.*)$/) {
      let indent = text.prefix { $0 == " " }
      lines[line] = words.1.components(separatedBy: ", ").map { indent + $0 }.joined(separator: "\n")
    } else if hint == "leave out this line and all below it" {
      lines.removeLast(lines.count - line)
      lines.append("")
    } else if hint.hasPrefix("leave it out"), error.message.hasPrefix("unknown key") {
      return entryRemoved()
    } else if hint == "leave it out", error.message.hasPrefix("placement") {
      return entryRemoved()
    } else if hint == "leave it out", isInFlow,
      ["\"", "try:", "command:", "ttl:"].contains(where: error.message.hasPrefix)
    {
      return replaced(to: valueEnd(from: isKeyOfFlow ? keyEnd + 2 : column), "").replacing(
        #/, (?=[,}\]])/#, with: ""
      )
      .replacing("{, ", with: "{").replacing("[, ", with: "[")
    } else if hint == "leave it out", error.message.hasPrefix("tags") {
      lines[line] = String(text[..<at] + text[at...].drop { $0 != " " }.dropFirst())
    } else if hint == "leave it out" {
      lines[line] = String(text[..<at])
    } else {
      return nil
    }
    return lines.joined(separator: "\n")
  }

  // MARK: Pasting

  /// The file with `new` instead of what the error is about.
  private func pasted(_ new: String) -> String {
    if error.message.hasPrefix("this is ") || error.message.hasPrefix("the file: expected a mapping") {
      return new + "\n"
    }
    let isRenamed = error.message.hasPrefix("policy name") || isKeyOfFlow
    if isRenamed, !error.message.hasPrefix("pool:"), !error.message.hasPrefix("unknown key") {
      return replaced(to: keyEnd, new)
    }
    let isKey = error.message.hasPrefix("unknown key") || error.message.hasPrefix("pool:")
    let isSlip = [
      "no space after", "no colon", "\"=\" after", "no dash", "no space after the dash", "a comment begins",
    ].contains {
      error.message.hasPrefix($0)
    }
    if isKey, new.contains(#/^\w+: /#) { return entryReplaced(by: new) }
    if isSlip || error.message.contains("is not the dash") {
      return replaced(to: lines[line].unicodeScalars.count, new)
    }
    return isKey ? replaced(to: keyEnd, new) : valueReplaced(by: new)
  }

  private var scalars: [Unicode.Scalar] { Array(lines[line].unicodeScalars) }

  /// The file without the columns from the error's to `end`, with `new` in their place.
  private func replaced(to end: Int, _ new: String, lines count: Int = 1) -> String {
    var lines = lines
    let before = String(String.UnicodeScalarView(scalars[..<column]))
    // A value that is missing is reported right after the colon.
    let text = before + (before.hasSuffix(":") ? " " : "") + new
    let rest = count == 1 ? String(String.UnicodeScalarView(scalars[end...])) : ""
    lines.replaceSubrange(line..<(line + count), with: [text + rest])
    return lines.joined(separator: "\n")
  }

  private var keyEnd: Int {
    let close: Int? =
      ["\"", "'"].contains(scalars[column]) ? scalars[(column + 1)...].firstIndex(of: scalars[column]) : nil
    return close.map { $0 + 1 } ?? scalars[column...].firstIndex(of: ":") ?? scalars.count
  }

  /// Whether the word at the column is the key of a mapping in braces.
  private var isKeyOfFlow: Bool {
    guard isInFlow, column < scalars.count else { return false }
    let end = scalars[column...].firstIndex { [":", ",", "}", "]", "{", "["].contains($0) }
    return end.map { scalars[$0] == ":" && $0 + 1 < scalars.count && scalars[$0 + 1] == " " } ?? false
  }

  /// The number of lines of the value in block form that begins at or below the line.
  private func blockLength(deeperThan indent: Int) -> Int {
    let below = lines[(line + 1)...].prefix { text in
      let content = text.prefix { $0 == " " }.count
      return !text.isEmpty
        && (content > indent || content == indent && text.dropFirst(indent).hasPrefix("- "))
    }
    return below.count + 1
  }

  private var isInFlow: Bool {
    let before = lines[..<line].joined() + String(String.UnicodeScalarView(scalars[..<column]))
    return before.count { "[{".contains($0) } > before.count { "]}".contains($0) }
  }

  private func entryReplaced(by new: String) -> String {
    if isInFlow { return replaced(to: valueEnd(from: keyEnd), new) }
    let length = blockLength(deeperThan: column)
    return replaced(to: scalars.count, new, lines: length)
  }

  private func entryRemoved() -> String {
    var lines = lines
    lines.removeSubrange(line..<(line + blockLength(deeperThan: column)))
    return lines.joined(separator: "\n")
  }

  private func valueReplaced(by new: String) -> String {
    let isBlock = ["found a list", "found a mapping", "without \"address\""].contains {
      error.message.contains($0)
    }
    let isFirst = column < scalars.count && !["[", "{"].contains(scalars[column])
    if isBlock, isFirst {
      let isItem = lines[line].prefix(column).contains("-")
      return replaced(
        to: scalars.count, new, lines: blockLength(deeperThan: isItem ? column - 1 : column - 1))
    }
    if error.message.hasPrefix("an IPv6 address"),
      let quoted = error.message.split(separator: "\"").dropFirst().first
    {
      return replaced(to: column + quoted.count, new)
    }
    return replaced(to: valueEnd(from: column), new)
  }

  /// The column after the value that begins at `start`.
  private func valueEnd(from start: Int) -> Int {
    guard start < scalars.count else { return start }
    let first = scalars[start]
    if ["\"", "'"].contains(first), !error.message.contains("is not closed"),
      let close = scalars[(start + 1)...].firstIndex(of: first)
    {
      return close + 1
    }
    if ["[", "{"].contains(first), !error.message.hasPrefix("hash_tag") {
      var depth = 0
      for at in start..<scalars.count {
        if ["[", "{"].contains(scalars[at]) { depth += 1 }
        if ["]", "}"].contains(scalars[at]) { depth -= 1 }
        if depth == 0 { return at + 1 }
      }
    }
    return scalars[start...].firstIndex { isInFlow && [",", "]", "}"].contains($0) } ?? scalars.count
  }
}
