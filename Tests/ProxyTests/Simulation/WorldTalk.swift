import Stats
import Topology

@testable import Proxy

// The requests of clients, and the replies that they may get.

extension World {
  /// A new value of a key, different every time.
  func newValue(of key: Key) -> [UInt8] {
    marks += 1
    writtenTo[marks] = key.index
    let letters = Array("abcdefgh".utf8)
    var filler: [UInt8] = []
    for _ in 0..<dice.pick([0, 3, 20, 120]) { filler.append(dice.pick(letters)) }
    // Protocol text in a value is harmless only while no bytes are lost.
    if weather.lies == 0 && dice.happens(200) { filler += Array("\r\nEND\r\nVALUE x 0 1\r\n".utf8) }
    return Chunk.make(key: key, version: marks, filler: filler)
  }

  func write(_ verb: Deed.Verb, _ key: Key) -> Deed {
    var deed = Deed(verb: verb)
    deed.keys = [key]
    marks += 1
    deed.mark = marks
    deed.flags = weather.lies > 0 ? 3 : UInt32(truncatingIfNeeded: dice.next())
    deed.data = key.isNumber ? Array("\(dice.pick([0, 9, 10, 99, 1_000_000]))".utf8) : newValue(of: key)
    return deed
  }

  /// A random request of this client.
  func invent(for client: ModelClient) -> Deed {
    let own = keys.filter { $0.owner == client.number }
    let shared = keys.filter { $0.owner == nil }
    func key() -> Key { dice.pick(dice.happens(750) ? own : shared) }
    var deed: Deed
    switch dice.below(100) {
    case 0..<25:
      deed = Deed(verb: dice.pick([.get, .gets]))
      deed.keys = [key()]
    case 25..<45:
      deed = Deed(verb: dice.pick([.get, .gets, .gat, .gats]))
      deed.keys = (0..<dice.within(1...9)).map { _ in key() }
      deed.exptime = dice.pick([0, 1000, 1000, -1])
    case 45..<65: deed = write(.set, key())
    case 65..<75: deed = write(dice.pick([.add, .replace, .append, .prepend]), key())
    case 75..<80: deed = compareAndSwap(client, key())
    case 80..<90: deed = arithmetic(own, shared)
    case 90..<94:
      deed = write(dice.pick([.delete, .delete, .touch]), key())
      deed.exptime = dice.pick([0, 100, -1])
    default: deed = rarity()
    }
    if deed.keys.first?.isNumber == true, deed.verb == .append || deed.verb == .prepend { deed.verb = .set }
    if deed.verb.isStorage {
      deed.exptime = dice.pick([0, 0, 0, 1000, -1])
      if !deed.keys[0].isNumber, dice.happens(30) { deed.data = [UInt8](repeating: 120, count: 1500) }
      if !deed.keys[0].isNumber, dice.happens(30) { deed.data = [] }
    }
    let mayBeQuiet = deed.verb.isStorage || deed.keys.count == 1 && !deed.verb.isRead
    if mayBeQuiet && dice.happens(120) { deed.isQuiet = true }
    if !deed.isQuiet && MetaSpeech.knows(deed) && dice.happens(300) {
      deed.meta = MetaSpeech(
        opaque: dice.happens(500) ? dice.below(1000) : nil,
        isEncoded: deed.keys[0].bytes.count <= 180 && dice.happens(300), mayLack: weather.lies > 0,
        mayBePadded: mayBePadded(deed.keys[0]), isLoose: mayBeLoose)
      if deed.meta?.isEncoded == false { deed.meta?.wantsKey = dice.happens(400) }
    }
    return deed
  }

  private func compareAndSwap(_ client: ModelClient, _ key: Key) -> Deed {
    var deed = write(.cas, key)
    if let token = client.oracle.tokens[key.index], dice.happens(800) {
      deed.token = token.number
      deed.tokenMark = token.mark
    } else {
      deed.token = 1 << 61 | UInt64(dice.below(1000))
    }
    return deed
  }

  private func arithmetic(_ own: [Key], _ shared: [Key]) -> Deed {
    let numbers = (dice.happens(800) ? own : shared).filter { $0.isNumber || dice.happens(50) }
    guard let key = numbers.last else { return Deed(verb: .noop) }
    if dice.happens(250) && key.isNumber { return write(dice.pick([.set, .add]), key) }
    var deed = write(dice.pick([.incr, .decr]), key)
    deed.delta = dice.pick([1, 1, 7, 95])
    return deed
  }

