import Bytes
import Stats
import Topology
import Wire

// What is counted of every reply: its result by command and pool, and by server, and how long it took. The time is that
// of the turn in which the reply was read, so no clock is read for it.

/// What the legs of one reply to a line of gets have got so far. It is in the dispatcher because the loop over them has no
/// register left.
struct SharedReply: BitwiseCopyable {
  /// Whom all of them are counted for.
  var account = Account()
  var hits = 0
  var errors = 0
  /// Legs whose clients were answered before, or have left.
  var skipped = 0
}

/// What is counted of a server.
struct ServerCounts: ~Copyable {
  var tally = ServerTally()
  /// From a request's arrival to the server's reply.
  var latency = Histogram()

  /// Counts a request that it has answered.
  @inline(__always) mutating func count(_ result: RequestResult, bucket: Int) {
    latency.record(bucket: bucket, times: 1)
    switch result {
    case .hit: tally.hits &+= 1
    case .miss: tally.misses &+= 1
    case .serverError: tally.errors &+= 1
    default: tally.done &+= 1
    }
  }
}

extension RequestResult {
  /// The result that a server's whole reply to a classic request means.
  @inline(never) init(_ outcome: Outcome, _ reply: RawSpan) {
    switch outcome {
    case .hit: self = .hit
    case .miss: self = .miss
    case .error: self = .serverError
    case .done:
      let isLong = reply.byteCount > 4
      switch reply.byteCount > 0 ? reply.byte(at: 0) : 0 {
      case UInt8(ascii: "S"): self = .stored
      case UInt8(ascii: "E"): self = .exists
      case UInt8(ascii: "D"): self = .deleted
      case UInt8(ascii: "T"): self = .touched
      case UInt8(ascii: "N"): self = isLong && reply.byte(at: 4) == UInt8(ascii: "S") ? .notStored : .notFound
      default: self = .done
      }
    }
  }

  /// The same for a meta request.
  init(_ verb: Verb, _ reply: MetaReply) {
    let isRead = verb == .metaGet || verb == .metaDebug
    switch reply.status {
    case .value: self = isRead ? .hit : .done
    // A server is silent about a quiet read that misses.
    case .done where isRead: self = reply.length > 0 ? .hit : .miss
    case .done: self = verb == .metaSet ? .stored : verb == .metaDelete ? .deleted : .done
    case .miss: self = .miss
    case .notFound: self = .notFound
    case .notStored: self = .notStored
    case .exists: self = .exists
    case .shown: self = .hit
    case .error: self = .serverError
    }
  }
}
