import Bytes
import Routing
import Wire

@testable import Proxy

/// One of the proxy's defences, which a world can remove: there the proxy has the bug that the defence prevents.
///
/// Each defence's fault takes place either way: a world with the defence shows that it suffices, and one without
/// shows that the oracle detects the bug. A `Sabotage` alters the proxy's output; a canary alters the state of the
/// proxy itself, as the bug would.
enum Canary: String, CaseIterable, Sendable {
  /// A late reply is recognised by its position and discarded.
  case lateReplies
  /// A value must have the requested key.
  case keyCheck
  /// A change is not sent a second time when its connection is lost.
  case onceOnly
  /// A request's slot is released when the reply arrives, even if its client has left.
  case slots

  /// Weather in which the defence is needed.
  var weather: Weather {
    var weather = Weather(name: rawValue, strictness: .accountable)
    weather.clients = 3
    switch self {
    case .lateReplies: weather.lateReplies = 200
    case .keyCheck:
      weather.strictness = .sound
      weather.lies = 1
    case .onceOnly:
      weather.resets = 1
      // If the key is deleted, its value does not show how often it was incremented.
      weather.writesMissOnFailure = false
    case .slots:
      weather.strictness = .exact
      weather.leavings = 200
    }
    return weather
  }

  /// Enough worlds for the defence to be needed in fifteen.
  var worlds: UInt64 { 60 }
}

extension World {
  /// Late legs are removed like answered ones: replies to them will be taken for the next leg's.
  func forgetLateLegs() {
    guard canary == .lateReplies, !isDefended else { return }
    for (l, socket) in byConnection where worker.forgetLateLegs(of: l) { socket.hasForgotten = true }
  }

  /// Counts bytes from a server that are for a leg that is, or was, late.
  func noteLate(_ socket: ConnectionSocket) {
    guard canary == .lateReplies else { return }
    if isDefended
      ? worker.dispatcher.upstream.connections[socket.connection].queue.late > 0 : socket.hasForgotten
    {
      strikes += 1
    }
  }

  /// Returns a read's reply on its way to the proxy, or replaces it by another key's.
  func misdirect(_ bytes: [UInt8], _ socket: ConnectionSocket) -> [UInt8] {
    guard canary == .keyCheck, let asked = worker.plainRead(owedOn: socket.connection),
      bytes.starts(with: "VALUE ".utf8), bytes.suffix(7).elementsEqual("\r\nEND\r\n".utf8), isRough,
      dice.happens(400)
    else { return bytes }
    let others = keys.filter { $0.bytes != asked.key && socket.server.items[$0.bytes] != nil }
    guard !others.isEmpty else { return bytes }
    let key = dice.pick(others).bytes
    guard let item = socket.server.items[key] else { return bytes }
    strikes += 1
    note("server \(socket.server.name) answers for \(quoted(key)) on link \(socket.connection)")
    if !isDefended {
      worker.believe(asked.verb + [32] + key + [13, 10], keyLength: key.count, on: socket.connection)
    }
    let cas = asked.verb.count == 4 ? " \(item.mark)" : ""
    return Array("VALUE ".utf8) + key + Array(" \(item.flags) \(item.data.count)\(cas)\r\n".utf8) + item.data
      + Array("\r\nEND\r\n".utf8)
  }

  /// Loses the connection of a server that has executed a request, before it replies.
  func interrupt(_ socket: ConnectionSocket, _ reply: [UInt8]) {
    guard canary == .onceOnly, isRough, let first = reply.first, first >= 48, first <= 57, dice.happens(400)
    else { return }
    agenda.add(.reset(socket), at: now)
  }

  /// Before a connection is lost: requests executed but not answered are sent again on another.
  func resendChanges(of socket: ConnectionSocket) {
    guard canary == .onceOnly else { return }
    let others = byConnection.values.filter {
      $0.server === socket.server && $0.connection != socket.connection
        && worker.dispatcher.upstream.connections[$0.connection].state == .ready
        && !worker.dispatcher.upstream.connections[$0.connection].isPrivate
    }
    guard let other = others.min(by: { $0.connection < $1.connection }) else { return }
    let done =
      socket.served - (socket.taken - worker.dispatcher.upstream.connections[socket.connection].queue.sent)
    strikes += worker.resendChanges(
      done, from: socket.connection, to: other.connection, isInEarnest: !isDefended)
  }

  /// A client leaves: one of its requests that waits for a server is forgotten.
  func forgetExchange(of slot: Ref<Client>) {
    guard canary == .slots else { return }
    for l in byConnection.keys.sorted() where worker.forgetExchange(of: slot, on: l, isInEarnest: !isDefended)
    {
      strikes += 1
      return
    }
  }
}

