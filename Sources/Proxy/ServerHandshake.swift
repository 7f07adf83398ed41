import Bytes
import Stats
import Wire

// What a connection to a server is asked before it takes requests: its version, and which meta requests it speaks.
//
//     .connecting ─▶ .greeting ── version ─▶ .probing ── mn, mg ─▶ .ready
//                        └── the server has closed connections over mn, mg ─▶ .ready, classic requests only

extension Worker {
  /// The connection is established; it is tried with `version` before anything is sent on it. Returns
  /// whether the edge shall send that.
  package mutating func connected(_ l: UInt32, now: Instant) {
    guard links[l].state == .connecting else { return }
    links[l].state = .greeting
    links[l].isNew = true
    links[l].isGreeted = false
  }

  /// What a connection is sent before anything else, or after a rest: `version`, and then `Handshake`.
  package mutating func greeting(for l: UInt32) -> [UInt8] {
    guard links[l].state == .probing else { return Array("version\r\n".utf8) }
    var text: [UInt8] = []
    Handshake.write(links[l].secret, to: &text)
    return text
  }

  /// Reads what a connection says before it is used.
  mutating func greeted(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    switch links[l].state {
    case .greeting, .waking: return readVersion(l, bytes, now: now)
    case .probing: return readHandshake(l, bytes, now: now)
    case .resting, .waiting:
      counters.add(bytes.byteCount, to: .unsolicitedBytes)
      breach(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .closed, .connecting, .ready: return bytes.byteCount
    }
  }

  private mutating func readVersion(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    let isWaking = links[l].state == .waking
    switch ReplyParser.line(bytes, at: 0, .version) {
    case .partial where Unsuited(greeting: bytes) == nil: return 0
    case .reply(let length, .done) where length == bytes.byteCount:
      let s = links[l].server
      let version = Era(version: bytes)
      if servers[s].version != version {
        servers[s].version = version
        servers[s].shunned = 0
        servers[s].hasShown = false
      }
      if isWaking, servers[s].isUnproven, now >= servers[s].proveAt {
        handshakeAgain(l, now: now)
      } else if isWaking {
        links[l].state = .ready
        links[l].heard = now
        dissolveRelief(of: l)
        goOn(l)
      } else if servers[s].shunned >= Self.mostShunned {
        // Asked once more later, in case these were lost by accident.
        servers[s].shunned &-= 1
        servers[s].proveAt = now.advanced(by: .seconds(1 << Int(min(servers[s].shuns, 12))))
        servers[s].shuns = min(servers[s].shuns, 200) &+ 1
        learn(.v1_4, of: l)
        greeted(l, now: now)
      } else if links[l].isPrivate, !servers[s].hasShown, servers[s].shuns > 0 {
        // Whether it answers by now is found out on connections that lose nothing by it.
        learn(.v1_4, of: l)
        greeted(l, now: now)
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
    links[l].state = .probing
    links[l].since = now
    links[l].secret = secret &+ UInt64(l)
    orders.append(.greet(link: l))
  }

  /// A connection that is used without a handshake is asked for one, with nothing on its way.
  mutating func handshakeAgain(_ l: UInt32, now: Instant) {
    counters.subtract(.serverConnections)
    dissolveRelief(of: l)
    startHandshake(l, now: now)
  }

  /// Once a server has closed this many connections in a row over the handshake, or left them unanswered, the next one is
  /// used without: twemproxy closes one on every request that it does not know.
  static let mostShunned: UInt8 = 2

  private mutating func readHandshake(_ l: UInt32, _ bytes: RawSpan, now: Instant) -> Int {
    switch Handshake(bytes, secret: links[l].secret) {
    case .partial: return 0
    case .speaks(let era, let length) where length == bytes.byteCount:
      servers[links[l].server].shunned = 0
      servers[links[l].server].hasShown = true
      learn(era, of: l)
      greeted(l, now: now)
      return length
    case .speaks:
      breach(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .broken(let why):
      breach(l, why, bytes, 0)
      return bytes.byteCount
    }
  }

  /// The server has shown what it speaks. All versions from 1.6.18 on show the same: `version` tells them apart.
  private mutating func learn(_ era: Era, of l: UInt32) {
    let s = links[l].server
    links[l].meta = era == .v1_6_18 ? max(era, servers[s].version ?? era) : era
    servers[s].meta = links[l].meta
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
  private mutating func greeted(_ l: UInt32, now: Instant) {
    servers[links[l].server].isFull = false
    links[l].isNew = false
    links[l].isGreeted = true
    if mustWait(l) { links[l].state = .waiting } else { use(l, now: now) }
  }

  /// The server answers `version` with something else.
  private mutating func refused(_ l: UInt32, _ bytes: RawSpan, now: Instant) {
    let s = links[l].server
    if bytes.hasText("ERROR Too many open connections\r\n", at: 0) {
      if !servers[s].isFull { notices.append(.full(server: servers[s].id)) }
      servers[s].isFull = true
      return lost(l, .full, now: now)
    }
    guard let why = Unsuited(greeting: bytes) else { return breach(l, .wrongType, bytes, 0) }
    notices.append(.unsuited(server: servers[s].id, why))
    lost(l, .protocolError, now: now)
  }

  /// The connection takes requests from now on.
  mutating func use(_ l: UInt32, now: Instant) {
    links[l].state = .ready
    links[l].isCut = false
    links[l].since = now
    links[l].heard = now
    counters.add(.serverConnects)
    counters.add(.serverConnections)
    if links[l].relieves != Slab<Link>.none { takeOver(l, now: now) }
    goOn(l)
  }

  /// What waited for the connection is sent, as far as its server speaks it.
  private mutating func goOn(_ l: UInt32) {
    if links[l].meta < .v1_6_10 { refuseUnspoken(l) }
    if !links[l].owed.isEmpty { sendOwed(l) }
    if links[l].unsent > 0 { markDirty(link: l) }
    noteUsable(l)
  }

  private mutating func noteUsable(_ l: UInt32) {
    let s = links[l].server
    if servers[s].isSuspect {
      servers[s].isSuspect = false
      notices.append(.answered(server: servers[s].id))
    }
  }
}
