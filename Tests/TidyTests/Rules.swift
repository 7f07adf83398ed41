import Foundation

/// What a rule found: a file, a line counted from 1, and what is wrong there.
struct Finding: CustomStringConvertible, Equatable {
  let path: String
  let line: Int
  let what: String

  var description: String { "\(path):\(line): \(what)" }
}

/// The rules of the house that a machine can check; docs/ARCHITECTURE.md has them all.
enum Rules {
  // MARK: - Words

  /// Phrases that cost a stranger a second reading, and what to say instead.
  static let phrases: [(pattern: String, instead: String)] = [
    (#"who(ever|soever|mever)|(no|some|any|every)body('s)?"#, "name the client, server, request or process"),
    (#"anew"#, "again, or the verb: reopen, rebuild, rewrite"),
    (#"(let|lets|letting|gone|goes|go) by"#, "discard"),
    (#"lets? go of"#, "close, release, drop"),
    (#"from which on|from now on|from then on"#, "after, since, at or above"),
    (#"so (many|much)"#, "the number of, or its name"),
    (#"of which"#, "two sentences"),
    (#"goes on"#, "continues"),
    (#"looks? after"#, "check, watch"),
    (#"at hand"#, "current, or its name"),
    (#"as it stands"#, "unchanged"),
    (#"let (it|them) be"#, "keep"),
  ]

  /// Names that were replaced: see the glossary of docs/ARCHITECTURE.md.
  static let oldNames: Set<String> = [
    "Link", "Lane", "Standing", "ServerStanding", "Trouble", "Breach", "Adoption", "Joining", "PuttingOff",
    "Passage", "Relief", "Waking", "Handover", "Errand", "Visit", "Door", "Dealing", "Seating", "Ledger",
    "Roster", "Blueprint", "NameBook", "Order", "Notice", "News", "Remark", "Touch",
  ]

  /// The banned phrases in prose; `lines` are counted from 1.
  static func unplainWords(in prose: String, of path: String) -> [Finding] {
    prose.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { i, text in
      // That one is a user.
      let line = text.split(separator: " ").joined(separator: " ").replacing("-u nobody", with: "")
      return phrases.compactMap { phrase in
        line.range(of: "\\b(\(phrase.pattern))\\b", options: [.regularExpression, .caseInsensitive]).map {
          Finding(path: path, line: i + 1, what: "\"\(line[$0])\": \(phrase.instead)")
        }
      }
    }
  }

  static func oldNames(in file: SourceText) -> [Finding] {
    words(of: file.code).filter { oldNames.contains($0.word) }.map {
      Finding(path: file.path, line: $0.line, what: "\($0.word) has another name now")
    }
  }

  /// The parts of a test's name, which is a sentence in camel case, as prose.
  static func unplainTestNames(in file: SourceText) -> [Finding] {
    let lines = file.code.split(separator: "\n", omittingEmptySubsequences: false)
    return file.declarations().filter { $0.kind == .function }.flatMap { function -> [Finding] in
      let first = function.firstLine
      // The attribute may have lines of its own, with arguments.
      var line = first
      while line > 0, !lines[line].contains("@Test") {
        let above = lines[line - 1].trimmingCharacters(in: .whitespaces)
        if above.isEmpty || above.hasSuffix("}") || above.hasSuffix("{") || above.contains("func ") { break }
        line -= 1
      }
      guard lines[line].contains("@Test") else { return [] }
      let sentence = function.name.replacing(/[A-Z]/) { " " + $0.output.lowercased() }
      return unplainWords(in: sentence, of: file.path).map {
        Finding(path: file.path, line: first + 1, what: "\(function.name): \($0.what)")
      }
    }
  }

  private static func words(of code: String) -> [(word: String, line: Int)] {
    code.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { i, line in
      line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map { (String($0), i + 1) }
    }
  }

  // MARK: - Code

  /// Members that another module cannot inline, whatever they claim: their type is not `@usableFromInline`.
  static func idleInlinable(in files: [SourceText]) -> [Finding] {
    let declared = files.map { ($0, $0.declarations()) }
    var usable: Set<String> = []
    var known: Set<String> = []
    for (file, declarations) in declared {
      let lines = file.code.split(separator: "\n", omittingEmptySubsequences: false)
      for type in declarations where type.kind == .type {
        known.insert(type.name)
        let above = lines[max(0, type.firstLine - 2)...type.firstLine].joined(separator: " ")
        if above.contains("@usableFromInline") || above.contains("public ") { usable.insert(type.name) }
      }
    }
    return declared.flatMap { file, declarations -> [Finding] in
      let lines = file.code.split(separator: "\n", omittingEmptySubsequences: false)
      return lines.indices.compactMap { i in
        guard lines[i].contains("@inlinable"),
          let type = declarations.last(where: {
            $0.kind != .function && $0.firstLine < i && $0.lastLine > i
          }), known.contains(type.name), !usable.contains(type.name)
        else { return nil }
        return Finding(
          path: file.path, line: i + 1, what: "@inlinable in \(type.name), which is not @usableFromInline")
      }
    }
  }

  /// Slots that are named by a bare number where a `Ref` says of what they are.
  static func bareReferences(in file: SourceText) -> [Finding] {
    let pattern = #"\b(c|l|s|x|f|r|client|connection|stream|exchange|fanOut): UInt32\b"#
    return file.code.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
      i, line in
      line.range(of: pattern, options: .regularExpression).map {
        Finding(path: file.path, line: i + 1, what: "\(line[$0]): a Ref")
      }
    }
  }

  /// Changes of a request queue from outside: its fields are for reading.
  static func queueChanges(in file: SourceText) -> [Finding] {
    let field =
      #"queue\.(bytes|sent|legs|late|lateLength|lineLength|missed|cursor|cursorAt|front|discardLeft|round|"#
      + #"lastPiece|isRefusing)"#
    let within = #"(\[[^\]]*\])?(\.\w+)*"#
    let calls =
      #"\.(append|consume|truncate|dropLast|dropFirst|popFirst|remove|removeAll|release|overwrite|trim)\("#
    let patterns = [field + within + #" [&|+-]*= "#, field + calls, "&[^ ,]*" + field + #"\b"#]
    return file.code.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
      i, line in
      patterns.contains { line.range(of: $0, options: .regularExpression) != nil }
        ? Finding(path: file.path, line: i + 1, what: "the queue is changed by a method of RequestQueue")
        : nil
    }
  }

  /// Lines with `unsafe` in a file that may have none.
  static func unsafeCode(in file: SourceText, allowed: Set<String>) -> [Finding] {
    if allowed.contains(where: { file.path == $0 || $0.hasSuffix("/") && file.path.hasPrefix($0) }) {
      return []
    }
    return file.code.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
      i, line in
      line.range(of: #"(?<![.\w])unsafe\s+\w"#, options: .regularExpression) == nil
        ? nil : Finding(path: file.path, line: i + 1, what: "unsafe code outside the files that may hold it")
    }
  }

  static func longFile(_ file: SourceText, most: Int) -> Finding? {
    guard file.lineCount > most else { return nil }
    return Finding(path: file.path, line: most, what: "\(file.lineCount) lines, at most \(most)")
  }

  static func longFunctions(in file: SourceText, most: Int) -> [(name: String, Finding)] {
    file.declarations().filter { $0.kind == .function && $0.lineCount > most }.map {
      let what = "\($0.name) has \($0.lineCount) lines, at most \(most)"
      return ($0.name, Finding(path: file.path, line: $0.firstLine + 1, what: what))
    }
  }

  /// Types with more stored fields than a reader can keep in mind.
  static func crowdedTypes(in file: SourceText, most: Int) -> [(name: String, Finding)] {
    let lines = file.code.split(separator: "\n", omittingEmptySubsequences: false)
    let declarations = file.declarations()
    return declarations.filter { $0.kind == .type && $0.lineCount > 1 }.compactMap { type in
      let inner = declarations.filter {
        $0.firstLine > type.firstLine && $0.lastLine <= type.lastLine && $0.parents.contains(type.name)
      }
      let fields = (type.firstLine + 1..<type.lastLine).filter { i in
        !inner.contains { ($0.firstLine...$0.lastLine).contains(i) } && isStored(String(lines[i]))
      }
      guard fields.count > most else { return nil }
      let what = "\(type.name) has \(fields.count) stored fields, at most \(most)"
      return (type.name, Finding(path: file.path, line: type.firstLine + 1, what: what))
    }
  }

  /// Whether a line declares a stored field: its property has no body, or one that only observes.
  private static func isStored(_ line: String) -> Bool {
    line.range(
      of: #"^ +(@\w+ |package |private |internal |\w+\(set\) )*(var|let) \w+"#, options: .regularExpression)
      != nil && !line.contains("static ") && !line.trimmingCharacters(in: .whitespaces).hasSuffix("{")
      && !line.contains("{ ")
  }

  /// Types that are spread over more files than a reader opens.
  static func scatteredTypes(in files: [SourceText], most: Int) -> [(name: String, files: Int)] {
    var places: [String: Set<String>] = [:]
    for file in files {
      for one in file.declarations() where one.kind != .function && one.parents.isEmpty {
        places[one.name, default: []].insert(file.path)
      }
    }
    return places.filter { $0.value.count > most }.map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
  }

  /// Uses of names that a file's part of the code must not know.
  static func foreignNames(_ foreign: Set<String>, in file: SourceText) -> [Finding] {
    words(of: file.code).filter { foreign.contains($0.word) }.map {
      Finding(path: file.path, line: $0.line, what: "\($0.word) is not for this part to know")
    }
  }

  static func typesNamedAfter(modules: Set<String>, in file: SourceText) -> [Finding] {
    file.declarations().filter { $0.kind == .type && modules.contains($0.name) }.map {
      Finding(path: file.path, line: $0.firstLine + 1, what: "\($0.name) is the name of a module")
    }
  }

  /// `package` types without a doc comment above.
  static func undocumentedTypes(in file: SourceText) -> [Finding] {
    let code = file.code.split(separator: "\n", omittingEmptySubsequences: false)
    let comments = file.comments.split(separator: "\n", omittingEmptySubsequences: false)
    return file.declarations().filter { $0.kind == .type }.compactMap { type in
      var line = type.firstLine
      guard code[line].contains("package ") else { return nil }
      // Attributes may stand on lines of their own.
      while line > 0, code[line - 1].drop(while: { $0 == " " }).hasPrefix("@") { line -= 1 }
      // A comment for swift-format may stand between.
      while line > 0, comments[line - 1].contains("// swift-format") { line -= 1 }
      if line > 0, comments[line - 1].contains("///") { return nil }
      return Finding(path: file.path, line: type.firstLine + 1, what: "\(type.name) has no doc comment")
    }
  }
}