extension Worker {
  fileprivate mutating func forgetLateLegs(of l: Ref<ServerConnection>) -> Bool {
    let before = dispatcher.upstream.connections[l].queue.late
    while dispatcher.upstream.connections[l].queue.late > 0,
      dispatcher.upstream.connections[l].queue.front == .plain,
      dispatcher.upstream.connections[l].input.isEmpty,
      let leg = dispatcher.upstream.connections[l].queue.legs.first,
      leg.fanOut == Ref<FanOut>.none, dispatcher.upstream.connections[l].queue.hasSentFront
    {
      dispatcher.upstream.connections[l].queue.dropFront(&dispatcher.common.buffers)
    }
    return dispatcher.upstream.connections[l].queue.late < before
  }

  /// The single-key read that is owed the next reply on a shared connection: `get` or `gets`, and the key.
  fileprivate func plainRead(owedOn l: Ref<ServerConnection>) -> (verb: [UInt8], key: [UInt8])? {
    guard dispatcher.upstream.connections[l].state == .ready, !dispatcher.upstream.connections[l].isPrivate,
      dispatcher.upstream.connections[l].queue.front == .plain,
      dispatcher.upstream.connections[l].input.isEmpty,
      let leg = dispatcher.upstream.connections[l].queue.legs.first, leg.verb == .get || leg.verb == .gets,
      leg.fanOut == Ref<FanOut>.none,
      leg.exchange != Ref<Exchange>.none, dispatcher.upstream.connections[l].queue.sent >= Int(leg.length)
    else { return nil }
    let asked = dispatcher.upstream.connections[l].queue.bytes.readable
    return (
      array(asked, from: 0, Int(leg.keyStart) - 1), array(asked, from: Int(leg.keyStart), Int(leg.keyLength))
    )
  }

  /// Replaces the oldest request of a connection, so that the reply is checked against this one.
  fileprivate mutating func believe(_ line: [UInt8], keyLength: Int, on l: Ref<ServerConnection>) {
    let before = Int(dispatcher.upstream.connections[l].queue.legs[0].length)
    var asked = exchange(&dispatcher.upstream.connections[l].queue.bytes, with: Buffer())
    var new = Buffer()
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe new.append(line.span.bytes, &dispatcher.common.buffers)
    new.append(asked, from: before, count: asked.count - before, &dispatcher.common.buffers)
    asked.release(to: &dispatcher.common.buffers)
    dispatcher.upstream.connections[l].queue.bytes = new
    dispatcher.upstream.connections[l].queue.sent += line.count - before
    dispatcher.upstream.connections[l].queue.legs[0].length = UInt32(line.count)
    dispatcher.upstream.connections[l].queue.legs[0].keyLength = UInt8(keyLength)
  }

  /// Resends changes among the first `done` bytes of the queue.
  fileprivate mutating func resendChanges(
    _ done: Int, from l: Ref<ServerConnection>, to other: Ref<ServerConnection>, isInEarnest: Bool
  ) -> Int {
    guard dispatcher.upstream.connections[l].state == .ready,
      dispatcher.upstream.connections[l].queue.front == .plain,
      !dispatcher.upstream.connections[l].isPrivate
    else {
      return 0
    }
    let asked = exchange(&dispatcher.upstream.connections[l].queue.bytes, with: Buffer())
    var count = 0
    var start = 0
    for i in 0..<dispatcher.upstream.connections[l].queue.legs.count {
      let leg = dispatcher.upstream.connections[l].queue.legs[i]
      defer { start += Int(leg.length) }
      // The right value of a key that all clients change is unknown.
      guard leg.verb == .incr || leg.verb == .decr, leg.keyLength > 3, !leg.isLate,
        leg.exchange != Ref<Exchange>.none, done >= start + Int(leg.length)
      else { continue }
      count += 1
      guard isInEarnest else { continue }
      dispatcher.upstream.sendAgain(leg, asked, start, on: other, &dispatcher.common)
      dispatcher.upstream.connections[l].queue.legs[i].exchange = Ref<Exchange>.none
    }
    dispatcher.upstream.connections[l].queue.bytes = asked
    return count
  }

  fileprivate mutating func forgetExchange(of c: Ref<Client>, on l: Ref<ServerConnection>, isInEarnest: Bool)
    -> Bool
  {
    for i in 0..<dispatcher.upstream.connections[l].queue.legs.count {
      let x = dispatcher.upstream.connections[l].queue.legs[i].exchange
      guard x != Ref<Exchange>.none, dispatcher.downstream.exchanges[x].client == c else { continue }
      if isInEarnest { dispatcher.upstream.connections[l].queue.legs[i].exchange = Ref<Exchange>.none }
      return true
    }
    return false
  }
}
