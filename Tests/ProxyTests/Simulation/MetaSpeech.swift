import Foundation

/// How a deed is said with a meta command.
struct MetaSpeech {
  /// The client's own opaque, if it gives one.
  var opaque: Int?
  /// The key is written in base64.
  var isEncoded = false
  /// The key is wanted back.
  var wantsKey = false
  /// Its server may leave out what was asked for: a token that is lost as a whole is not missed by a proxy, which
  /// does not know what its servers know.
  var mayLack = false
  /// A server before 1.6.10 may answer: `OK`, more blanks than needed, a miss that gives nothing back.
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

  /// Reads the answer off the front of `inbox`, said in the classic words; nil when it has not come as a whole.
  func read(_ inbox: inout Inbox, to deed: Deed) throws(Heard.Malformed) -> Heard? {
    guard let line = inbox.line() else { return nil }
    let text = String(decoding: line, as: UTF8.self)
    var words = text.split(separator: " ", omittingEmptySubsequences: isLoose).map(String.init)
    let isRead = deed.verb.isRead
    if text.hasPrefix("SERVER_ERROR ") || text.hasPrefix("CLIENT_ERROR ") || text.hasPrefix("ERROR") {
      inbox.take(line.count + 2)
      return isRead ? .values([], end: text) : .line(text)
    }
    guard !words.isEmpty else { throw Heard.Malformed(text: text) }
    var status = words.removeFirst()
    if isLoose && status == "OK" { status = "HD" }
    guard status == "VA" else {
      // A miss may come without what was asked back: servers before 1.6.18.
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

  /// The token that comes next, if it is this one.
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

  /// The key and the opaque come back as they were sent, nothing else does.
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

/// A meta request as a server reads it: the deed, and what is to be given back.
struct MetaOrder {
  var deed: Deed
  var key: [UInt8]
  var token = -1
  var wants: [Character] = []
  var isEncoded = false
  var opaque: String?
  /// Bytes of the value behind the line.
  var size: Int?

  /// Nil for what the proxy must not send: blanks where none belong, `q`, or no opaque.
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

  /// What stands behind a status: what was asked back, in the order asked.
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
