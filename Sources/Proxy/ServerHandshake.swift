import Bytes
import Stats
import Wire

// What a connection to a server is asked before it takes requests: its version, and which meta requests it speaks.
//
//     .connecting ─▶ .greeting ── version ─▶ .learningMeta ── mn, mg ─▶ .ready
//                        └── the server has closed connections over mn, mg ─▶ .ready, classic requests only

extension Worker {
  /// The connection is established; it is tried with `version` before anything is sent on it. Returns
  /// whether the edge shall send that.
  package mutating func connected(_ l: UInt32, now: Instant) {
    guard connections[l].state == .connecting else { return }
    connections[l].state = .handshaking
    connections[l].isNew = true
    connections[l].isHandshakeDone = false
  }

  /// What a connection is sent before anything else, or after a rest: `version`, and then `Handshake`.
  package mutating func handshaking(for l: UInt32) -> [UInt8] {
    guard connections[l].state == .learningMeta else { return Array("version\r\n".utf8) }
    var text: [UInt8] = []
    Handshake.write(connections[l].secret, to: &text)
    return text
  }

  /// Reads what a connection says before it is used.
  mutating func handshakeReceived(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    switch connections[l].state {
    case .handshaking, .validating: return readVersion(l, bytes, now: now)
    case .learningMeta: return readHandshake(l, bytes, now: now)
    case .idle, .waiting:
      counters.add(bytes.byteCount, to: .unsolicitedBytes)
      violation(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .closed, .connecting, .ready: return bytes.byteCount
    }
  }

  private mutating func readVersion(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    let isValidating = connections[l].state == .validating
    switch ReplyParser.line(bytes, at: 0, .version) {
    case .partial where Unsuited(handshaking: bytes) == nil: return 0
    case .reply(let length, .done) where length == bytes.byteCount:
      let s = connections[l].server
      let version = Era(version: bytes)
      if servers[s].version != version {
        servers[s].version = version
        servers[s].shunned = 0
        servers[s].hasShown = false
      }
      if isValidating, servers[s].isUnproven, now >= servers[s].proveAt {
        handshakeAgain(l, now: now)
      } else if isValidating {
        connections[l].state = .ready
        connections[l].heard = now
        dropReplacement(of: l)
        goOn(l)
      } else if servers[s].shunned >= Self.mostShunned {
        // Asked once more later, in case these were lost by accident.
        servers[s].shunned &-= 1
        servers[s].proveAt = now.advanced(by: .seconds(1 << Int(min(servers[s].shuns, 12))))
        servers[s].shuns = min(servers[s].shuns, 200) &+ 1
        learn(.v1_4, of: l)
        finishHandshake(l, now: now)
      } else if connections[l].isPrivate, !servers[s].hasShown, servers[s].shuns > 0 {
        // Whether it answers by now is found out on connections that lose nothing by it.
        learn(.v1_4, of: l)
        finishHandshake(l, now: now)
      } else {
        startHandshake(l, now: now)
      }
      return length
    default:
      refused(l, bytes, now: now)
      return bytes.byteCount
    }
  }

  /// Asks which meta requests the server speaks.
  private mutating func startHandshake(_ l: UInt32, now: Instant) {
    connections[l].state = .learningMeta
    connections[l].since = now
    connections[l].secret = secret &+ UInt64(l)
    effects.append(.handshake(connection: l))
  }

  /// A connection that is used without a handshake is asked for one, with nothing on its way.
  mutating func handshakeAgain(_ l: UInt32, now: Instant) {
    counters.subtract(.serverConnections)
    dropReplacement(of: l)
    startHandshake(l, now: now)
  }

  /// Once a server has closed this many connections in a row over the handshake, or left them unanswered, the next one is
  /// used without: twemproxy closes one on every request that it does not know.
  static let mostShunned: UInt8 = 2

  private mutating func readHandshake(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    switch Handshake(bytes, secret: connections[l].secret) {
    case .partial: return 0
    case .speaks(let era, let length) where length == bytes.byteCount:
      servers[connections[l].server].shunned = 0
      servers[connections[l].server].hasShown = true
      learn(era, of: l)
      finishHandshake(l, now: now)
      return length
    case .speaks:
      violation(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .broken(let why):
      violation(l, why, bytes, 0)
      return bytes.byteCount
    }
  }

  /// The server has shown what it speaks. All versions from 1.6.18 on show the same: `version` tells them apart.
  private mutating func learn(_ era: Era, of l: UInt32) {
    let s = connections[l].server
    connections[l].meta = era == .v1_6_18 ? max(era, servers[s].version ?? era) : era
    servers[s].meta = connections[l].meta
    learnDialect()
  }

  /// The worker speaks as the oldest of its servers does.
  mutating func learnDialect() {
    var lowest: Dialect?
    var s: UInt32 = 0
    while s < servers.end {
      if servers.isTaken(s), !servers[s].isRetired, let version = servers[s].version {
        // One that has not answered the handshake may have been slow: its own connections refuse what it may not speak.
        let meta = servers[s].isUnproven ? version : min(version, servers[s].meta)
        let one = Dialect(classic: version, meta: meta)
        lowest = Dialect(
          classic: min(one.classic, lowest?.classic ?? one.classic),
          meta: min(one.meta, lowest?.meta ?? one.meta))
      }
      s += 1
    }
    dialect = lowest ?? Dialect()
  }

  /// The server is known: the connection is used, unless another has to come to its end first.
  private mutating func finishHandshake(_ l: UInt32, now: Instant) {
    servers[connections[l].server].isFull = false
    connections[l].isNew = false
    connections[l].isHandshakeDone = true
    if mustWait(l) { connections[l].state = .waiting } else { use(l, now: now) }
  }

  /// The server answers `version` with something else.
  private mutating func refused(_ l: UInt32, _ bytes: RawSpan, now: Instant) {
    let s = connections[l].server
    if bytes.hasText("ERROR Too many open connections\r\n", at: 0) {
      if !servers[s].isFull { events.append(.full(server: servers[s].id)) }
      servers[s].isFull = true
      return lost(l, .full, now: now)
    }
    guard let why = Unsuited(handshaking: bytes) else { return violation(l, .wrongType, bytes, 0) }
    events.append(.unsuited(server: servers[s].id, why))
    lost(l, .protocolError, now: now)
  }

  /// The connection takes requests from now on.
  mutating func use(_ l: UInt32, now: Instant) {
    connections[l].state = .ready
    connections[l].isCut = false
    connections[l].since = now
    connections[l].heard = now
    counters.add(.serverConnects)
    counters.add(.serverConnections)
    if connections[l].replaces != Slab<ServerConnection>.none { takeOver(l, now: now) }
    goOn(l)
  }

  /// What waited for the connection is sent, as far as its server speaks it.
  private mutating func goOn(_ l: UInt32) {
    if connections[l].meta < .v1_6_10 { refuseUnspoken(l) }
    if !connections[l].owed.isEmpty { sendOwed(l) }
    if connections[l].unsent > 0 { markDirty(connection: l) }
    noteUsable(l)
  }

  private mutating func noteUsable(_ l: UInt32) {
    let s = connections[l].server
    if servers[s].isSuspect {
      servers[s].isSuspect = false
      events.append(.answered(server: servers[s].id))
    }
  }
}
