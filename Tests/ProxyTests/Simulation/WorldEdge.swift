import Bytes
import Stats

@testable import Proxy

// The runtime without sockets: events, effects, sends.

extension World {
  func handleAtEdge(_ event: Event) -> Bool {
    switch event {
    case .bytesToProxy(let client, let bytes):
      guard client.slot != nil else { return false }
      client.waiting += bytes
      read(fromClient: client)
    case .endToProxy(let client):
      guard client.slot != nil else { return false }
      client.hasEnded = true
      read(fromClient: client)
    case .proxyReads(let client): read(fromClient: client)
    case .clientWritable(let client):
      guard client.slot != nil, client.isBlocked else { return false }
      client.isBlocked = false
      flush(client)
    case .connected(let socket):
      guard socket.isOpen else { return false }
      finishConnecting(socket)
    case .refused(let socket):
      guard socket.isOpen else { return false }
      worker.lost(socket.connection, .refused, now: moment)
    case .bytesFromServer(let socket, let bytes):
      guard socket.isOpen else { return false }
      // As in the runtime: a connection about to be reconnected is not read.
      guard worker.dispatcher.upstream.connections[socket.connection].state != .connecting else {
        return false
      }
      var bytes = socket.held + bytes
      socket.held = socket.isPaused ? bytes : []
      guard !socket.isPaused, !bytes.isEmpty else { return false }
      noteLate(socket)
      bytes = misdirect(bytes, socket)
      note("server \(socket.server.name) → link \(socket.connection): \(quoted(bytes))")
      // SAFETY: a byte has no padding that could be uninitialised.
      unsafe worker.serverReceived(socket.connection, bytes.span.bytes, now: moment)
      noteAges()
    case .reset(let socket):
      guard socket.isOpen else { return false }
      note("link \(socket.connection) is reset")
      resendChanges(of: socket)
      worker.lost(socket.connection, .connectionLost, now: moment)
    case .connectionWritable(let socket):
      guard socket.isOpen, socket.isBlocked else { return false }
      socket.isBlocked = false
      flush(socket)
    case .tick:
      worker.tick(now: moment)
      forgetLateLegs()
      if now / 1_000_000 % 100 < 5 { worker.sweep(now: moment) }
      agenda.add(.tick, at: now + 5_000_000)
    default: break
    }
    return true
  }

  /// Carries out effects, then sends, then the effects that result from sending.
  func endTurn() {
    execute()
    if worker.hasResumable { worker.resumeStalled(now: moment) }
    while let l = worker.dispatcher.upstream.nextConnectionToFlush() {
      if let socket = byConnection[l] { flush(socket) }
    }
    // As with many clients, in every other world: replies are held until more arrive.
    let holding: UInt64 = seed % 2 == 1 ? 100_000 : 0
    worker.dispatcher.downstream.takeHeld()
    while let c = worker.nextClientToFlush(holding: holding, now: moment) {
      if let client = bySlot[c] { flush(client) }
    }
    execute()
    if worker.hasResumable { agenda.add(.nothing, at: now) }
    if worker.dispatcher.downstream.holdsAnswers { agenda.add(.nothing, at: now + 50_000) }
    worker.dispatcher.common.events.removeAll()
    checkBounds()
  }

  private func execute() {
    while let order = worker.nextEffect() {
      switch order {
      case .connect(let l): connect(l)
      case .handshake(let l):
        guard let socket = byConnection[l] else { return fail("a handshake effect for a closed connection") }
        wakes += 1
        handshake(socket)
      case .disconnect(let l):
        guard let socket = byConnection.removeValue(forKey: l) else { continue }
        note("link \(l) is closed")
        socket.isOpen = false
      case .close(let c):
        guard let client = bySlot[c] else {
          fail("an effect that closes client \(c), which is not connected")
          continue
        }
        if saboteur.strikes(.neverClose, always: true, atOnce: true) { continue }
        close(client, byProxy: true)
      case .pause(let c):
        pauses += 1
        bySlot[c]?.isPaused = true
      case .resume(let c):
        guard let client = bySlot[c] else { continue }
        client.isPaused = false
        agenda.add(.proxyReads(client), at: now)
      case .pauseConnection(let l):
        connectionPauses += 1
        byConnection[l]?.isPaused = true
      case .resumeConnection(let l):
        guard let socket = byConnection[l], socket.isPaused else { continue }
        socket.isPaused = false
        if !socket.held.isEmpty { agenda.add(.bytesFromServer(socket, []), at: now) }
      case .report(let exchange, _):
        let text = Array("STAT own 1\r\nEND\r\n".utf8)
        // SAFETY: a byte has no padding that could be uninitialised.
        unsafe worker.dispatcher.report(exchange, text.span.bytes)
      case .mergeStats(let f):
        worker.dispatcher.mergeStats(f, &known, clients: [], now: moment)
      }
    }
  }

