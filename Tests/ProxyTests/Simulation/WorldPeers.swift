import Topology

@testable import Proxy

// The requests of clients, the replies of servers, and the faults.

extension World {
  private func add(_ text: String, owner: Int?, isNumber: Bool) {
    keys.append(Key(index: keys.count, bytes: Array(text.utf8), owner: owner, isNumber: isNumber))
  }

  func makeKeys(of client: Int) {
    for i in 0..<4 { add("own\(control):\(client):\(i)", owner: client, isNumber: false) }
    add("count\(control):\(client)", owner: client, isNumber: true)
  }

  func makeSharedKeys() {
    add("sh\(control)ared", owner: nil, isNumber: false)
    add("\(control)s", owner: nil, isNumber: false)
    add(
      String(repeating: "long", count: 62 - control.utf8.count) + control + "er", owner: nil, isNumber: false)
    add("\(control)sum", owner: nil, isNumber: true)
  }

  // MARK: - Clients

  func act(_ client: ModelClient) {
    guard client.slot != nil, !client.hasEnded else { return }
    if isRough && dice.happens(weather.leavings) {
      note("client \(client.number) breaks off")
      close(client, byProxy: false)
      // Another client may get the slot before the turn ends.
      if !isDraining && dice.happens(500) { join(clients.count, requests: dice.within(5...20)) }
      if dice.happens(500) { endTurn() }
      return
    }
    if saboteur.strikes(.closeEarly) { return close(client, byProxy: true) }
    if isRough && dice.happens(weather.deafness) { client.deafUntil = later(1000...30_000) }
    var bytes: [UInt8] = []
    var n = dice.within(1...8)
    while n > 0, client.left > 0, client.outstanding < client.most {
      let deed = client.script.isEmpty ? invent(for: client) : client.script.removeFirst()
      bytes += deed.bytes
      client.left -= 1
      n -= 1
      client.written += deed.bytes.count
      client.wait(for: deed, restarts: restarts.count)
    }
    if client.left == 0 { return takeLeave(client, bytes) }
    send(bytes, from: client)
    agenda.add(.act(client), at: later(0...3000))
  }

  private func takeLeave(_ client: ModelClient, _ bytes: [UInt8]) {
    var bytes = bytes
    switch client.farewell {
    case .quit:
      bytes += Deed(verb: .quit).bytes
      client.hasSaidQuit = true
      send(bytes, from: client)
    case .endOfInput:
      send(bytes, from: client)
      agenda.add(.endToProxy(client), at: client.arrival)
      client.hasSaidQuit = true
    case .hangUp:
      send(bytes, from: client)
      settleQuiet(client)
      if client.isWaiting {
        agenda.add(.act(client), at: later(500...3000))
      } else {
        close(client, byProxy: false)
        endTurn()
      }
    }
  }

  private func send(_ bytes: [UInt8], from client: ModelClient) {
    for piece in cut(bytes) {
      client.arrival = max(client.arrival, later(5...300))
      agenda.add(.bytesToProxy(client, piece), at: client.arrival)
    }
    client.arrival = max(client.arrival, now)
  }

  private func settleQuiet(_ client: ModelClient) {
    while let wait = client.front, wait.deed.isQuiet {
      assume(wait, client)
      client.settle()
    }
  }

  func owner(of key: Key) -> String {
    guard let place = worker.dispatcher.router.table.where(key.bytes), place.server < members.count else {
      return ""
    }
    return members[place.server]
  }

  /// The client reads what has arrived and judges it.
  func read(_ client: ModelClient) {
    guard !client.hasLeft else { return }
    guard now >= client.deafUntil else { return agenda.add(.clientReads(client), at: client.deafUntil) }
    client.inbox.append(client.unread)
    client.unread = []
    if client.isBlocked { agenda.add(.clientWritable(client), at: later(1...100)) }
    while let wait = client.front, violation == nil {
      if wait.deed.isQuiet {
        settleQuiet(client)
        continue
      }
      do {
        guard let heard = try Heard.read(&client.inbox, to: wait.deed) else { break }
        for heard in saboteur.tamper(heard, to: wait.deed) {
          guard let wait = client.front, violation == nil else { break }
          judge(heard, wait, client)
          client.settle()
        }
      } catch {
        return fail("client \(client.number) got a malformed reply: \(error)")
      }
    }
    if !client.isWaiting && client.inbox.count > 0 {
      fail("client \(client.number) was sent \(client.inbox.count) unsolicited bytes")
    }
    if client.slot == nil { bury(client) }
  }