  private func rarity() -> Deed {
    // A flush removes other clients' values too: only where no client relies on them.
    let mayFlush = clients.count == 1 || weather.strictness == .sound
    if mayFlush && dice.happens(250) { return Deed(verb: .flushAll, isQuiet: dice.happens(200)) }
    switch dice.below(8) {
    case 0: return Deed(verb: .version)
    case 1: return Deed(verb: .stats)
    case 2: return Deed(verb: .serverStats)
    case 3: return Deed(verb: .ownStats)
    case 4: return Deed(verb: .noop)
    case 5: return Deed(verb: .verbosity, isQuiet: dice.happens(300))
    default:
      let (text, refusal) = dice.pick([
        ("bogus\r\n", "ERROR"), ("\r\n", "ERROR|CLIENT_ERROR bad command line format"),
        ("get\r\n", "ERROR|CLIENT_ERROR bad command line format"),
        ("set x 0 0 bad\r\n", "CLIENT_ERROR bad command line format"),
        ("set x 0 0 2\r\nabcd", "CLIENT_ERROR bad data chunk"),
        ("get \(String(repeating: "y", count: 251))\r\n", "CLIENT_ERROR bad command line format"),
        ("get x \(String(repeating: "y", count: 251)) z\r\n", "CLIENT_ERROR bad command line format"),
        ("set x 0 0 3000\r\n\(String(repeating: "z", count: 3000))\r\n", Item.Answer.tooLarge.line),
        (
          "slabs reassign 1 2\r\n",
          "CLIENT_ERROR ringroad does not pass this command on: ask the server itself"
        ),
      ])
      return Deed(verb: .nonsense, nonsense: Array(text.utf8), refusal: refusal)
    }
  }

  // MARK: - Answers

  /// Accounts for a request without a reply.
  func assume(_ wait: ModelClient.Wait, _ client: ModelClient) {
    noteRestarts(wait, client)
    client.oracle.assume(wait.deed)
    noteRestarts(wait, client)
  }

  /// Whether its server lost all data since the request was made.
  private func noteRestarts(_ wait: ModelClient.Wait, _ client: ModelClient) {
    for key in wait.deed.keys { noteRestarts(of: key, wait, client) }
  }

  @discardableResult
  private func noteRestarts(of key: Key, _ wait: ModelClient.Wait, _ client: ModelClient) -> Bool {
    let gone = restarts[wait.restarts...]
    guard !gone.isEmpty, gone.contains(owner(of: key)) else { return false }
    client.oracle.mayBeGone(key)
    return true
  }

  func judge(_ heard: Heard, _ wait: ModelClient.Wait, _ client: ModelClient) {
    let deed = wait.deed
    note("client \(client.number) hears \(heard) to \(quoted(deed.bytes))")
    noteRestarts(wait, client)
    defer { noteRestarts(wait, client) }
    if isRefusal(heard, of: deed) {
      refused += 1
      // Of several keys, other servers may have ended some.
      if deed.keys.count > 1, deed.exptime < 0 { for key in deed.keys { client.oracle.mayBeGone(key) } }
      return
    }
    if hasShunned, deed.meta != nil, heard == .line("ERROR") || heard == .values([], end: "ERROR") {
      client.oracle.wasNotDone(deed)
      return
    }
    let flaw: String? =
      switch heard {
      case .values(let values, let end): judge(values, end: end, wait, client)
      case .report(let lines): judge(report: lines, deed, client)
      case .line(let line): judge(line: line, deed, client)
      }
    if let flaw { fail("client \(client.number), \(quoted(Array(deed.bytes.prefix(120)))): \(flaw)") }
  }

  private func mayFail(_ client: ModelClient) -> Bool { client.oracle.strictness != .exact }

  /// Whether a line is the proxy's own report that a server failed.
  private func isFailure(_ line: String) -> Bool {
    guard line.hasPrefix("SERVER_ERROR ringroad: ") else { return false }
    let words = line.dropFirst(23).split(separator: " ", maxSplits: 1)
    guard words.count == 2, Self.names.contains(where: { words[0] == "\($0):11211" }) else { return false }
    return ServerFailure.allCases.contains { "\($0.words)" == words[1] }
  }

