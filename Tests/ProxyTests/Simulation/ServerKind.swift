import Wire

/// The kind of a model server: a memcached version, or a program that resembles memcached.
// swift-format-ignore: AlwaysUseLowerCamelCase
enum ServerKind: CaseIterable {
  /// Any version since 1.6.10: it supports all meta commands in the simulation.
  case modern
  case v1_4
  case v1_5
  /// 1.6.0 to 1.6.9.
  case v1_6_0
  /// Reports a version that it is not.
  case lookalike
  /// Closes the connection on a command that it does not know.
  case twemproxy

  /// The version that it reports; nil if it is one of several.
  var version: String? {
    switch self {
    case .modern: nil
    case .v1_4: "1.4.39"
    case .v1_5: "1.5.22"
    case .v1_6_0: "1.6.9"
    case .lookalike: "1.6.31"
    case .twemproxy: "0.5.0"
    }
  }

  /// The newest era with meta requests that it supports, whatever version it reports.
  var meta: Era? {
    switch self {
    case .modern: nil
    case .v1_4, .lookalike, .twemproxy: .v1_4
    case .v1_5: .v1_5
    case .v1_6_0: .v1_6_0
    }
  }

  /// What it answers `mn` with.
  var noop: String {
    switch self {
    case .modern, .v1_6_0: "MN"
    case .v1_5: "EN"
    case .v1_4, .lookalike, .twemproxy: "ERROR"
    }
  }

  /// How a client's meta request is refused if the fleet has such a server.
  var refusals: Set<String> {
    switch self {
    case .modern: []
    case .v1_4, .lookalike, .twemproxy: ["ERROR"]
    case .v1_5:
      [
        "ERROR", "CLIENT_ERROR invalid or duplicate flag",
        "CLIENT_ERROR incorrect number of tokens supplied",
        "CLIENT_ERROR options flags are too long", "CLIENT_ERROR options flags too long",
      ]
    case .v1_6_0: ["CLIENT_ERROR invalid flag", "CLIENT_ERROR invalid or duplicate flag"]
    }
  }

  /// The reaction to a request that it handles differently from a newer server.
  enum Reaction {
    case say(String)
    case hangUp
    /// The proxy must never send it.
    case complain
  }

  /// Nil for what it handles like any other.
  func reaction(to words: [[UInt8]]) -> Reaction? {
    let text = words.map { String(decoding: $0, as: UTF8.self) }
    let isMeta = ["mn", "mg", "ms", "md", "ma", "me"].contains(text[0])
    let isProbe = Self.isProbe(text)
    switch self {
    case .modern: return nil
    case .v1_4:
      if text[0] == "gat" || text[0] == "gats" { return .say("ERROR") }
      return isMeta ? isProbe ? .say("ERROR") : .complain : nil
    case .v1_5:
      guard isMeta else { return nil }
      guard isProbe else { return .complain }
      return .say(text[0] == "mn" ? noop : "CLIENT_ERROR invalid or duplicate flag")
    case .v1_6_0:
      // It would execute the value as commands.
      if text[0] == "ms" { return .complain }
      return isMeta && text.dropFirst(2).contains("b") ? .say("CLIENT_ERROR invalid flag") : nil
    case .lookalike: return isMeta ? isProbe ? .say("ERROR") : .complain : nil
    case .twemproxy:
      if isMeta { return isProbe ? .hangUp : .complain }
      return ["stats", "flush_all", "gat", "gats"].contains(text[0]) ? .hangUp : nil
    }
  }

  /// Whether a request is one of the two of the handshake: `mn`, `mg <16 digits> b O<n>`.
  private static func isProbe(_ words: [String]) -> Bool {
    words == ["mn"]
      || words.count == 4 && words[0] == "mg" && words[1].utf8.count == 16 && words[2] == "b"
        && words[3].hasPrefix("O")
  }

  /// Its words for `HD`, `NF` and the like.
  func status(_ letters: String) -> String {
    guard self == .v1_6_0 else { return letters }
    return (letters == "HD" ? "OK" : letters) + " "
  }
}