  /// The proxy has closed the connection, and all that it sent has been read.
  private func bury(_ client: ModelClient) {
    client.hasLeft = true
    // Only closing can end a half-delivered large value when servers fail or lie; each such close is counted.
    if client.front?.deed.verb.isRead == true, weather.strictness != .exact,
      excused < Int(worker.dispatcher.common.counters[.valuesCutShort])
    {
      excused += 1
      client.inbox = Inbox()
      return
    }
    if !client.hasSaidQuit && !isDraining { fail("client \(client.number) was closed for no reason") }
    guard let wait = client.front else { return }
    if isDraining, let delivered = deliveredAtDrain[client.number], wait.end > delivered {
      client.inbox = Inbox()
      return
    }
    fail("client \(client.number) was closed before \(wait.deed.verb.rawValue) was answered")
  }

  // MARK: - Servers

  func receive(_ socket: ConnectionSocket, _ bytes: [UInt8]) {
    guard socket.isOpen, !socket.isDead else { return }
    socket.inbox.append(bytes)
    socket.underway -= bytes.count
    socket.unread += bytes.count
    if socket.server.stalledUntil > now {
      agenda.add(.serverReads(socket), at: socket.server.stalledUntil)
    } else {
      serve(socket)
    }
  }

  func serve(_ socket: ConnectionSocket) {
    guard socket.isOpen, !socket.isDead else { return }
    guard socket.server.stalledUntil <= now else {
      return agenda.add(.serverReads(socket), at: socket.server.stalledUntil)
    }
    while true {
      let before = socket.inbox.count
      guard let reply = socket.server.serve(&socket.inbox, nextMark: nextMark) else {
        if socket.server.hangsUp { hangUp(socket) }
        break
      }
      socket.served += before - socket.inbox.count
      interrupt(socket, reply)
      var delay = dice.within(5...300)
      if isRough && socket.isEstablished && dice.happens(weather.lateReplies) {
        delay = dice.within(20_000...120_000)
      }
      respond(reply, on: socket, after: UInt64(delay) * 1000)
    }
    socket.unread = 0
    if socket.isBlocked { agenda.add(.connectionWritable(socket), at: later(1...100)) }
  }

  private func nextMark() -> Int {
    marks += 1
    return marks
  }

  private func respond(_ reply: [UInt8], on socket: ConnectionSocket, after delay: UInt64) {
    var bytes = reply
    if isRough && !socket.hasLied && dice.happens(weather.lies) {
      socket.hasLied = true
      bytes = spoil(reply)
      note("server \(socket.server.name) lies on link \(socket.connection)")
    }
    socket.arrivalAtProxy = max(socket.arrivalAtProxy, now + delay)
    for piece in cut(bytes) {
      socket.arrivalAtProxy = max(socket.arrivalAtProxy, socket.arrivalAtProxy + UInt64(dice.below(2)) * 1000)
      agenda.add(.bytesFromServer(socket, piece), at: socket.arrivalAtProxy)
    }
    if isRough && dice.happens(weather.resets) { agenda.add(.reset(socket), at: later(0...600)) }
  }