  private func judge(line: String, _ deed: Deed, _ client: ModelClient) -> String? {
    switch deed.verb {
    case .nonsense:
      // A server that lies about its version makes the proxy answer differently.
      let isExcused = weather.lies > 0 && (line.hasPrefix("ERROR") || line.hasPrefix("CLIENT_ERROR"))
      // In the words of either kind of memcached, where they differ.
      return deed.refusal.split(separator: "|").contains { $0 == line } || isExcused
        ? nil : "\(line), not \(deed.refusal)"
    case .noop:
      let isExcused = weather.lies > 0 && (line == "ERROR" || line == "EN") || hasShunned && line == "ERROR"
      return noops.contains(line) || isExcused ? nil : line
    case .verbosity: return line == "OK" ? nil : line
    case .version:
      let lowest = lowestVersion(members.compactMap { servers[$0]?.version })
      if !mayFail(client) { return line == "VERSION \(lowest ?? "?")" ? nil : line }
      return line.hasPrefix("VERSION ") || line == "SERVER_ERROR ringroad: no server answered" ? nil : line
    case .flushAll:
      client.oracle.assume(deed)
      if line == "OK" {
        if weather.strictness == .accountable { client.oracle.wasFlushed() }
        return nil
      }
      return mayFail(client) && line.hasPrefix("SERVER_ERROR ringroad: flush_all failed on ") ? nil : line
    default:
      if isFailure(line) {
        client.oracle.assume(deed)
        return mayFail(client) ? nil : line
      }
      if mayFail(client), weather.writesMissOnFailure, line == deed.verb.miss {
        client.oracle.wasNotDone(deed)
        return nil
      }
      if weather.lies > 0 && line.contains("ERROR") { return nil }
      return client.oracle.judge(deed, line: line)
    }
  }

  private func judge(report lines: [String], _ deed: Deed, _ client: ModelClient) -> String? {
    if deed.verb == .ownStats { return lines == ["STAT own 1", "END"] ? nil : "\(lines)" }
    guard lines.last == "END" else {
      let isExcused = mayFail(client) && lines.count == 1 && lines[0].hasPrefix("SERVER_ERROR ringroad: ")
      return isExcused || weather.lies > 0 && lines[0].hasPrefix("ERROR") ? nil : "\(lines)"
    }
    if !mayFail(client), deed.verb == .stats {
      let answered = "STAT ringroad_servers_answered \(members.count)/\(members.count)"
      return lines.contains(answered) ? nil : "\(lines)"
    }
    return nil
  }

  private func judge(
    _ values: [Heard.Value], end: String, _ wait: ModelClient.Wait, _ client: ModelClient
  ) -> String? {
    let deed = wait.deed
    let isFailed = end != "END"
    if isFailed {
      // A server's own error line is forwarded for one key.
      let isServers = weather.lies > 0 && end.contains("ERROR")
      let isUnknown = deed.verb.touches && knowsNoTouching && end.hasSuffix(" protocol error")
      guard mayFail(client) || isUnknown, isServers || isFailure(end) && !weather.missesOnFailure else {
        return end
      }
    }
    var rest = values[...]
    for key in deed.keys {
      // A key requested twice may be read before and after its server's restart; a streamed one may be read after
      // later requests.
      let mayBeEither = noteRestarts(of: key, wait, client) && limits.held < 1 << 20
      let before = client.oracle
      var value: Heard.Value?
      if let next = rest.first, next.key == key.bytes {
        value = next
        rest.removeFirst()
        if let flaw = Chunk.flaw(in: next.data, of: key, isKnown: { writtenTo[$0] == key.index }) {
          return "\(quoted(next.data)) for \(key.text.prefix(20)): \(flaw)"
        }
      }
      let mayHaveFailed =
        isFailed || mayFail(client) && weather.missesOnFailure || deed.verb.touches && knowsNoTouching
      if let flaw = client.oracle.judge(deed, key: key, value: value, mayHaveFailed: mayHaveFailed) {
        return "\(key.text.prefix(20)): \(flaw)"
      }
      if mayBeEither { client.oracle = before }
    }
    return rest.isEmpty
      ? nil : "a value that was not asked for: \(String(decoding: rest[rest.startIndex].key, as: UTF8.self))"
  }
}
