import Routing
import Topology

// Policies and routes in the form of the file.

/// Writes the nodes of a configuration.
struct NodeText {
  let settings: ProxySettings

  /// A node's verb and clauses in the form of the file, without what is the default: `try: [main, spare], on: down`.
  private func entries(of node: RouteNode) -> [String] {
    func name(_ target: RouteTarget) -> String { YAMLNode.word(settings.name(of: target)).written }
    func entry(_ key: NodeKey, _ text: String) -> String { "\(key.rawValue): \(text)" }
    func mapping(_ pairs: [String]) -> String { "{\(pairs.joined(separator: ", "))}" }
    var entries: [String] = []
    switch node.verb {
    case .to(let target): entries.append(entry(.to, name(target)))
    case .attempt(let members, let rules):
      entries.append(entry(.attempt, "[\(members.map(name).joined(separator: ", "))]"))
      entries += rules.written.map { entry($0.key, $0.text) }
    case .share(let parts, let salt):
      let shares = parts.map { "\(name($0.target)): \(Quantity.writtenHundredths($0.part))" }
      entries.append(entry(.share, mapping(shares)))
      if !salt.isEmpty { entries.append(entry(.salt, YAMLNode.word(salt).written)) }
    case .commands(let parts, let rest):
      var pairs = parts.flatMap { part in
        CommandWord.words(for: part.commands).map { "\($0): \(name(part.target))" }
      }
      if let rest { pairs.append("\(TryWords.rest): \(name(rest))") }
      entries.append(entry(.commands, mapping(pairs)))
    case .answer(let answer): entries.append(entry(.answer, answer.written))
    }
    return entries + node.writtenClauses.map { entry($0.key, $0.text) }
  }

  /// A policy's mapping.
  func written(_ node: RouteNode) -> String { "{\(entries(of: node).joined(separator: ", "))}" }

  /// A route's mapping.
  func written(_ route: RouteSettings) -> String {
    var start = "prefix: \(YAMLNode.word(route.prefix).written)"
    if !route.keys.isEmpty { start = "keys: \(YAMLNode.items(route.keys.map(YAMLNode.word)).written)" }
    if route.node.isPlain, case .to(.pool(let i)) = route.node.verb {
      return "{\(start), pool: \(YAMLNode.word(settings.name(of: .pool(i))).written)}"
    }
    return "{\(start), \(entries(of: route.node).joined(separator: ", "))}"
  }

  /// What a route does, for messages: `pool "main"`, or its node's mapping.
  func destination(of route: RouteSettings) -> String {
    guard route.node.isPlain, case .to(let target) = route.node.verb else { return written(route.node) }
    return kindAndName(of: target)
  }

  /// `pool "main"` or `policy "cache"`.
  func kindAndName(of target: RouteTarget) -> String {
    switch target {
    case .pool: "pool \(quoted(settings.name(of: target)))"
    case .node: "policy \(quoted(settings.name(of: target)))"
    }
  }
}

extension RouteSettings {
  /// `default route`, `route for prefix "a:"` or `route for keys "a", "b"`.
  var subject: String {
    if isDefault { return "default route" }
    if keys.isEmpty { return "route for prefix \(quoted(prefix))" }
    let shown = keys.prefix(3).map(quoted).joined(separator: ", ")
    let more = keys.count > 3 ? " and \(keys.count - 3) more" : ""
    return "route for \(keys.count == 1 ? "key" : "keys") \(shown)\(more)"
  }
}

extension TryRules {
  /// The parameters that are not the default.
  fileprivate var written: [(key: NodeKey, text: String)] {
    let usual = TryRules()
    var pairs: [(key: NodeKey, text: String)] = []
    if goesOnAtTrouble != usual.goesOnAtTrouble { pairs.append((.on, TryWords.On.down.rawValue)) }
    if goesOnAtMiss != usual.goesOnAtMiss { pairs.append((.onMiss, TryWords.OnMiss.next.rawValue)) }
    if laterTTL != usual.laterTTL {
      pairs.append((.laterTTL, laterTTL.map(Quantity.writtenSeconds) ?? TryWords.none))
    }
    if deletesAll != usual.deletesAll { pairs.append((.deletes, TryWords.Deletes.all.rawValue)) }
    return pairs
  }
}

extension FixedAnswer {
  /// A word, or a text, which has quotes so that it is none.
  var written: String {
    if let word = AnswerWord.allCases.first(where: { $0.answer == self }) { return word.rawValue }
    guard case .error(let text) = self else { return AnswerWord.nothing.rawValue }
    return YAMLNode.quotedText(text)
  }
}

extension RouteNode {
  fileprivate var writtenClauses: [(key: NodeKey, text: String)] {
    var pairs: [(key: NodeKey, text: String)] = []
    if !denied.isEmpty {
      let loud = CommandWord.words(for: denied.subtracting(deniedQuietly))
      let quiet = CommandWord.words(for: deniedQuietly).map { "{\($0): \(CommandWord.quietly)}" }
      pairs.append((.deny, "[\((loud + quiet).joined(separator: ", "))]"))
    }
    func mapping(_ parts: [(key: some SettingsKey, text: String?)]) -> String {
      "{\(parts.compactMap { key, text in text.map { "\(key.rawValue): \($0)" } }.joined(separator: ", "))}"
    }
    if let maxValue {
      pairs.append((.values, mapping([(ValuesKey.max, Quantity.writtenSize(maxValue))])))
    }
    if let ttl {
      let parts: [(key: TTLKey, text: String?)] = [
        (.min, ttl.min.map(Quantity.writtenSeconds)), (.max, ttl.max.map(Quantity.writtenSeconds)),
        (.none, ttl.none.map(Quantity.writtenSeconds)), (.set, ttl.set.map(Quantity.writtenSeconds)),
      ]
      pairs.append((.ttl, mapping(parts)))
    }
    if let deadline { pairs.append((.deadline, Quantity.written(deadline))) }
    return pairs
  }
}
