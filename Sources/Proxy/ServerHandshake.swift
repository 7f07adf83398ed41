import Bytes
import Stats
import Wire

// Handshake of a server connection before it takes requests: the server's version and the meta requests it supports.
//
//     .connecting ─▶ .handshaking ── version ─▶ .learningMeta ── mn, mg ─▶ .ready
//                        └── the server has closed connections over mn, mg ─▶ .ready, classic requests only

extension Worker {
  /// The connection is established; the edge sends `version` before anything else.
  package mutating func connected(_ l: Ref<ServerConnection>, now: Instant) {
    guard upstream.connections[l].state == .connecting else { return }
    upstream.connections[l].state = .handshaking
    upstream.connections[l].handshake.isNew = true
    upstream.connections[l].handshake.isDone = false
  }

  /// The bytes sent on a new connection before any request, and on an idle one: `version`, and then the `Handshake`.
  package mutating func handshakeRequest(for l: Ref<ServerConnection>) -> [UInt8] {
    guard upstream.connections[l].state == .learningMeta else { return Array("version\r\n".utf8) }
    var text: [UInt8] = []
    Handshake.write(upstream.connections[l].handshake.secret, to: &text)
    return text
  }

  /// Reads what a server sends outside of replies to requests. Returns the bytes consumed.
  mutating func handshakeReceived(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    switch upstream.connections[l].state {
    case .handshaking, .validating: return readVersion(l, bytes, now: now)
    case .learningMeta: return readHandshake(l, bytes, now: now)
    case .idle, .waiting:
      common.counters.add(bytes.byteCount, to: .unsolicitedBytes)
      violation(l, .unsolicited, bytes, 0)
      return bytes.byteCount
    case .closed, .connecting, .ready: return bytes.byteCount
    }
  }