  /// Loses, repeats or adds bytes. Only so that it can be detected: the result must not be a well-formed reply with
  /// other content (a number that lost a digit is a number).
  private func spoil(_ reply: [UInt8]) -> [UInt8] {
    var bytes = reply
    let at = dice.below(bytes.count)
    switch dice.below(5) {
    case 0:
      let n = min(dice.within(1...3), bytes.count - at)
      // Two numbers joined into one could be the length of a value together with its neighbour.
      let joinsNumbers = at > 0 && at + n < bytes.count && isDigit(bytes[at - 1]) && isDigit(bytes[at + n])
      guard !joinsNumbers else { return bytes + bytes }
      // Without these two bytes `sum` is `s`, which may be requested too.
      guard !bytes[at..<(at + n)].elementsEqual("um".utf8) else { return bytes + bytes }
      bytes.removeSubrange(at..<(at + n))
    case 1:
      let n = min(dice.within(1...3), bytes.count - at)
      let piece = bytes[at..<(at + n)]
      guard !piece.contains(where: isDigit) else { return bytes + bytes }
      bytes.insert(contentsOf: piece, at: at)
    case 2: bytes += bytes
    case 3:
      let noise: [UInt8] = dice.pick([[0, 255, 35], [35, 33, 13, 10], [126]])
      // Two other bytes and a line end, in the place of a value's two bytes and line end, are a valid value.
      guard noise.count < 4 || !bytes[at...].dropFirst(2).starts(with: [13, 10]) else { return bytes + bytes }
      bytes.insert(contentsOf: noise, at: at)
    default: bytes += unsolicited()
    }
    return bytes
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

  private func unsolicited() -> [UInt8] {
    let key = dice.pick(keys)
    let data = key.isNumber ? Array("7".utf8) : newValue(of: key)
    let value = Array("VALUE \(key.text) 5 \(data.count)\r\n".utf8) + data + Array("\r\nEND\r\n".utf8)
    return dice.pick([Array("STORED\r\n".utf8), Array("END\r\n".utf8), Array("ERROR\r\n".utf8), value])
  }

  // MARK: - Chaos

  /// Causes faults, every few milliseconds.
  func chaos() {
    agenda.add(.chaos, at: later(2000...8000))
    guard isRough, !isDraining else { return }
    let name = dice.pick(members)
    guard let server = servers[name] else { return }
    if dice.happens(weather.stalls) { server.stalledUntil = later(5000...150_000) }
    if dice.happens(weather.restarts) {
      note("server \(name) restarts empty")
      server.restart()
      restarts.append(name)
      for client in clients {
        for key in keys where key.owner == client.number && owner(of: key) == name {
          client.oracle.mayBeGone(key)
        }
      }
      breakConnections(of: server)
    }
    if dice.happens(weather.outages) {
      server.isDown.toggle()
      if server.isDown { breakConnections(of: server) }
    } else if server.isDown && dice.happens(300) {
      server.isDown = false
    }
    if weather.lies > 0, dice.happens(weather.lies),
      let socket = byConnection.values.min(by: { $0.connection < $1.connection })
    {
      if socket.isEstablished && !socket.hasLied {
        socket.hasLied = true
        agenda.add(.bytesFromServer(socket, unsolicited()), at: max(now, socket.arrivalAtProxy))
      }
    }
    if dice.happens(weather.ejections) { toggleStatus(of: name) }
    if dice.happens(weather.reloads) { reload() }
  }

  private func breakConnections(of server: ModelServer) {
    for l in byConnection.keys.sorted() {
      if let socket = byConnection[l], socket.server === server { agenda.add(.reset(socket), at: now) }
    }
  }

  private func toggleStatus(of name: String) {
    let status: ServerStatus = statuses[name] == .up ? dice.pick([.ejected, .failFast]) : .up
    note("server \(name) is \(status)")
    statuses[name] = status
    worker.set(status, of: Fleet.id(of: name), now: moment)
    endTurn()
  }

  private func reload() {
    members = Self.names.filter { _ in dice.happens(600) }
    if members.isEmpty { members = ["b"] }
    if dice.happens(200) { members.reverse() }
    options.connections = dice.pick([1, 1, 2])
    note("reload: \(members) with \(options.connections) connections each")
    worker.apply(currentPlan(), now: moment)
    if dice.happens(700) { endTurn() }
  }
}
