import Foundation

/// The meta form of a request.
struct MetaSpeech {
  /// The client's opaque, if it sends one.
  var opaque: Int?
  /// The key is written in base64.
  var isEncoded = false
  /// The key is requested back.
  var wantsKey = false
  /// Its server may omit requested tokens: the proxy does not notice a token that is lost as a whole, because it does
  /// not know what its servers support.
  var mayLack = false
  /// Its server lies, and its version is before 1.6.18: the proxy takes an inserted space for an extra one, which such a
  /// server may write.
  var mayBePadded = false
  /// A server before 1.6.10 may answer: `OK`, extra spaces, a miss that returns nothing.
  var isLoose = false

  /// Whether there is a meta command for it.
  static func knows(_ deed: Deed) -> Bool {
    switch deed.verb {
    case .get, .gets, .set, .add, .replace, .append, .prepend, .cas, .delete, .incr, .decr:
      deed.keys.count == 1
    default: false
    }
  }

  func bytes(of deed: Deed) -> [UInt8] {
    let key = deed.keys[0].bytes
    let written = isEncoded ? Array(Data(key).base64EncodedString().utf8) : key
    var text = ""
    var body: [UInt8] = []
    switch deed.verb {
    case .get: text = " v f"
    case .gets: text = " v f c"
    case .delete: break
    case .incr: text = " D\(deed.delta) v"
    case .decr: text = " v MD D\(deed.delta)"
    default:
      let mode: [Deed.Verb: String] = [.add: " ME", .replace: " MR", .append: " MA", .prepend: " MP"]
      text = " \(deed.data.count)\(mode[deed.verb] ?? "")"
      if deed.verb != .append && deed.verb != .prepend { text += " F\(deed.flags) T\(deed.exptime)" }
      if deed.verb == .cas { text += " C\(deed.token)" }
      body = deed.data + [13, 10]
    }
    if isEncoded { text += " b" }
    if wantsKey { text += " k" }
    if let opaque { text += " O\(opaque)" }
    return Array("\(Self.command(for: deed.verb)) ".utf8) + written + Array((text + "\r\n").utf8) + body
  }

  private static func command(for verb: Deed.Verb) -> String {
    switch verb {
    case .get, .gets: "mg"
    case .delete: "md"
    case .incr, .decr: "ma"
    default: "ms"
    }
  }

  /// Reads the reply from the front of `inbox`, in classic terms; nil while it is incomplete.
  func read(_ inbox: inout Inbox, to deed: Deed) throws(Heard.Malformed) -> Heard? {
    guard let line = inbox.line() else { return nil }
    let text = String(decoding: line, as: UTF8.self)
    var words = text.split(separator: " ", omittingEmptySubsequences: isLoose || mayBePadded).map(String.init)
    let isRead = deed.verb.isRead
    if text.hasPrefix("SERVER_ERROR ") || text.hasPrefix("CLIENT_ERROR ") || text.hasPrefix("ERROR") {
      inbox.take(line.count + 2)
      return isRead ? .values([], end: text) : .line(text)
    }
    guard !words.isEmpty else { throw Heard.Malformed(text: text) }
    var status = words.removeFirst()
    if isLoose && status == "OK" { status = "HD" }
    guard status == "VA" else {
      // A miss may lack the requested tokens: servers before 1.6.18.
      let isMiss = status == "EN" || isLoose && status == "NF"
      try check(words, of: deed, isBare: isMiss && words.isEmpty, text)
      inbox.take(line.count + 2)
      if isRead { return status == "EN" ? .values([], end: "END") : .line(text) }
      return .line(Self.classic(status, deed.verb) ?? text)
    }
    guard isRead || deed.verb == .incr || deed.verb == .decr, !words.isEmpty,
      let size = Int(words.removeFirst()),
      size < 1_000_000
    else { throw Heard.Malformed(text: text) }
    guard let body = inbox.body(after: line.count + 2, count: size) else { return nil }
    guard body.suffix(2) == [13, 10] else { throw Heard.Malformed(text: text) }
    var value = Heard.Value(key: deed.keys[0].bytes, flags: 0, data: Array(body.dropLast(2)), cas: nil)
    if isRead {
      let flags = try number("f", &words, text)
      value.flags = UInt32(truncatingIfNeeded: flags ?? 0)
      if deed.verb == .gets { value.cas = try number("c", &words, text) }
    }
    try check(words, of: deed, isBare: false, text)
    inbox.take(line.count + 2 + body.count)
    return isRead ? .values([value], end: "END") : .line(String(decoding: value.data, as: UTF8.self))
  }

