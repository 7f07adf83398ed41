import Bytes
import Stats
import Wire

@testable import Proxy

// Unusual servers and keys of a world.

extension World {
  /// The kinds of a seed's servers: in a quarter of the worlds some are old, or not memcached.
  static func kinds(of seed: UInt64, _ dice: inout Dice) -> [ServerKind] {
    guard seed / 5 % 4 == 3 else { return names.map { _ in .modern } }
    let odd = ServerKind.allCases.filter { $0 != .modern }
    if dice.happens(500) {
      let kind = dice.pick(odd)
      return names.map { _ in kind }
    }
    return names.map { _ in dice.happens(400) ? .modern : dice.pick(odd) }
  }

  /// Control bytes that memcached accepts in keys. Losing or adding one must not turn one key into another.
  static func control(of weather: Weather, _ dice: inout Dice) -> String {
    guard weather.lies == 0, dice.happens(250) else { return "" }
    let bytes = (1...31).filter { $0 != 10 && $0 != 13 } + [9, 9, 9, 127]
    return String(decoding: (0..<dice.within(1...3)).map { _ in UInt8(dice.pick(bytes)) }, as: UTF8.self)
  }

  var mayBeLoose: Bool { servers.values.contains { $0.kind == .v1_6_0 } }

  /// Whether an inserted space in a reply of a key's server passes for an extra one, as servers before 1.6.18 write.
  func mayBePadded(_ key: Key) -> Bool {
    weather.lies > 0 && servers[owner(of: key)].map { $0.era < .v1_6_18 } == true
  }

  // MARK: - Connections

  /// The server refuses the connection as full: it sends that, and reads nothing.
  func turnAway(_ socket: ConnectionSocket) {
    turnedAway += 1
    note("server \(socket.server.name) turns link \(socket.connection) away")
    socket.isDead = true
    agenda.add(.connected(socket), at: later(10...1000))
    socket.arrivalAtProxy = later(1000...2000)
    for piece in cut(Array("ERROR Too many open connections\r\n".utf8)) {
      agenda.add(.bytesFromServer(socket, piece), at: socket.arrivalAtProxy)
      socket.arrivalAtProxy += UInt64(dice.below(50)) * 1000
    }
    agenda.add(.reset(socket), at: socket.arrivalAtProxy + 1000)
  }

  /// The server closes a connection over a request; earlier replies still arrive.
  func hangUp(_ socket: ConnectionSocket) {
    note("server \(socket.server.name) hangs up on link \(socket.connection)")
    socket.isDead = true
    agenda.add(.reset(socket), at: max(socket.arrivalAtProxy + 1000, later(5...300)))
  }

  // MARK: - Answers

  /// Whether a request was refused because a server of this world does not support it. Then nothing was done.
  func isRefusal(_ heard: Heard, of deed: Deed) -> Bool {
    let text: String
    switch heard {
    case .line(let line): text = line
    case .values(let values, let end) where values.isEmpty: text = end
    default: return false
    }
    if deed.meta != nil { return refusals.contains(text) }
    return deed.verb.touches && text == "ERROR" && knowsNoTouching
  }

  /// 1.4 does not know `gat` either. Before that is known `gat` may be sent to it, and its keys are then misses.
  var knowsNoTouching: Bool { servers.values.contains { $0.kind == .v1_4 || $0.kind == .twemproxy } }

  /// Records which servers without meta commands the proxy has heard of, by their version or by how they answer the
  /// handshake, and whether it takes another server for one.
  func noteAges() {
    for s in (0..<worker.dispatcher.upstream.servers.end).map({ Ref<Server>($0) })
    where worker.dispatcher.upstream.servers.isTaken(s) {
      let (version, meta) = (
        worker.dispatcher.upstream.servers[s].speech.version,
        worker.dispatcher.upstream.servers[s].speech.meta
      )
      guard let version, let kind = servers[Fleet.name(of: worker.dispatcher.upstream.servers[s].id)]?.kind
      else {
        continue
      }
      let era = min(kind.meta ?? .v1_6_0, .v1_6_0)
      if era < .v1_6_0, min(version, meta) < .v1_6_0 { noops.insert(kind.noop) }
      // Where nothing fails no connection is closed by accident.
      if meta < era, weather.strictness != .exact { hasShunned = true }
    }
  }

  /// If nothing fails the proxy must know its servers' dialect.
  func inspectDialect() {
    guard weather.strictness == .exact, !refusals.isEmpty else { return }
    let expected = members.compactMap { servers[$0] }.map { $0.kind.meta ?? $0.era }
    guard let lowest = expected.min(), worker.dispatcher.upstream.dialect.meta == lowest else {
      return fail("the dialect is \(worker.dispatcher.upstream.dialect), not \(expected)")
    }
  }
}