  /// The client's connection is closed, by the proxy or because it was lost.
  func close(_ client: ModelClient, byProxy: Bool) {
    guard let slot = client.slot else { return }
    note("client \(client.number) is closed")
    bySlot[slot] = nil
    client.slot = nil
    if !byProxy { forgetExchange(of: slot) }
    worker.closed(client: slot)
    if byProxy {
      // What was sent still arrives.
      agenda.add(.clientReads(client), at: max(later(1...200), client.deafUntil))
    } else {
      client.hasLeft = true
      client.unread = []
      client.inbox = Inbox()
    }
  }

  // MARK: - Clients

  @discardableResult
  func join(_ number: Int, requests: Int, strictness: Weather.Strictness? = nil) -> ModelClient {
    let farewell = dice.pick([ModelClient.Farewell.quit, .endOfInput, .hangUp])
    let oracle = Oracle(
      strictness: strictness ?? weather.strictness, missesOnFailure: weather.missesOnFailure)
    if requests > 0 { makeKeys(of: number) }
    let client = ModelClient(number: number, left: requests, farewell: farewell, oracle: oracle)
    client.window = dice.pick([100, 1000, 65_536])
    let slot = worker.open()
    client.slot = slot
    bySlot[slot] = client
    clients.append(client)
    agenda.add(.act(client), at: later(0...2000))
    return client
  }

  private func read(fromClient client: ModelClient) {
    guard let slot = client.slot, !client.isPaused, !isDraining else { return }
    if client.waiting.isEmpty {
      guard client.hasEnded, !client.isEndSeen else { return }
      client.isEndSeen = true
      note("client \(client.number) says no more")
      worker.endOfInput(client: slot)
      return
    }
    // One read takes all that has arrived, or a part of it.
    let n = dice.happens(700) ? client.waiting.count : dice.within(1...client.waiting.count)
    give(Array(client.waiting.prefix(n)), of: client, slot)
    if !client.waiting.isEmpty || client.hasEnded { agenda.add(.proxyReads(client), at: later(0...50)) }
  }

  func readAll(_ client: ModelClient) {
    guard let slot = client.slot, !client.waiting.isEmpty else { return }
    give(client.waiting, of: client, slot)
  }

  private func give(_ bytes: [UInt8], of client: ModelClient, _ slot: Ref<Client>) {
    client.waiting.removeFirst(bytes.count)
    client.delivered += bytes.count
    note("client \(client.number) → proxy: \(quoted(bytes))")
    let bytes = Array(bytes.dropFirst(pass(bytes, slot)))
    guard !bytes.isEmpty else { return }
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe worker.clientReceived(slot, bytes.span.bytes, now: moment)
  }

  /// As in the runtime: forwarded bytes are read into the send buffer and sent at once. Returns the number of bytes.
  private func pass(_ bytes: [UInt8], _ slot: Ref<Client>) -> Int {
    guard let (l, room) = worker.cutThroughRoom(of: slot) else { return 0 }
    let part = Array(bytes.prefix(room))
    cutThroughs += 1
    if worker.clientReceived(slot, passed: part, on: l, now: moment) {
      if let socket = byConnection[l] { flush(socket) }
      worker.endCutThrough(slot)
    }
    return part.count
  }

  private func flush(_ client: ModelClient) {
    guard let slot = client.slot, !client.isBlocked else { return }
    let count = worker.dispatcher.downstream.clients[slot].output.count
    guard count > 0 else { return }
    var n = min(count, client.window - client.unread.count)
    if n > 1 && dice.happens(150) { n = dice.within(1...n) }
    guard n > 0 else {
      client.isBlocked = true
      worker.sent(client: slot, 0, now: moment)
      return
    }
    let bytes = saboteur.tamper(worker.bytes(for: slot, n))
    client.unread += bytes
    note("proxy → client \(client.number): \(quoted(bytes))")
    worker.sent(client: slot, n, now: moment)
    agenda.add(.clientReads(client), at: max(later(5...300), client.deafUntil))
    if n < count {
      client.isBlocked = true
      if client.unread.count < client.window { agenda.add(.clientWritable(client), at: later(5...500)) }
    }
  }

  // MARK: - Servers

  private func connect(_ l: Ref<ServerConnection>) {
    guard
      let server = servers[
        Fleet.name(
          of: worker.dispatcher.upstream.servers[worker.dispatcher.upstream.connections[l].server].id)]
    else {
      return fail("a connect effect without a server")
    }
    let socket = ConnectionSocket(connection: l, server: server, window: dice.pick([40, 300, 65_536]))
    byConnection[l] = socket
    if server.isDown || (isRough && dice.happens(weather.refusals)) {
      agenda.add(.refused(socket), at: later(10...1000))
    } else if isRough && dice.happens(weather.silentConnects) {
      note("link \(l) hears nothing")
    } else if isRough && oddDice.happens(fullness) {
      turnAway(socket)
    } else {
      agenda.add(.connected(socket), at: later(10...2000))
    }
  }