  /// The next token, if it is this one.
  private func number(
    _ letter: Character, _ words: inout [String], _ text: String
  ) throws(Heard.Malformed) -> UInt64? {
    guard words.first?.first == letter, let value = UInt64(words[0].dropFirst()) else {
      if mayLack && words.first?.first != letter { return nil }
      throw Heard.Malformed(text: text)
    }
    words.removeFirst()
    return value
  }

  /// The key and the opaque are returned as they were sent, and nothing else.
  private func check(
    _ words: [String], of deed: Deed, isBare: Bool, _ text: String
  ) throws(Heard.Malformed) {
    var expected: [String] = []
    if wantsKey { expected.append("k\(deed.keys[0].text)") }
    if let opaque { expected.append("O\(opaque)") }
    if mayLack { expected = expected.filter(words.contains) }
    guard words == expected || isBare else { throw Heard.Malformed(text: text) }
  }

  private static func classic(_ status: String, _ verb: Deed.Verb) -> String? {
    switch (status, verb) {
    case ("HD", .delete): "DELETED"
    case ("HD", _): "STORED"
    case ("NS", _): "NOT_STORED"
    case ("EX", _): "EXISTS"
    case ("NF", _): "NOT_FOUND"
    default: nil
    }
  }
}

/// A meta request as a server reads it: the deed, and the tokens to return.
struct MetaOrder {
  var deed: Deed
  var key: [UInt8]
  var token = -1
  var wants: [Character] = []
  var isEncoded = false
  var opaque: String?
  /// Bytes of the value behind the line.
  var size: Int?

  /// Nil for a request that the proxy must not send: misplaced spaces, `q`, or no opaque.
  init?(_ words: [[UInt8]]) {
    let text = words.map { String(decoding: $0, as: UTF8.self) }
    guard words.count >= 2, words.allSatisfy({ !$0.isEmpty }) else { return nil }
    var flags = text.dropFirst(2)
    var verb: Deed.Verb
    switch text[0] {
    case "mg": verb = .get
    case "md": verb = .delete
    case "ma": verb = .incr
    case "ms":
      verb = .set
      guard let count = flags.popFirst().flatMap({ Int($0) }) else { return nil }
      size = count
    default: return nil
    }
    deed = Deed(verb: verb)
    key = words[1]
    for flag in flags {
      let rest = String(flag.dropFirst())
      switch flag.first {
      case "v", "f": wants.append(flag.first ?? " ")
      case "c": wants.append("c")
      case "k": wants.append("k")
      case "b": isEncoded = true
      case "O":
        opaque = rest
        wants.append("O")
      case "D": deed.delta = UInt64(rest) ?? 0
      case "F": deed.flags = UInt32(rest) ?? 0
      case "T": deed.exptime = Int(rest) ?? 0
      case "C":
        verb = .cas
        token = Int(rest) ?? -2
      case "M":
        let modes: [String: Deed.Verb] = ["E": .add, "R": .replace, "A": .append, "P": .prepend, "D": .decr]
        guard let mode = modes[rest] else { return nil }
        verb = mode
      default: return nil
      }
    }
    guard opaque != nil else { return nil }
    deed.verb = verb
    if isEncoded {
      guard let decoded = Data(base64Encoded: Data(key)) else { return nil }
      key = Array(decoded)
    }
  }

  /// The tokens behind a status: what was requested, in the requested order.
  func tail(_ item: Item?) -> String {
    wants.map { letter in
      switch letter {
      case "f": item.map { " f\($0.flags)" } ?? ""
      case "c": item.map { " c\($0.mark)" } ?? ""
      case "k": " k" + String(decoding: key, as: UTF8.self)
      case "O": " O\(opaque ?? "")"
      default: ""
      }
    }.joined()
  }
}
