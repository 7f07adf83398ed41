import Bytes
import Stats
import Topology

@testable import Proxy

// What the rig and the simulation read of a worker.

extension Worker {
  var serverNumbers: [ServerNumbers] {
    mutating get {
      var numbers: [ServerNumbers] = []
      dispatcher.upstream.giveServerNumbers(to: &numbers)
      return numbers
    }
  }

  /// The first connection whose queue breaks an invariant, and how; nil if none does.
  var brokenQueue: String? {
    for l in dispatcher.upstream.connections.slots {
      if dispatcher.upstream.connections.isTaken(l),
        let text = dispatcher.upstream.connections[l].queue.checkInvariants()
      {
        return "queue of connection \(l): \(text)"
      }
    }
    return nil
  }

  /// What was taken and not returned, apart from the connections' own buffers; nil if nothing.
  var leak: String? {
    var held = 0
    for l in dispatcher.upstream.connections.slots where dispatcher.upstream.connections.isTaken(l) {
      held +=
        dispatcher.upstream.connections[l].queue.bytes.footprint
        + dispatcher.upstream.connections[l].input.footprint
    }
    if dispatcher.downstream.exchanges.count > 0 {
      return "\(dispatcher.downstream.exchanges.count) exchanges"
    }
    if dispatcher.streams.count > 0 { return "\(dispatcher.streams.count) streams" }
    if dispatcher.fanOuts.count > 0 { return "\(dispatcher.fanOuts.count) fan-outs" }
    if dispatcher.downstream.clients.count > 0 { return "\(dispatcher.downstream.clients.count) clients" }
    if dispatcher.common.buffers.inUse != held {
      return "\(dispatcher.common.buffers.inUse - held) bytes of buffers"
    }
    return nil
  }

  /// Private connections that wait for the next large value.
  var spareConnections: Int {
    var count = 0
    for s in dispatcher.upstream.servers.slots where dispatcher.upstream.servers.isTaken(s) {
      count += dispatcher.upstream.servers[s].spares.count
    }
    return count
  }

  /// Replacement connections.
  var replacements: Int {
    var count = 0
    for l in dispatcher.upstream.connections.slots
    where dispatcher.upstream.connections.isTaken(l)
      && dispatcher.upstream.connections[l].check.replaces != Ref<ServerConnection>.none
    {
      count += 1
    }
    return count
  }

  /// Reads bytes of a client's large value straight into the send buffer, as the edge does.
  mutating func clientReceived(
    _ c: Ref<Client>, passed bytes: [UInt8], on l: Ref<ServerConnection>, now: Instant
  ) -> Bool {
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe dispatcher.upstream.connections[l].queue.bytes.append(bytes.span.bytes, &dispatcher.common.buffers)
    return clientReceived(c, passed: bytes.count, now: now)
  }

  /// What waits to be sent to a client.
  func text(for c: Ref<Client>, atMost n: Int = .max) -> String {
    string(dispatcher.downstream.clients[c].output.readable, from: 0, atMost: n)
  }

  /// What waits to be sent to a server.
  func text(toBeSentOn l: Ref<ServerConnection>, atMost n: Int) -> String {
    string(
      dispatcher.upstream.connections[l].queue.bytes.readable,
      from: dispatcher.upstream.connections[l].queue.sent, atMost: n)
  }
}

/// Bytes of a buffer as text.
func string(_ bytes: RawSpan, from: Int, atMost n: Int = .max) -> String {
  let count = min(n, bytes.byteCount - from)
  var text: [UInt8] = []
  text.reserveCapacity(count)
  for i in 0..<count { text.append(bytes.byte(at: from + i)) }
  return String(decoding: text, as: UTF8.self)
}

extension Worker {
  /// Sets a server's status and updates the rings.
  mutating func set(
    _ status: ServerStatus, of id: ServerID, from pools: Set<PoolID>? = nil, wasFlushed: Bool? = nil,
    now: Instant
  ) {
    var stale: Set<Int> = []
    let isNew = setStatus(status, of: id, from: pools, wasFlushed: wasFlushed, stale: &stale, now: now)
    guard isNew || !stale.isEmpty else { return }
    updateRings(stale, now: now)
  }
}