  private func finishConnecting(_ socket: ConnectionSocket) {
    worker.dispatcher.upstream.connected(socket.connection, now: moment)
    socket.isEstablished = true
    handshake(socket)
  }

  private func handshake(_ socket: ConnectionSocket) {
    send(worker.dispatcher.upstream.handshakeRequest(for: socket.connection), to: socket)
  }

  private func flush(_ socket: ConnectionSocket) {
    guard !socket.isBlocked, socket.isEstablished else { return }
    let unsent = worker.dispatcher.upstream.connections[socket.connection].unsent
    guard unsent > 0 else { return }
    var n = min(unsent, socket.window - socket.underway - socket.unread)
    if n > 1 && dice.happens(150) { n = dice.within(1...n) }
    if n > 0 {
      let bytes = worker.bytes(toBeSentOn: socket.connection, n)
      note("link \(socket.connection) → server \(socket.server.name): \(quoted(bytes))")
      worker.sent(connection: socket.connection, n, now: moment)
      send(bytes, to: socket)
    }
    if n < unsent {
      socket.isBlocked = true
      if socket.underway + socket.unread < socket.window {
        agenda.add(.connectionWritable(socket), at: later(5...500))
      }
    }
  }

  /// Sends bytes to a server, in one piece or several.
  private func send(_ bytes: [UInt8], to socket: ConnectionSocket) {
    socket.underway += bytes.count
    socket.taken += bytes.count
    for piece in cut(bytes) {
      socket.arrivalAtServer = max(socket.arrivalAtServer, later(5...400))
      agenda.add(.bytesToServer(socket, piece), at: socket.arrivalAtServer)
    }
  }

  /// Cuts bytes at random places.
  func cut(_ bytes: [UInt8]) -> [[UInt8]] {
    guard bytes.count > 1, dice.happens(300) else { return bytes.isEmpty ? [] : [bytes] }
    var pieces: [[UInt8]] = []
    var start = 0
    // Sometimes every byte is a separate segment.
    let longest = dice.pick([1, 7, bytes.count])
    while start < bytes.count {
      let end = min(bytes.count, start + dice.within(1...longest))
      pieces.append(Array(bytes[start..<end]))
      start = end
    }
    return pieces
  }

  func quoted(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).debugDescription }

  // MARK: - Bounds

  /// No queue may exceed its limit, and no honest server may be reported for a protocol violation.
  private func checkBounds() {
    let violations =
      worker.dispatcher.common.counters[.integrityFailures]
      + worker.dispatcher.common.counters[.unsolicitedBytes]
    if weather.lies == 0, violations > 0 { fail("a protocol violation, but no server lied") }
    for (slot, client) in bySlot
    where worker.dispatcher.downstream.clients[slot].inFlight > limits.clientRequests {
      fail(
        "client \(client.number) has \(worker.dispatcher.downstream.clients[slot].inFlight) requests in flight"
      )
    }
    for l in byConnection.keys {
      // Promised deletions have a separate limit.
      let depth = worker.requests(on: l)
      if depth > limits.serverDepth + 1 { fail("\(depth) requests wait on connection \(l)") }
    }
  }
}

extension Worker {
  /// Client requests that wait on a connection.
  func requests(on l: Ref<ServerConnection>) -> Int {
    (0..<dispatcher.upstream.connections[l].queue.legs.count).count {
      !dispatcher.upstream.connections[l].queue.legs[$0].isPromised
    }
  }

  /// Takes memory and never releases it, as a bug would.
  mutating func leakBuffer() {
    var buffer = Buffer()
    buffer.append("forgotten", &dispatcher.common.buffers)
  }

  func bytes(for c: Ref<Client>, _ n: Int) -> [UInt8] {
    array(dispatcher.downstream.clients[c].output.readable, from: 0, n)
  }

  func bytes(toBeSentOn l: Ref<ServerConnection>, _ n: Int) -> [UInt8] {
    array(
      dispatcher.upstream.connections[l].queue.bytes.readable,
      from: dispatcher.upstream.connections[l].queue.sent, n)
  }
}

func array(_ bytes: RawSpan, from: Int, _ n: Int) -> [UInt8] {
  var copy: [UInt8] = []
  copy.reserveCapacity(n)
  for i in 0..<n { copy.append(bytes.byte(at: from + i)) }
  return copy
}