  private mutating func readVersion(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    let isValidating = upstream.connections[l].state == .validating
    switch ReplyParser.line(bytes, at: 0, .version) {
    case .partial where Unsuited(handshaking: bytes) == nil: return 0
    case .reply(let length, .done) where length == bytes.byteCount:
      let s = upstream.connections[l].server
      let version = Era(version: bytes)
      if upstream.servers[s].speech.version != version {
        upstream.servers[s].speech.version = version
        upstream.servers[s].speech.shunned = 0
        upstream.servers[s].speech.hasShown = false
      }
      if isValidating, upstream.servers[s].speech.isUnproven, now >= upstream.servers[s].speech.proveAt {
        handshakeAgain(l, now: now)
      } else if isValidating {
        upstream.connections[l].state = .ready
        upstream.connections[l].progress.heard = now
        dropReplacement(of: l)
        sendWaiting(l)
      } else if upstream.servers[s].speech.shunned >= Self.mostShunned {
        // Ask again later, in case those connections were lost by accident.
        upstream.servers[s].speech.shunned &-= 1
        upstream.servers[s].speech.proveAt = now.advanced(
          by: .seconds(1 << Int(min(upstream.servers[s].speech.shuns, 12))))
        upstream.servers[s].speech.shuns = min(upstream.servers[s].speech.shuns, 200) &+ 1
        learn(.v1_4, of: l)
        finishHandshake(l, now: now)
      } else if upstream.connections[l].isPrivate, !upstream.servers[s].speech.hasShown,
        upstream.servers[s].speech.shuns > 0
      {
        // Whether it answers by now is tested on shared connections with nothing in flight.
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

  /// Requests the handshake that shows which meta requests the server supports.
  private mutating func startHandshake(_ l: Ref<ServerConnection>, now: Instant) {
    upstream.connections[l].state = .learningMeta
    upstream.connections[l].attempt.since = now
    upstream.connections[l].handshake.secret = upstream.secret &+ UInt64(l.index)
    common.effects.append(.handshake(connection: l))
  }

  /// Starts a handshake on a connection that is used without one, while nothing is in flight on it.
  mutating func handshakeAgain(_ l: Ref<ServerConnection>, now: Instant) {
    common.counters.subtract(.serverConnections)
    dropReplacement(of: l)
    startHandshake(l, now: now)
  }

  /// When a server has closed this many connections in a row over the handshake, or left it unanswered, the next one
  /// is used without it: twemproxy closes a connection on every command that it does not know.
  static let mostShunned: UInt8 = 2

  private mutating func readHandshake(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) -> Int {
    switch Handshake(bytes, secret: upstream.connections[l].handshake.secret) {
    case .partial: return 0
    case .speaks(let era, let length) where length == bytes.byteCount:
      upstream.servers[upstream.connections[l].server].speech.shunned = 0
      upstream.servers[upstream.connections[l].server].speech.hasShown = true
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

  /// Records the era that the handshake has shown. Versions since 1.6.18 answer alike: `version` tells them apart.
  private mutating func learn(_ era: Era, of l: Ref<ServerConnection>) {
    let s = upstream.connections[l].server
    upstream.connections[l].handshake.meta =
      era == .v1_6_18 ? max(era, upstream.servers[s].speech.version ?? era) : era
    upstream.servers[s].speech.meta = upstream.connections[l].handshake.meta
    learnDialect()
  }

  /// Sets the dialect that clients get from the worker: that of the oldest of its servers.
  mutating func learnDialect() {
    var lowest: Dialect?
    var s = Ref<Server>(0)
    while s.index < upstream.servers.end {
      if upstream.servers.isTaken(s), !upstream.servers[s].isRetired,
        let version = upstream.servers[s].speech.version
      {
        // An unanswered handshake may mean a slow server: its own connections refuse unsupported requests.
        let meta =
          upstream.servers[s].speech.isUnproven ? version : min(version, upstream.servers[s].speech.meta)
        let one = Dialect(classic: version, meta: meta)
        lowest = Dialect(
          classic: min(one.classic, lowest?.classic ?? one.classic),
          meta: min(one.meta, lowest?.meta ?? one.meta))
      }
      s = s.next
    }
    dialect = lowest ?? Dialect()
  }

  /// Ends the handshake: the connection is used, unless it must wait for the replies on an older one.
  private mutating func finishHandshake(_ l: Ref<ServerConnection>, now: Instant) {
    upstream.servers[upstream.connections[l].server].isFull = false
    upstream.connections[l].handshake.isNew = false
    upstream.connections[l].handshake.isDone = true
    if mustWait(l, now: now) { upstream.connections[l].state = .waiting } else { use(l, now: now) }
  }

  /// Handles an answer to `version` that is not a version.
  private mutating func refused(_ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant) {
    let s = upstream.connections[l].server
    if bytes.hasText("ERROR Too many open connections\r\n", at: 0) {
      if !upstream.servers[s].isFull { common.events.append(.full(server: upstream.servers[s].id)) }
      upstream.servers[s].isFull = true
      return lost(l, .full, now: now)
    }
    guard let why = Unsuited(handshaking: bytes) else { return violation(l, .wrongType, bytes, 0) }
    common.events.append(.unsuited(server: upstream.servers[s].id, why))
    lost(l, .protocolError, now: now)
  }

  /// Lets the connection take requests.
  mutating func use(_ l: Ref<ServerConnection>, now: Instant) {
    upstream.connections[l].state = .ready
    upstream.connections[l].isCut = false
    upstream.connections[l].attempt.since = now
    upstream.connections[l].progress.heard = now
    if upstream.connections[l].check.replaces != Ref<ServerConnection>.none { takeOver(l, now: now) }
    guard !upstream.connections[l].owed.mustRest else {
      upstream.connections[l].owed.mustRest = false
      upstream.connections[l].owed.restsUntil = now.advanced(by: common.limits.rest)
      upstream.connections[l].state = .waiting
      return
    }
    common.counters.add(.serverConnects)
    common.counters.add(.serverConnections)
    sendWaiting(l)
  }

  /// Sends what waited for the connection, as far as its server supports it.
  private mutating func sendWaiting(_ l: Ref<ServerConnection>) {
    if upstream.connections[l].handshake.meta < .v1_6_10 { refuseUnspoken(l) }
    if !upstream.connections[l].owed.keys.isEmpty { sendOwed(l) }
    if upstream.connections[l].unsent > 0 { markDirty(connection: l) }
    noteUsable(l)
  }

  private mutating func noteUsable(_ l: Ref<ServerConnection>) {
    let s = upstream.connections[l].server
    if upstream.servers[s].isSuspect {
      upstream.servers[s].isSuspect = false
      common.events.append(.answered(server: upstream.servers[s].id))
    }
  }
}
