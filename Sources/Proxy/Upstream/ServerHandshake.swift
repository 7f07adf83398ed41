import Bytes
import Stats
import Topology
import Wire

// Handshake of a server connection before it takes requests: the server's version and the meta requests it supports.
//
//     .connecting ─▶ .handshaking ── version ─▶ .learningMeta ── mn, mg ─▶ .ready
//                        └── the server has closed connections over mn, mg ─▶ .ready, classic requests only

extension Upstream {
  /// The connection is established; the edge sends `version` before anything else.
  package mutating func connected(_ l: Ref<ServerConnection>, now: Instant) {
    guard connections[l].state == .connecting else { return }
    connections[l].state = .handshaking
    connections[l].handshake.isNew = true
    connections[l].handshake.isDone = false
  }

  /// The bytes sent on a new connection before any request, and on an idle one: `version`, and then the `Handshake`.
  package mutating func handshakeRequest(for l: Ref<ServerConnection>) -> [UInt8] {
    guard connections[l].state == .learningMeta else { return Array("version\r\n".utf8) }
    var text: [UInt8] = []
    Handshake.write(connections[l].handshake.secret, to: &text)
    return text
  }

  /// Reads what a server sends outside of replies to requests. Returns the bytes consumed.
  mutating func handshakeReceived(
    _ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ common: inout Common
  ) -> Int {
    switch connections[l].state {
    case .handshaking, .validating: return readVersion(l, bytes, now: now, &common)
    case .learningMeta: return readHandshake(l, bytes, now: now, &common)
    case .idle, .waiting:
      common.counters.add(bytes.byteCount, to: .unsolicitedBytes)
      violation(l, .unsolicited, bytes, 0, &common)
      return bytes.byteCount
    case .closed, .connecting, .ready: return bytes.byteCount
    }
  }

  private mutating func readVersion(
    _ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ common: inout Common
  ) -> Int {
    let isValidating = connections[l].state == .validating
    switch ReplyParser.line(bytes, at: 0, .version) {
    case .partial where Unsuited(handshaking: bytes) == nil: return 0
    case .reply(let length, .done) where length == bytes.byteCount:
      let s = connections[l].server
      let version = Era(version: bytes)
      if servers[s].speech.version != version {
        servers[s].speech.version = version
        servers[s].speech.shunned = 0
        servers[s].speech.hasShown = false
      }
      if isValidating, servers[s].speech.isUnproven, now >= servers[s].speech.proveAt {
        handshakeAgain(l, now: now, &common)
      } else if isValidating {
        connections[l].state = .ready
        connections[l].progress.heard = now
        dropReplacement(of: l)
        sendWaiting(l, &common)
      } else if servers[s].speech.shunned >= Self.mostShunned {
        // Ask again later, in case those connections were lost by accident.
        servers[s].speech.shunned &-= 1
        servers[s].speech.proveAt = now.advanced(by: .seconds(1 << Int(min(servers[s].speech.shuns, 12))))
        servers[s].speech.shuns = min(servers[s].speech.shuns, 200) &+ 1
        learn(.v1_4, of: l)
        finishHandshake(l, now: now, &common)
      } else if connections[l].isPrivate, !servers[s].speech.hasShown,
        servers[s].speech.shuns > 0
      {
        // Whether it answers by now is tested on shared connections with nothing in flight.
        learn(.v1_4, of: l)
        finishHandshake(l, now: now, &common)
      } else {
        startHandshake(l, now: now, &common)
      }
      return length
    default:
      refused(l, bytes, now: now, &common)
      return bytes.byteCount
    }
  }

  /// Requests the handshake that shows which meta requests the server supports.
  private mutating func startHandshake(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    connections[l].state = .learningMeta
    connections[l].attempt.since = now
    connections[l].handshake.secret = self.secret &+ UInt64(l.index)
    common.effects.append(.handshake(connection: l))
  }

  /// Starts a handshake on a connection that is used without one, while nothing is in flight on it.
  mutating func handshakeAgain(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    common.counters.subtract(.serverConnections)
    dropReplacement(of: l)
    startHandshake(l, now: now, &common)
  }

