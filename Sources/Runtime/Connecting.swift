import Bytes
import Control
import Net
import Proxy
import Topology

// Opening and closing a worker's connections to servers, as the worker's effects order it.

extension WorkerThread {
  mutating func connect(_ l: Ref<ServerConnection>, now: Instant) {
    while connectionSockets.count <= Int(l.index) { connectionSockets.append(Connection()) }
    let server = worker.dispatcher.upstream.servers[worker.dispatcher.upstream.connections[l].server].id
    if worker.dispatcher.upstream.isReplacement(connection: l) { doubt(server) }
    guard doubts[server] == nil else {
      doubts[server]?.waiting.append(l)
      return
    }
    guard let address = addresses[server].flatMap({ Address($0) }) else {
      return worker.lost(l, .unreachable, now: now)
    }
    switch Socket.connect(to: address) {
    case .connected(let descriptor):
      watch(l, descriptor)
      finishConnecting(l, now: now)
    case .inProgress(let descriptor):
      watch(l, descriptor)
      connectionSockets[Int(l.index)].isConnecting = true
      loop.wantWrite(connectionSockets[Int(l.index)].watch, true)
    case .failed(let reason):
      worker.lost(l, ServerFailure(errno: reason), now: now)
    }
  }

  private mutating func watch(_ l: Ref<ServerConnection>, _ descriptor: Int32) {
    let watch = loop.watch(descriptor, token: Token(kind: Kind.connection, index: l.index))
    connectionSockets[Int(l.index)] = Connection(descriptor: descriptor, watch: watch)
  }

  mutating func finishConnecting(_ l: Ref<ServerConnection>, now: Instant) {
    let wire = connectionSockets[Int(l.index)]
    guard wire.descriptor >= 0 else { return }
    let reason = Socket.connectError(wire.descriptor)
    connectionSockets[Int(l.index)].isConnecting = false
    guard reason == 0 else { return worker.lost(l, ServerFailure(errno: reason), now: now) }
    loop.wantWrite(wire.watch, false)
    worker.dispatcher.upstream.connected(l, now: now)
    handshake(l, now: now)
  }

  mutating func handshake(_ l: Ref<ServerConnection>, now: Instant) {
    let wire = connectionSockets[Int(l.index)]
    let request = worker.dispatcher.upstream.handshakeRequest(for: l)
    let isSent = Socket.send(wire.descriptor, request.span.raw)
    if isSent != .sent(request.count) { worker.lost(l, .connectionLost, now: now) }
  }

  mutating func disconnect(_ l: Ref<ServerConnection>) {
    guard Int(l.index) < connectionSockets.count, connectionSockets[Int(l.index)].descriptor >= 0 else {
      return
    }
    if connectionSockets[Int(l.index)].isReached, worker.dispatcher.upstream.isLoss(ofConnection: l) {
      doubt(worker.dispatcher.upstream.servers[worker.dispatcher.upstream.connections[l].server].id)
    }
    loop.unwatch(connectionSockets[Int(l.index)].watch)
    Socket.abort(connectionSockets[Int(l.index)].descriptor)
    connectionSockets[Int(l.index)] = Connection()
  }
}
