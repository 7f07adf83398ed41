import Bytes
import Topology

/// What one worker counts of one server. Every number only grows, and wraps at 2^64.
@usableFromInline
package struct ServerTally: BitwiseCopyable, Sendable, Equatable {
  /// Keys of reads that it had, and had not.
  @usableFromInline package var hits: UInt64 = 0
  @usableFromInline package var misses: UInt64 = 0
  /// Other requests that it did, or refused because of the data.
  @usableFromInline package var done: UInt64 = 0
  /// Error lines from it.
  @usableFromInline package var errors: UInt64 = 0
  /// Requests, or keys of multi-gets, that it did not answer, by `ServerFailure`.
  package var failures: InlineArray<9, UInt64> = InlineArray(repeating: 0)
  /// Of those: keys that were answered as misses.
  @usableFromInline package var readsAsMisses: UInt64 = 0
  @usableFromInline package var lateReplies: UInt64 = 0
  @usableFromInline package var bytesIn: UInt64 = 0
  @usableFromInline package var bytesOut: UInt64 = 0

  package init() {}

  /// Requests and keys that it has answered.
  package var answered: UInt64 { hits &+ misses &+ done &+ errors }
  /// Requests and keys that it has not.
  package var failed: UInt64 { failures.indices.reduce(0) { $0 &+ failures[$1] } }

  package mutating func count(_ failure: ServerFailure, _ times: Int) {
    failures[Int(failure.rawValue)] &+= UInt64(truncatingIfNeeded: times)
  }

  package static func += (a: inout ServerTally, b: ServerTally) {
    a.hits &+= b.hits
    a.misses &+= b.misses
    a.done &+= b.done
    a.errors &+= b.errors
    for i in a.failures.indices { a.failures[i] &+= b.failures[i] }
    a.readsAsMisses &+= b.readsAsMisses
    a.lateReplies &+= b.lateReplies
    a.bytesIn &+= b.bytesIn
    a.bytesOut &+= b.bytesOut
  }

  @usableFromInline package static func == (a: ServerTally, b: ServerTally) -> Bool {
    a.answered == b.answered && a.hits == b.hits && a.misses == b.misses && a.done == b.done
      && a.failures.indices.allSatisfy { a.failures[$0] == b.failures[$0] }
      && a.readsAsMisses == b.readsAsMisses && a.lateReplies == b.lateReplies && a.bytesIn == b.bytesIn
      && a.bytesOut == b.bytesOut
  }
}

/// The numbers of one server at one worker, as it publishes them.
package struct ServerNumbers: BitwiseCopyable, Sendable, Equatable {
  /// The server's id: the same in every worker.
  package var id: ServerID
  /// When its last reply arrived; the origin if none did.
  package var heard = Instant.origin
  package var tally = ServerTally()
  /// Open connections, requests that are not answered, and bytes that are not sent.
  package var connections = 0
  package var inFlight = 0
  package var queuedBytes = 0

  package init(id: ServerID) { self.id = id }

  /// Adds another worker's numbers of the same server.
  package static func += (a: inout ServerNumbers, b: ServerNumbers) {
    a.heard = max(a.heard, b.heard)
    a.tally += b.tally
    a.connections &+= b.connections
    a.inFlight &+= b.inFlight
    a.queuedBytes &+= b.queuedBytes
  }
}

/// How often each command had each result: one number for each pair. `command` is the raw value of a `Verb`.
package struct ResultCounts: Equatable, Sendable {
  package private(set) var values: [UInt64]

  package init() { values = Array(repeating: 0, count: PoolTally.commands * RequestResult.count) }

  package subscript(command: Int, result: RequestResult) -> UInt64 {
    let i = command * RequestResult.count + Int(result.rawValue)
    return values.indices.contains(i) ? values[i] : 0
  }

  /// The sum over all commands.
  package subscript(result: RequestResult) -> UInt64 {
    (0..<PoolTally.commands).reduce(0) { $0 &+ self[$1, result] }
  }

  package static func += (a: inout ResultCounts, b: ResultCounts) {
    for i in a.values.indices where i < b.values.count { a.values[i] &+= b.values[i] }
  }

  fileprivate mutating func read(_ counts: borrowing FixedArray<UInt64>) {
    for i in values.indices { values[i] = counts[i] }
  }
}

/// What one worker counts of one pool: how often each command had each result, and how long its requests took.
@usableFromInline
package struct PoolTally: ~Copyable, Recyclable {
  /// More than there are commands.
  package static let commands = 32

  @usableFromInline var results = FixedArray<UInt64>(
    Array(repeating: 0, count: commands * RequestResult.count))
  /// From the arrival of a request to that of its reply in the client's output, errors included.
  @usableFromInline package var latency = Histogram()

  @usableFromInline package init() {}
  @usableFromInline package mutating func reset() { self = PoolTally() }

  /// Counts requests of one command, or keys of them, with the same result.
  @inlinable @inline(__always)
  package mutating func count(_ command: UInt8, _ result: RequestResult, _ times: Int = 1) {
    let i = Int(command & 31) &* RequestResult.count &+ Int(result.rawValue)
    results[i] = results[i] &+ UInt64(truncatingIfNeeded: times)
  }

  /// Counts a request that took this long.
  @inlinable @inline(__always)
  package mutating func count(_ command: UInt8, _ result: RequestResult, bucket: Int) {
    count(command, result)
    latency.record(bucket: bucket, times: 1)
  }

  package func read(into counts: inout ResultCounts) { counts.read(results) }
}

/// What one worker counts of one listener's clients.
@usableFromInline
package struct ListenerTally: ~Copyable, Recyclable {
  /// Those that are connected.
  package var clients = 0
  /// Their requests that were answered, and writes that wanted no reply; a multi-get is one. Those about no key are not
  /// among them.
  @usableFromInline package var requests: UInt64 = 0
  /// From the arrival of a request to that of its reply in the client's output, errors included.
  @usableFromInline package var latency = Histogram()

  @usableFromInline package init() {}
  @usableFromInline package mutating func reset() { self = ListenerTally() }

  /// Counts requests that took this long.
  @inlinable @inline(__always) package mutating func count(bucket: Int, times: UInt32 = 1) {
    requests &+= UInt64(times)
    latency.record(bucket: bucket, times: times)
  }
}

/// The numbers of one listener at one worker, as it publishes them.
package struct ListenerNumbers: BitwiseCopyable, Sendable, Equatable {
  package var id: ListenerID
  package var clients = 0
  package var requests: UInt64 = 0

  package init(id: ListenerID) { self.id = id }

  /// Adds another worker's numbers of the same listener.
  package static func += (a: inout ListenerNumbers, b: ListenerNumbers) {
    a.clients &+= b.clients
    a.requests &+= b.requests
  }
}

/// The numbers of one pool at one worker, as it publishes them.
package struct PoolNumbers: Sendable, Equatable {
  package var id: PoolID
  package var results = ResultCounts()

  package init(id: PoolID) { self.id = id }
}
