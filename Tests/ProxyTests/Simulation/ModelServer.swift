import Wire

/// A small memcached: the commands that the proxy sends, on a dictionary.
///
/// It is strict: anything that the proxy must not send (two spaces, `noreply`, a command of another kind) is recorded
/// in `complaint`.
final class ModelServer {
  let name: String
  let kind: ServerKind
  let version: String
  private(set) var items: [[UInt8]: Item] = [:]
  private(set) var complaint: String?
  /// Nothing is read until then.
  var stalledUntil: UInt64 = 0
  /// Refuses connections.
  var isDown = false
  /// Planted faults of the server itself.
  var losesWrites = false
  var countsTwice = false
  private(set) var hasCheated = false
  /// Whether it closes the connection over the last request.
  private(set) var hangsUp = false

  init(name: String, version: String, kind: ServerKind = .modern) {
    self.name = name
    self.kind = kind
    self.version = kind.version ?? version
  }

  /// The era of the version that it gives.
  var era: Era {
    let line = Array("VERSION \(version)\r\n".utf8)
    // SAFETY: a byte has no padding that could be uninitialised.
    return unsafe Era(version: line.span.bytes)
  }

  func restart() { items = [:] }

  /// Executes and removes the oldest request in `input`, and returns the reply; nil while the request is incomplete.
  ///
  /// A value that is refused early is answered before it has arrived.
  func serve(_ input: inout Inbox, nextMark: () -> Int) -> [UInt8]? {
    hangsUp = false
    if input.swallow > 0 {
      input.dropSwallowed()
      if input.swallow > 0 { return nil }
    }
    guard let line = input.line() else { return nil }
    let words = line.split(separator: 32, omittingEmptySubsequences: false).map(Array.init)
    guard let first = words.first, words.allSatisfy({ !$0.isEmpty }) else {
      return complain(line)
    }
    switch kind.reaction(to: words) {
    case .say(let text):
      input.take(line.count + 2)
      return Array((text + "\r\n").utf8)
    case .hangUp:
      input = Inbox()
      hangsUp = true
      return nil
    case .complain: return complain(line)
    case nil: break
    }
    switch String(decoding: first, as: UTF8.self) {
    case "get", "gets", "gat", "gats": return read(words, line, &input)
    case "version":
      input.take(line.count + 2)
      return Array("VERSION \(version)\r\n".utf8)
    case "mn":
      input.take(line.count + 2)
      return Array("MN\r\n".utf8)
    case "flush_all":
      input.take(line.count + 2)
      items = [:]
      return Array("OK\r\n".utf8)
    case "stats":
      input.take(line.count + 2)
      return Array("STAT pid 1\r\nSTAT curr_items \(items.count)\r\nEND\r\n".utf8)
    case "mg", "ms", "md", "ma": return meta(words, line, &input, nextMark)
    default: return change(words, line, &input, nextMark)
    }
  }

  private func complain(_ line: [UInt8]) -> [UInt8]? {
    if complaint == nil { complaint = "\(name) was asked: \(String(decoding: line, as: UTF8.self))" }
    return nil
  }

  private func read(_ words: [[UInt8]], _ line: [UInt8], _ input: inout Inbox) -> [UInt8]? {
    guard let verb = Deed.Verb(rawValue: String(decoding: words[0], as: UTF8.self)) else { return nil }
    input.take(line.count + 2)
    var keys = words.dropFirst()
    var isEnd = false
    if verb.touches {
      guard let time = keys.popFirst().flatMap({ Int(String(decoding: $0, as: UTF8.self)) }) else {
        return complain(line)
      }
      isEnd = time < 0
    }
    guard !keys.isEmpty, keys.allSatisfy({ $0.count <= 250 }) else { return complain(line) }
    var reply: [UInt8] = []
    for key in keys {
      guard let item = items[key] else { continue }
      let cas = verb.hasCAS ? " \(item.mark)" : ""
      reply += Array("VALUE ".utf8) + key
      reply += Array(" \(item.flags) \(item.data.count)\(cas)\r\n".utf8) + item.data + [13, 10]
      if isEnd { items[key] = nil }
    }
    return reply + Array("END\r\n".utf8)
  }

