// Slips in the keys, items and indentation of a file's lines.

extension SourceLines {
  /// A known key without its colon, or without the space after it.
  func keySlip(_ line: Line) -> YAMLProblem? {
    let (content, column) = line.item
    for sign in ["//", ";"] where content.hasPrefix(sign) {
      let comment = content.dropFirst(sign.count).drop { $0 == " " }
      return YAMLProblem(
        "a comment begins with # here", at: FilePosition(line: line.number, column: column),
        hint: "write # \(comment)")
    }
    let word = content.prefix { $0.isASCII && ($0.isLetter || $0 == "_") }
    if let key = line.key { return valueSlip(key, content, column, line.number) }
    guard KnownKeys.all.contains(String(word)) else { return nil }
    let rest = content.dropFirst(word.count)
    let value = String(rest.drop { " :=".contains($0) })
    let sign = rest.first { $0 != " " }
    let message: String
    if rest.first == ":" {
      message = "no space after \"\(word):\""
    } else if sign == "=" {
      message = "\"=\" after \"\(word)\": YAML has a colon there"
    } else if rest.isEmpty && !line.isItem || rest.first == " " {
      message = "no colon after \"\(word)\""
    } else {
      return nil
    }
    let written: String
    if value.isEmpty {
      written = TopKey(rawValue: String(word))?.defaultText ?? ""
    } else {
      let advice = "[{\"'".contains(value.prefix(1)) ? nil : KeyAdvice(for: String(word), value: .word(value))
      written = advice?.value?.written ?? value
    }
    return YAMLProblem(
      message, at: FilePosition(line: line.number, column: column),
      hint: "write \(word):\(written.isEmpty ? "" : " \(written)")")
  }

  /// A colon and a space in a value without quotes: in an address, or in a text.
  private func valueSlip(
    _ key: (word: String, value: String), _ content: String, _ column: Int, _ number: Int
  ) -> YAMLProblem? {
    let value = key.value
    guard let first = value.first, value.contains(": ") || value.hasSuffix(":"), !"\"'[{&*!|>".contains(first)
    else { return nil }
    let hint: String?
    if value.utf8.count > 250 {
      hint = nil
    } else if ["limits", "log"].contains(key.word) {
      hint = "write {\(value)}"
    } else if ["name", "prefix"].contains(key.word) {
      hint = "write \(YAMLNode.quotedText(value))"
    } else {
      // An address with a space after its colon; not a second key on the line.
      let isAddress = !value.contains(" {") && !value.contains(" [")
      let joined = value.replacing(": ", with: ":")
      let meant =
        key.word == "address"
        ? Endpoint.repaired(joined, for: .server).map(YAMLNode.word)
        : KeyAdvice(for: key.word, value: .word(joined))?.value
      hint = isAddress ? meant.map { "write \($0.written)" } : nil
    }
    let place = column + content.unicodeScalars.count - value.unicodeScalars.count
    return YAMLProblem(
      "a second colon in the value \(quoted(value))", at: FilePosition(line: number, column: place),
      hint: hint)
  }

  /// A hash tag of brackets and other characters that mean something else to YAML.
  func hashTagSlip(_ line: Line) -> YAMLProblem? {
    guard let key = line.key, key.word == PoolKey.hashTag.rawValue, let first = key.value.first,
      key.value.count <= 2, !first.isLetter, first != "\"", first != "'"
    else { return nil }
    let pairs: [Character: String] = ["{": "{}", "[": "[]", "(": "()", "<": "<>"]
    let meant = key.value.count == 2 ? key.value : pairs[first] ?? "{}"
    let column = line.indent + line.content.unicodeScalars.count - key.value.unicodeScalars.count + 1
    return YAMLProblem(
      "hash_tag: expected two visible ASCII characters in quotes, found \(quoted(key.value))",
      at: FilePosition(line: line.number, column: column), hint: "write \(YAMLNode.quotedText(meant))")
  }

  /// An item without its dash, or without the space after it.
  func itemSlip(at index: Int) -> YAMLProblem? {
    let line = lines[index]
    let place = FilePosition(line: line.number, column: line.indent + 1)
    for dash in ["-", "\u{2013}", "\u{2014}", "\u{2022}", "*"] where line.content.hasPrefix(dash) {
      let rest = String(line.content.dropFirst().drop { $0 == " " })
      if line.isItem || rest.isEmpty || rest.hasPrefix("-") || dash == "*" && !line.content.hasPrefix("* ") {
        return nil
      }
      let message =
        dash == "-" ? "no space after the dash" : "\(quoted(dash)) is not the dash that begins an item"
      return YAMLProblem(message, at: place, hint: "write - \(rest)")
    }
    // Two addresses in two lines, which YAML joins to one text.
    let isAddress: (Int) -> Bool = { at in
      lines.indices.contains(at) && !lines[at].isInFlow && lines[at].indent == line.indent
        && !lines[at].isItem
        && (try? Endpoint.exactly(lines[at].content, for: .server)) != nil
    }
    let isItem: (Int) -> Bool = { at in
      lines.indices.contains(at) && lines[at].isItem && lines[at].indent == line.indent
    }
    let isBesideOne = isAddress(index - 1) || isAddress(index + 1) || isItem(index - 1) || isItem(index + 1)
    guard !line.isItem, line.key == nil, isAddress(index) || isItem(index - 1), isBesideOne else {
      return nil
    }
    return YAMLProblem("no dash before this item", at: place, hint: "write - \(line.content)")
  }

