import Routing
import Topology

// Decoding of what a node does with a request.

extension NodeDecoder {
  /// The pool or policy that a value names; nil together with an error.
  func reference(
    _ node: YAMLNode, _ subject: String, _ decoder: inout SettingsDecoder
  ) -> Reference? {
    guard let name = decoder.text(node, subject, expected: "the name of a \(kindOfTarget)") else {
      return nil
    }
    if let index = pools.firstIndex(of: name) { return Reference(target: .pool(index), at: node.position) }
    if let index = names.dropFirst(pools.count).firstIndex(of: name) {
      return Reference(target: .node(index - pools.count), at: node.position)
    }
    decoder.refuse(node.position, .unknownWord(name, known: names), about: kindOfTarget)
    return nil
  }

  func readTry(
    _ node: YAMLNode, _ fields: [Field], into placed: inout Placed, _ decoder: inout SettingsDecoder
  ) {
    let nodes: [YAMLNode] = if case .list(let items) = node.content { items } else { [] }
    guard Bounds.membersOfTry.contains(nodes.count) else {
      let own = nodes.first?.scalar ?? node.scalar
      let isShort = nodes.count < 2 && own.map(names.contains) ?? true
      let first = own ?? pools.first
      let other = pools.first { $0 != first }
      let hint: String? =
        if isShort, let first, let other {
          "such as \(YAMLNode.items([.word(first), .word(other)]).written)"
        } else { nil }
      let found = nodes.isEmpty ? node.found : String(nodes.count)
      decoder.refuse(
        node.position, .expected("a list of 2 to 16 members", found: found, hint: hint), about: "try")
      return
    }
    for item in nodes {
      guard let member = reference(item, "try", &decoder) else { continue }
      if placed.references.contains(where: { $0.target == member.target }) {
        decoder.refuse(item.position, "try: \(item.found) is named twice", hint: "leave it out")
      }
      placed.references.append(member)
    }
    var rules = TryRules()
    for (key, _, value) in fields {
      switch key {
      case .on:
        decoder.read(value, key, into: &rules.goesOnAtTrouble) { text throws(Complaint) in
          try parseWord(text, as: TryWords.On.self) == .trouble
        }
      case .onMiss:
        decoder.read(value, key, into: &rules.goesOnAtMiss) { text throws(Complaint) in
          try parseWord(text, as: TryWords.OnMiss.self) == .next
        }
      case .laterTTL:
        decoder.read(value, key, into: &rules.laterTTL) { text throws(Complaint) in
          text == TryWords.none ? nil : try Quantity.seconds(text, in: Bounds.ttl, or: TryWords.none)
        }
      case .deletes:
        decoder.read(value, key, into: &rules.deletesAll) { text throws(Complaint) in
          try parseWord(text, as: TryWords.Deletes.self) == .all
        }
      default: break
      }
    }
    placed.node.verb = .attempt(placed.references.map(\.target), rules)
  }

  /// The entries of a verb that is a mapping; nil if it has none. The example is with the name that stands there instead.
  private func entries(
    of node: YAMLNode, _ verb: String, _ expected: String, such example: (String) -> String,
    _ decoder: inout SettingsDecoder
  ) -> [YAMLNode.Entry]? {
    if case .mapping(let entries) = node.content, !entries.isEmpty { return entries }
    let name = YAMLNode.word(node.scalar.flatMap { names.contains($0) ? $0 : nil } ?? pools.first ?? "main")
    decoder.refuse(
      node.position, .expected(expected, found: node.found, hint: "such as \(example(name.written))"),
      about: verb)
    return nil
  }

