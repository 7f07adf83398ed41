import Bytes
import Net
import Proxy

// A worker's connections to servers, from the order to make one to the order to end it.

extension WorkerThread {
  mutating func connect(_ l: UInt32, now: Instant) {
    while linkWires.count <= Int(l) { linkWires.append(Wire()) }
    let server = worker.servers[worker.links[l].server].id
    if worker.isReplacement(link: l) { doubt(server) }
    guard doubts[server] == nil else {
      doubts[server]?.waiting.append(l)
      return
    }
    guard let address = addresses[server] else { return worker.lost(l, .unreachable, now: now) }
    switch Socket.connect(to: address) {
    case .connected(let descriptor):
      watch(l, descriptor)
      finishConnecting(l, now: now)
    case .inProgress(let descriptor):
      watch(l, descriptor)
      linkWires[Int(l)].isConnecting = true
      loop.wantWrite(linkWires[Int(l)].watch, true)
    case .failed(let reason):
      worker.lost(l, Trouble(errno: reason), now: now)
    }
  }

  private mutating func watch(_ l: UInt32, _ descriptor: Int32) {
    let watch = loop.watch(descriptor, token: Token(kind: Kind.link, index: l))
    linkWires[Int(l)] = Wire(descriptor: descriptor, watch: watch)
  }

  mutating func finishConnecting(_ l: UInt32, now: Instant) {
    let wire = linkWires[Int(l)]
    guard wire.descriptor >= 0 else { return }
    let reason = Socket.connectError(wire.descriptor)
    linkWires[Int(l)].isConnecting = false
    guard reason == 0 else { return worker.lost(l, Trouble(errno: reason), now: now) }
    loop.wantWrite(wire.watch, false)
    worker.connected(l, now: now)
    greet(l, now: now)
  }

  mutating func greet(_ l: UInt32, now: Instant) {
    let wire = linkWires[Int(l)]
    let greeting = worker.greeting(for: l)
    // SAFETY: a byte has no padding that could be uninitialised.
    let isSent = unsafe Socket.send(wire.descriptor, greeting.span.bytes)
    if isSent != .sent(greeting.count) { worker.lost(l, .connectionLost, now: now) }
  }

  mutating func disconnect(_ l: UInt32, now: Instant) {
    guard Int(l) < linkWires.count, linkWires[Int(l)].descriptor >= 0 else { return }
    if linkWires[Int(l)].isReached, worker.isLoss(ofLink: l) {
      doubt(worker.servers[worker.links[l].server].id)
    }
    loop.unwatch(linkWires[Int(l)].watch)
    Socket.abort(linkWires[Int(l)].descriptor)
    linkWires[Int(l)] = Wire()
  }
}