  private func meta(
    _ words: [[UInt8]], _ line: [UInt8], _ input: inout Inbox, _ nextMark: () -> Int
  ) -> [UInt8]? {
    guard var order = MetaOrder(words), order.key.count <= 250 else { return complain(line) }
    let verb = order.deed.verb
    if let size = order.size {
      if size > Item.largest {
        input.take(line.count + 2)
        input.swallow = size + 2
        // Whatever the mode.
        items[order.key] = nil
        return Array((Item.Answer.tooLarge.line + "\r\n").utf8)
      }
      guard let data = input.body(after: line.count + 2, count: size) else { return nil }
      guard data.suffix(2) == [13, 10] else { return complain(line) }
      order.deed.data = Array(data.dropLast(2))
      input.take(line.count + 2 + data.count)
    } else {
      input.take(line.count + 2)
    }
    if verb == .get {
      guard let item = items[order.key] else {
        let isBare = kind == .v1_6_0 || version == "1.6.12"
        return Array("EN\(isBare ? "" : order.tail(nil))\r\n".utf8)
      }
      return Array("VA \(item.data.count)\(order.tail(item))\r\n".utf8) + item.data + [13, 10]
    }
    switch apply(order.deed, to: order.key, token: order.token, nextMark) {
    case .stored, .deleted, .touched: return Array("\(kind.status("HD"))\(order.tail(nil))\r\n".utf8)
    case .notStored: return Array("\(kind.status("NS"))\(order.tail(nil))\r\n".utf8)
    case .exists: return Array("\(kind.status("EX"))\(order.tail(nil))\r\n".utf8)
    case .notFound: return Array("\(kind.status("NF"))\(order.tail(nil))\r\n".utf8)
    case .number(let value):
      let text = "\(value)"
      return Array("VA \(text.utf8.count)\(order.tail(nil))\r\n\(text)\r\n".utf8)
    case let answer: return Array((answer.line + "\r\n").utf8)
    }
  }

  private func change(
    _ words: [[UInt8]], _ line: [UInt8], _ input: inout Inbox, _ nextMark: () -> Int
  ) -> [UInt8]? {
    let text = words.map { String(decoding: $0, as: UTF8.self) }
    guard let verb = Deed.Verb(rawValue: text[0]), words.count >= 2, words[1].count <= 250 else {
      return complain(line)
    }
    var deed = Deed(verb: verb)
    var token = -1
    switch (verb, words.count) {
    case (.set, 5), (.add, 5), (.replace, 5), (.append, 5), (.prepend, 5), (.cas, 6):
      guard let flags = UInt32(text[2]), let time = Int(text[3]), let size = Int(text[4]) else {
        return complain(line)
      }
      if verb == .cas { token = Int(text[5]) ?? -2 }
      deed.flags = flags
      deed.exptime = time
      if size > Item.largest {
        // Refused at once; the value is discarded as it arrives.
        input.take(line.count + 2)
        input.swallow = size + 2
        if verb == .set { items[words[1]] = nil }
        return Array((Item.Answer.tooLarge.line + "\r\n").utf8)
      }
      guard let data = input.body(after: line.count + 2, count: size) else { return nil }
      guard data.suffix(2) == [13, 10] else { return complain(line) }
      deed.data = Array(data.dropLast(2))
      input.take(line.count + 2 + data.count)
    case (.delete, 2):
      input.take(line.count + 2)
    case (.incr, 3), (.decr, 3):
      guard let delta = UInt64(text[2]) else { return complain(line) }
      deed.delta = delta
      input.take(line.count + 2)
    case (.touch, 3):
      guard let time = Int(text[2]) else { return complain(line) }
      deed.exptime = time
      input.take(line.count + 2)
    default: return complain(line)
    }
    let answer = apply(deed, to: words[1], token: token, nextMark)
    return Array((answer.line + "\r\n").utf8)
  }

  private func apply(_ deed: Deed, to key: [UInt8], token: Int, _ nextMark: () -> Int) -> Item.Answer {
    var item = items[key]
    var answer = Item.apply(deed, token: token, mark: nextMark(), to: &item)
    if countsTwice, case .number = answer {
      hasCheated = true
      answer = Item.apply(deed, token: token, mark: nextMark(), to: &item)
    }
    if losesWrites && deed.verb == .set {
      hasCheated = true
    } else {
      items[key] = item
    }
    return answer
  }
}

/// Bytes that arrived at a server on one connection.
struct Inbox {
  private var bytes: [UInt8] = []
  private var start = 0
  /// Bytes still to arrive that are discarded.
  var swallow = 0

  var count: Int { bytes.count - start }

  mutating func append(_ more: [UInt8]) { bytes += more }

  mutating func dropSwallowed() {
    let n = min(swallow, count)
    take(n)
    swallow -= n
  }

  mutating func take(_ n: Int) {
    start += n
    if start == bytes.count {
      bytes = []
      start = 0
    }
  }

  /// The first line, without its CR LF.
  func line() -> [UInt8]? {
    guard let newline = bytes[start...].firstIndex(of: 10), newline > start else { return nil }
    return Array(bytes[start..<(newline - 1)])
  }

  /// A value of `count` bytes and its CR LF, if it has arrived.
  func body(after offset: Int, count: Int) -> [UInt8]? {
    guard start + offset + count + 2 <= bytes.count else { return nil }
    return Array(bytes[(start + offset)..<(start + offset + count + 2)])
  }
}