  func readShare(
    _ node: YAMLNode, _ fields: [Field], into placed: inout Placed, _ decoder: inout SettingsDecoder
  ) {
    guard
      let entries = entries(
        of: node, "share", "a mapping of names to shares", such: { "{\($0): rest}" }, &decoder)
    else { return }
    var parts: [(target: RouteTarget, part: Int?)] = []
    let errorsBefore = decoder.errors.count
    for entry in entries {
      guard let target = reference(entry.key, "share", &decoder) else { continue }
      if placed.references.contains(where: { $0.target == target.target }) {
        decoder.refuse(entry.key.position, "share: \(entry.key.found) is named twice")
      }
      placed.references.append(target)
      var part: Int?
      decoder.read(entry.value, NodeKey.share, into: &part) { text throws(Complaint) in
        text == TryWords.rest ? nil : try Quantity.hundredths(text, or: TryWords.rest)
      }
      if part == nil, parts.contains(where: { $0.part == nil }), decoder.errors.count == errorsBefore {
        decoder.refuse(entry.value.position, "share: only one is \(quoted(TryWords.rest))")
      }
      parts.append((target.target, part))
    }
    var salt = ""
    for (key, _, value) in fields where key == .salt {
      salt = decoder.text(value, key.rawValue, expected: "a text") ?? salt
    }
    guard decoder.errors.count == errorsBefore else { return }
    let sum = parts.reduce(0) { $0 + ($1.part ?? 0) }
    let hasRest = parts.contains { $0.part == nil }
    guard hasRest ? sum <= 10_000 : sum == 10_000 else {
      // The largest can be the rest of the others, if these are not too many themselves.
      let largest = parts.indices.max { (parts[$0].part ?? 0) < (parts[$1].part ?? 0) } ?? 0
      let fits = sum - (parts[largest].part ?? 0) <= 10_000 && !hasRest
      decoder.refuse(
        entries[largest].value.position,
        "share: the sum is \(Quantity.writtenHundredths(sum)), not 100%",
        hint: fits ? "write \(TryWords.rest)" : "lower the others")
      return
    }
    placed.node.verb = .share(parts.map { ($0.target, $0.part ?? 10_000 - sum) }, salt: salt)
  }

  func readCommands(
    _ node: YAMLNode, into placed: inout Placed, _ decoder: inout SettingsDecoder
  ) {
    guard
      let entries = entries(
        of: node, "commands", "a mapping of commands to names", such: { "{rest: \($0)}" }, &decoder)
    else { return }
    var words: [(word: String, commands: CommandSet, target: RouteTarget)] = []
    var rest: RouteTarget?
    var seen: [String: FilePosition] = [:]
    for entry in entries {
      guard let word = decoder.text(entry.key, "commands", expected: "a command") else { continue }
      if let first = seen[word] {
        decoder.refuse(entry.key.position, duplicate: "command \(quoted(word))", first: first)
        continue
      }
      seen[word] = entry.key.position
      let target = reference(entry.value, "commands", &decoder)
      if let target { placed.references.append(target) }
      if word == TryWords.rest {
        rest = target?.target
        continue
      }
      do throws(Complaint) {
        let commands = try CommandWord.commands(word, or: [TryWords.rest])
        if let target { words.append((word, commands, target.target)) }
      } catch {
        decoder.refuse(entry.key.position, error, about: "command")
      }
    }
    placed.node.verb = .commands(CommandWord.parted(words), rest: rest)
  }

  func readAnswer(_ node: YAMLNode, into placed: inout Placed, _ decoder: inout SettingsDecoder) {
    let words = AnswerWord.allCases.map(\.rawValue)
    guard
      let text = decoder.text(
        node, "answer", expected: "\(words.joined(separator: ", ")), or a text in quotes")
    else { return }
    if let word = AnswerWord(rawValue: text) {
      placed.node.verb = .answer(word.answer)
      return
    }
    // A single word without quotes is rather a wrong one than a text.
    if case .scalar(_, isPlain: true) = node.content, !text.contains(" ") {
      let hint =
        nearestWord(to: text, among: words).map { "did you mean \(quoted($0))?" }
        ?? "write \(YAMLNode.quotedText(text))"
      decoder.refuse(node.position, .unknownWord(text, hint: hint), about: "answer")
      return
    }
    guard text.utf8.count <= Bounds.answerBytes, text.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }), !text.isEmpty
    else {
      decoder.refuse(
        node.position,
        .expected("a text of at most \(Bounds.answerBytes) visible ASCII characters", found: quoted(text)),
        about: "answer")
      return
    }
    placed.node.verb = .answer(.error(text))
  }
}
