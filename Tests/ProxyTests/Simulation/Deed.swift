/// A key of the simulation, and the client that may write to it.
struct Key: Equatable {
  var index: Int
  var bytes: [UInt8]
  /// The only client that uses it; nil if all clients do.
  var owner: Int?
  /// Holds a number, for `incr` and `decr`; else values that identify themselves.
  var isNumber: Bool

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// One request of a client.
struct Deed {
  enum Verb: String {
    case get, gets, gat, gats
    case set, add, replace, append, prepend, cas, delete, incr, decr, touch
    case flushAll = "flush_all"
    case version, stats, serverStats, ownStats, noop, verbosity, quit
    /// Bytes that are no valid request.
    case nonsense

    var isRead: Bool { self == .get || self == .gets || self == .gat || self == .gats }
    var hasCAS: Bool { self == .gets || self == .gats }
    /// The reply to a write of a key that does not exist.
    var miss: String? {
      switch self {
      case .set, .add, .replace, .append, .prepend: "NOT_STORED"
      case .cas, .delete, .incr, .decr, .touch: "NOT_FOUND"
      default: nil
      }
    }
    var touches: Bool { self == .gat || self == .gats }
    var isStorage: Bool {
      switch self {
      case .set, .add, .replace, .append, .prepend, .cas: true
      default: false
      }
    }
  }

  var verb: Verb
  var keys: [Key] = []
  var flags: UInt32 = 0
  var exptime = 0
  var data: [UInt8] = []
  var delta: UInt64 = 0
  /// The CAS number sent, and the change that it stands for as far as the client knows.
  var token: UInt64 = 0
  var tokenMark = -1
  var isQuiet = false
  /// The form of the request, if not a classic command.
  var meta: MetaSpeech?
  /// A number unique to this deed.
  var mark = 0
  /// The bytes of an invalid request, and the reply to it.
  var nonsense: [UInt8] = []
  var refusal = ""

  /// Its bytes on the wire.
  var bytes: [UInt8] {
    if let meta { return meta.bytes(of: self) }
    let quiet = isQuiet ? " noreply" : ""
    var text = verb.rawValue
    switch verb {
    case .get, .gets, .gat, .gats:
      if verb.touches { text += " \(exptime)" }
      return Array(text.utf8) + keys.flatMap { [32] + $0.bytes } + [13, 10]
    case .set, .add, .replace, .append, .prepend, .cas:
      let cas = verb == .cas ? " \(token)" : ""
      text = " \(flags) \(exptime) \(data.count)\(cas)\(quiet)\r\n"
      return Array(verb.rawValue.utf8) + [32] + keys[0].bytes + Array(text.utf8) + data + [13, 10]
    case .delete: text = quiet
    case .incr, .decr: text = " \(delta)\(quiet)"
    case .touch: text = " \(exptime)\(quiet)"
    case .flushAll, .version, .quit, .stats: return Array((text + quiet + "\r\n").utf8)
    case .serverStats: return Array("stats servers\r\n".utf8)
    case .ownStats: return Array("stats ringroad\r\n".utf8)
    case .noop: return Array("mn\r\n".utf8)
    case .verbosity: return Array("verbosity 1\(quiet)\r\n".utf8)
    case .nonsense: return nonsense
    }
    return Array(verb.rawValue.utf8) + [32] + keys[0].bytes + Array(text.utf8) + [13, 10]
  }
}

/// Values that identify themselves: `<key|version|filler|sum>`, one or more of these in a row.
enum Chunk {
  static func make(key: Key, version: Int, filler: [UInt8]) -> [UInt8] {
    let body = key.bytes + [124] + Array("\(version)".utf8) + [124] + filler + [124]
    return [60] + body + Array(sum(body[...]).utf8) + [62]
  }

  private static func sum(_ bytes: ArraySlice<UInt8>) -> String {
    var hash: UInt32 = 2_166_136_261
    for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return String(hash, radix: 36)
  }

  /// Why these bytes cannot be a value of this key; nil if they can. `isKnown`: whether a version was ever written to
  /// it.
  static func flaw(in data: [UInt8], of key: Key, isKnown: (Int) -> Bool) -> String? {
    if key.isNumber {
      return Item.number(data) == nil ? "no number" : nil
    }
    var rest = data[...]
    while !rest.isEmpty {
      guard rest.first == 60, let end = rest.firstIndex(of: 62) else { return "not a value of ours" }
      let body = rest[(rest.startIndex + 1)..<end]
      rest = rest[(end + 1)...]
      guard let bar = body.lastIndex(of: 124) else { return "not a value of ours" }
      guard sum(body[...bar]) == String(decoding: body[(bar + 1)...], as: UTF8.self) else {
        return "a wrong sum"
      }
      let words = body[..<bar].split(separator: 124, maxSplits: 2, omittingEmptySubsequences: false)
      guard words.count == 3, Array(words[0]) == key.bytes else { return "another key's value" }
      guard let version = Int(String(decoding: words[1], as: UTF8.self)), isKnown(version) else {
        return "a value that was never written"
      }
    }
    return nil
  }
}
