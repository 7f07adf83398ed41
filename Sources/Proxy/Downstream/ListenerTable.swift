import Bytes
import Stats
import Topology

/// What is counted of each listener's clients. A listener keeps its place as long as it is configured.
///
///     place   0: no listener, or one that was removed   1: 127.0.0.1:11311   2: unix:/run/ringroad.sock   …
package struct ListenerTable: ~Copyable {
  var tallies = Slab<ListenerTally>(capacity: 1)
  private var places: [ListenerID: ListenerIndex] = [:]

  init() { _ = tallies.take() }

  /// The place of a listener; 0 if the plan does not have it.
  func index(of id: ListenerID?) -> ListenerIndex { id.flatMap { places[$0] } ?? ListenerIndex() }

  /// Forgets the listeners that are not among these, and returns their places: what is in flight for their clients must
  /// be moved to place 0 before `add`.
  mutating func remove(allBut ids: [ListenerID]) -> Set<UInt8> {
    var gone: Set<UInt8> = []
    for (id, index) in places where !ids.contains(id) {
      gone.insert(index.number)
      tallies[ListenerIndex().place].clients &+= tallies[index.place].clients
      tallies.give(index.place)
      places[id] = nil
    }
    return gone
  }

  /// Gives places to those of the listeners that have none.
  mutating func add(_ ids: [ListenerID]) {
    for id in ids where places[id] == nil && tallies.count <= UInt32(UInt8.max) {
      places[id] = ListenerIndex(number: UInt8(truncatingIfNeeded: tallies.take().index))
    }
  }

  /// Counts requests that are answered now.
  @inline(__always) mutating func count(_ listener: ListenerIndex, bucket: Int, times: Int = 1) {
    tallies[listener.place].count(bucket: bucket, times: UInt32(truncatingIfNeeded: times))
  }

  /// Replaces `numbers` with this worker's numbers of each listener. O(listeners).
  package mutating func giveNumbers(to numbers: inout [ListenerNumbers]) {
    numbers.removeAll(keepingCapacity: true)
    for (id, index) in places {
      var one = ListenerNumbers(id: id)
      one.clients = tallies[index.place].clients
      one.requests = tallies[index.place].requests
      numbers.append(one)
    }
  }

  /// Moves the latencies since the last call to `book`. O(listeners, times buckets).
  package mutating func moveLatencies(to book: inout LatencyBook) {
    for (id, index) in places {
      tallies[index.place].latency.move(to: &book.listeners[id, default: LatencyCounts()])
    }
  }
}

/// A listener's place in the table. One byte, so that a leg has room for it: there are at most 255 listeners.
struct ListenerIndex: BitwiseCopyable, Equatable {
  var number: UInt8 = 0

  @inline(__always) var place: Ref<ListenerTally> { Ref(UInt32(number)) }

  /// A reload has removed the listeners at these places.
  mutating func forget(_ gone: Set<UInt8>) {
    if gone.contains(number) { number = 0 }
  }
}
