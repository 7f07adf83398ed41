import Bytes
import Stats
import Topology

// What a worker publishes of its servers and pools, several times a second.

extension Upstream {
  /// Replaces `numbers` with this worker's numbers of each server. O(servers and connections).
  package mutating func giveServerNumbers(to numbers: inout [ServerNumbers]) {
    numbers.removeAll(keepingCapacity: true)
    for s in servers.slots where servers.isTaken(s) && !servers[s].isRetired {
      var one = ServerNumbers(id: servers[s].id)
      one.tally = servers[s].tally
      for i in 0..<servers[s].connections.count {
        let l = servers[s].connections[i]
        one.heard = max(one.heard, connections[l].progress.heard)
        one.inFlight &+= connections[l].queue.legs.count &- connections[l].queue.late
        one.queuedBytes &+= connections[l].queue.bytes.count &- connections[l].queue.sent
        if connections[l].isMade { one.connections &+= 1 }
      }
      numbers.append(one)
    }
  }

  /// Replaces `numbers` with this worker's numbers of each pool. O(pools).
  package mutating func givePoolNumbers(to numbers: inout [PoolNumbers]) {
    if numbers.map(\.id) != pools.ids { numbers = pools.ids.map { PoolNumbers(id: $0) } }
    for i in 0..<pools.ids.count { pools.tallies[pools.places[i]].read(into: &numbers[i].results) }
  }

  /// Moves the latencies since the last call to `book`. O(servers and pools, times buckets).
  package mutating func moveLatencies(to book: inout LatencyBook) {
    for s in servers.slots where servers.isTaken(s) && !servers[s].isRetired {
      servers[s].latency.move(to: &book.servers[servers[s].id, default: LatencyCounts()])
    }
    for i in 0..<pools.ids.count {
      pools.tallies[pools.places[i]].latency.move(to: &book.pools[pools.ids[i], default: LatencyCounts()])
    }
  }
}
