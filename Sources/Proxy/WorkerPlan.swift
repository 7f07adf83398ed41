import Bytes
import Routing

/// A worker's configuration: the control thread builds it on every reload, the same for all workers.
package struct WorkerPlan: Sendable {
  /// A server of a pool.
  package struct Member: Sendable, Equatable {
    /// The server's id: the same as long as the server stays in its pool.
    package var id: UInt32
    package var label: String
    package var status: ServerStatus

    package init(id: UInt32, label: String, status: ServerStatus) {
      self.id = id
      self.label = label
      self.status = status
    }
  }

  /// A pool's servers, timeouts and rules.
  package struct Options: Sendable, Equatable {
    package var connectTimeout = Duration.milliseconds(200)
    package var requestTimeout = Duration.milliseconds(500)
    /// Whether a read that its server cannot answer is a miss rather than an error.
    package var missesOnFailure = true
    /// Whether a write that was not done is answered as if its key did not exist, rather than with an error.
    package var writesMissOnFailure = true
    /// Whether keys that changed while a server was out are deleted from it before it returns.
    package var isJournaled = true
    /// Connections to each server.
    package var connections = 1
    /// The servers, in the order of the routing plan's pool.
    package var members: [Member] = []

    package init() {}
  }

  package var routing: RoutingPlan
  /// One for each pool of the routing plan.
  package var pools: [Options]
  package var limits = Limits()

  package init(routing: RoutingPlan, pools: [Options]) {
    self.routing = routing
    self.pools = pools
  }
}

/// The limits of a worker's queues, buffers and waits. There are no other bounds.
package struct Limits: Sendable, Equatable {
  /// Bytes of unsent replies to one client above which no more of its requests are served.
  package var clientOutput = 256 << 10
  /// Requests of one client in flight.
  package var clientRequests: UInt32 = 1024
  /// Requests of one client in flight while the size of its replies is not known.
  package var firstRequests: UInt32 = 4
  /// Largest value, either way.
  package var maxValue = 128 << 20
  /// Bytes, and number, of requests queued on one connection to a server.
  package var serverQueue = 64 << 20
  package var serverDepth = 65_536
  /// Late replies outstanding on one connection before it is closed.
  package var lateReplies = 1024
  /// A client whose request stays unfinished this long is disconnected.
  package var requestPatience = Duration.seconds(10)
  /// A client that does not read its replies for this long is disconnected.
  package var writePatience = Duration.seconds(10)
  /// Bytes of all buffers of a worker. The less of it is free, the less any one buffer may grow. A quarter above it,
  /// the client with the most unread bytes is closed.
  package var memory = 48 << 20
  /// Values larger than this are streamed over a private connection; smaller ones are buffered until they are complete.
  /// When memory is short the limit may go down to `heldLeast`. It is a little below memcached's own limit, so that a
  /// value that its server may refuse by the request line alone is not buffered first.
  package var held = (1 << 20) - 4096
  package var heldLeast = 16 << 10
  /// Uploads larger than this may be streamed even below `held`: see `shouldCutThrough`.
  package var cutThrough = 64 << 10
  /// Bytes at which a value counts as large: a server that has shown one may have more.
  package var large = 64 << 10
  /// Values of fewer bytes fit in memory, however many keys a multi-get has.
  package var small = 1024
  /// Bytes still to arrive of a reply, all to be discarded, for which its connection is closed and reopened. A multi-get
  /// has one such reply per server, so less of each: servers send at most a fifth too much even for 5 MB in all.
  package var worthCutting = 256 << 10
  package var worthCuttingSingle = 8 << 20
  /// Bytes of a streamed value that are read ahead of the receiver.
  package var ahead = 256 << 10
  /// Concurrent streams of a worker, and how long a stream may make no progress while others wait for a stream.
  package var streams = 32
  package var streamPatience = Duration.seconds(1)
  /// Idle private connections kept for each server, and for how long.
  package var spares = 16
  package var sparePatience = Duration.seconds(1)
  /// A connection that was up for this long is reopened at once when it is lost.
  package var settling = Duration.seconds(1)
  /// Least time between two attempts to connect, per connection.
  package var reconnectDelay = Duration.milliseconds(50)
  /// The same for a server that has replied that it accepts no more connections.
  package var fullDelay = Duration.seconds(1)
  /// A closed connection is reopened after this time, even if no client needs it.
  package var reconnecting = Duration.seconds(1)
  /// A connection that received nothing for this long before a request was sent may be stale: if it is lost before it
  /// receives another byte, reads are sent once more.
  package var staleAfter = Duration.seconds(1)
  /// A connection without outstanding replies that was idle for this long is sent `version` before anything else.
  package var idleAfter = Duration.seconds(1)
  /// A connection that was idle for this long is sent `version`, even if no request needs it.
  package var pingAfter = Duration.seconds(10)
  /// How long an idle connection may take to answer `version` before another is opened beside it; a quarter of the
  /// request deadline if that is less.
  package var validationPatience = Duration.milliseconds(100)
  /// How long a server that was not reading needs, once it reads again, to execute what lies in its old connections.
  package var rest = Duration.milliseconds(100)
  /// The size of one server's journal, in keys and in bytes of memory.
  package var journalKeys = 100_000
  package var journalBytes = 16 << 20
  /// Writes in doubt on a server that stays up leave the journal after this time, and no sooner than after four request
  /// deadlines: no connection over which such a write could still arrive lives longer than two.
  package var journalLife = Duration.seconds(10)

  package init() {}
}