  /// When a server has closed this many connections in a row over the handshake, or left it unanswered, the next one
  /// is used without it: twemproxy closes a connection on every command that it does not know.
  static let mostShunned: UInt8 = 2

  private mutating func readHandshake(
    _ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ common: inout Common
  ) -> Int {
    switch Handshake(bytes, secret: connections[l].handshake.secret) {
    case .partial: return 0
    case .speaks(let era, let length) where length == bytes.byteCount:
      servers[connections[l].server].speech.shunned = 0
      servers[connections[l].server].speech.hasShown = true
      learn(era, of: l)
      finishHandshake(l, now: now, &common)
      return length
    case .speaks:
      violation(l, .unsolicited, bytes, 0, &common)
      return bytes.byteCount
    case .broken(let why):
      violation(l, why, bytes, 0, &common)
      return bytes.byteCount
    }
  }

  /// Records the era that the handshake has shown. Versions since 1.6.18 answer alike: `version` tells them apart.
  private mutating func learn(_ era: Era, of l: Ref<ServerConnection>) {
    let s = connections[l].server
    connections[l].handshake.meta = era == .v1_6_18 ? max(era, servers[s].speech.version ?? era) : era
    servers[s].speech.meta = connections[l].handshake.meta
    learnDialect()
  }

  /// Sets the dialect that clients get from the worker: that of the oldest of its servers.
  mutating func learnDialect() {
    var lowest: Dialect?
    for s in servers.slots {
      if servers.isTaken(s), !servers[s].isRetired, let version = servers[s].speech.version {
        // An unanswered handshake may mean a slow server: its own connections refuse unsupported requests.
        let meta = servers[s].speech.isUnproven ? version : min(version, servers[s].speech.meta)
        let one = Dialect(classic: version, meta: meta)
        lowest = Dialect(
          classic: min(one.classic, lowest?.classic ?? one.classic),
          meta: min(one.meta, lowest?.meta ?? one.meta))
      }
    }
    dialect = lowest ?? Dialect()
  }

  /// Ends the handshake: the connection is used, unless it must wait for the replies on an older one.
  private mutating func finishHandshake(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    servers[connections[l].server].isFull = false
    connections[l].handshake.isNew = false
    connections[l].handshake.isDone = true
    if mustWait(l, now: now) { connections[l].state = .waiting } else { use(l, now: now, &common) }
  }

  /// Handles an answer to `version` that is not a version.
  private mutating func refused(
    _ l: Ref<ServerConnection>, _ bytes: RawSpan, now: Instant, _ common: inout Common
  ) {
    let s = connections[l].server
    if bytes.hasText("ERROR Too many open connections\r\n", at: 0) {
      if !servers[s].isFull { common.events.append(.full(server: servers[s].id)) }
      servers[s].isFull = true
      return lost(l, .full, now: now, &common)
    }
    guard let why = Unsuited(handshaking: bytes) else { return violation(l, .wrongType, bytes, 0, &common) }
    common.events.append(.unsuited(server: servers[s].id, why))
    lost(l, .protocolError, now: now, &common)
  }

  /// Lets the connection take requests.
  mutating func use(_ l: Ref<ServerConnection>, now: Instant, _ common: inout Common) {
    connections[l].state = .ready
    connections[l].isCut = false
    connections[l].attempt.since = now
    connections[l].progress.heard = now
    if connections[l].check.replaces != Ref<ServerConnection>.none { takeOver(l, now: now, &common) }
    guard !connections[l].owed.mustRest else {
      connections[l].owed.mustRest = false
      connections[l].owed.restsUntil = now.advanced(by: common.limits.rest)
      connections[l].state = .waiting
      return
    }
    common.counters.add(.serverConnects)
    common.counters.add(.serverConnections)
    sendWaiting(l, &common)
  }

  /// Sends what waited for the connection, as far as its server supports it.
  private mutating func sendWaiting(_ l: Ref<ServerConnection>, _ common: inout Common) {
    if connections[l].handshake.meta < .v1_6_10 { refuseUnspoken(l, &common) }
    if !connections[l].owed.deletions.isEmpty { sendOwed(l, &common) }
    if connections[l].unsent > 0 { markDirty(l) }
    noteAnswered(l, &common)
  }
}