  // MARK: Indentation

  /// A list or mapping in block form that a line may continue.
  private struct Level {
    var indent: Int
    var isList: Bool
    /// The line of its first entry.
    var line: Int
    /// The key that it is the value of; "" at the top.
    var owner: String
    /// The keys that its entries can have; empty if they have names.
    var keys: Set<String>
  }

  /// The first line that is neither at the indentation of a list or mapping above it, nor begins one.
  func indentSlip() -> YAMLProblem? {
    var levels: [Level] = []
    var closed: [Level] = []
    // The key whose value may begin on the next line; nil after a value.
    var opened: String? = ""
    for line in lines where !line.isInFlow {
      let keep = levels.lastIndex { $0.indent <= line.indent }.map { $0 + 1 } ?? 0
      closed = Array(levels[keep...])
      if keep == 0, let first = levels.first {
        return misplaced(
          lines[0], at: Level(indent: line.indent, isList: false, line: line.number, owner: "", keys: []),
          instead: first.indent)
      }
      levels.removeLast(levels.count - keep)
      // A list may be at the indentation of its own key.
      if !line.isItem, let last = levels.last, last.isList, last.indent == line.indent, levels.count > 1 {
        levels.removeLast()
      }
      let isNew = levels.last.map { $0.indent < line.indent || line.isItem && !$0.isList } ?? true
      let fits = levels.last.map { $0.indent == line.indent && $0.isList == line.isItem } ?? false
      if !fits {
        guard isNew, let owner = opened else { return misplaced(line, among: levels + closed) }
        if line.isItem || line.key != nil { levels.append(level(line, line.indent, owner, in: levels.last)) }
      }
      opened = enter(line, &levels)
    }
    return nil
  }

  /// Adds the mapping that begins in an item, and returns the key that is still without a value.
  private func enter(_ line: Line, _ levels: inout [Level]) -> String? {
    let (content, column) = line.item
    guard let key = line.key else { return content.isEmpty ? levels.last?.owner : nil }
    if line.isItem, let list = levels.last {
      levels.append(
        Level(
          indent: column - 1, isList: false, line: line.number, owner: list.owner,
          keys: Self.keys(of: list.owner, in: nil)))
    }
    return key.value.isEmpty ? key.word : nil
  }

  private func level(_ line: Line, _ indent: Int, _ owner: String, in outer: Level?) -> Level {
    Level(
      indent: indent, isList: line.isItem, line: line.number, owner: owner,
      keys: line.isItem ? [] : Self.keys(of: owner, in: outer?.owner))
  }

  /// The keys of the mapping that is the value of `owner`; empty if they are names.
  private static func keys(of owner: String, in outer: String?) -> Set<String> {
    switch owner {
    case _ where outer == "pools": Set(PoolKey.allCases.map(\.rawValue))
    case "": Set(TopKey.allCases.map(\.rawValue))
    case "servers": Set(ServerKey.allCases.map(\.rawValue))
    case "listen": Set(ListenerKey.allCases.map(\.rawValue))
    case "routes": Set(RouteKey.allCases.map(\.rawValue))
    case "limits": Set(LimitKey.allCases.map(\.rawValue))
    case "log": Set(LogKey.allCases.map(\.rawValue))
    default: []
    }
  }

  /// The nearest level that the line can belong to.
  private func misplaced(_ line: Line, among levels: [Level]) -> YAMLProblem? {
    if let slip = serverSetting(line) { return slip }
    let word = line.isItem ? nil : line.key?.word
    let isKnown = word.map { word in levels.contains { $0.keys.contains(word) } } ?? false
    let fitting = levels.filter { level in
      level.isList == line.isItem && (!isKnown || level.keys.contains(word ?? ""))
    }
    let nearest = fitting.min { abs($0.indent - line.indent) < abs($1.indent - line.indent) }
    return nearest.flatMap { misplaced(line, at: $0, instead: line.indent) }
  }

  /// `mark: down` below an item that is only an address.
  private func serverSetting(_ line: Line) -> YAMLProblem? {
    guard !line.isItem, let key = line.key, ServerKey(rawValue: key.word) != nil, !key.value.isEmpty,
      let above = lines.last(where: { $0.number < line.number }), above.isItem, above.key == nil,
      (try? Endpoint.exactly(above.item.content, for: .server)) != nil
    else { return nil }
    return YAMLProblem(
      "\(quoted(key.word)) below a server that is only an address",
      at: FilePosition(line: line.number, column: line.indent + 1),
      hint: "leave it out, and write line \(above.number) as "
        + "- {address: \(YAMLNode.word(above.item.content).written), \(key.word): \(key.value)}")
  }

  private func misplaced(_ line: Line, at level: Level, instead indent: Int) -> YAMLProblem? {
    YAMLProblem(
      "wrong indentation: \(counted(indent, "space"))",
      at: FilePosition(line: line.number, column: indent + 1),
      hint:
        "put \(level.indent == 0 ? "no space" : counted(level.indent, "space")) before it, as on line \(level.line)"
    )
  }
}
