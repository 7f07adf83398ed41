import Bytes
import Routing

/// What a worker works by: built by the control thread on every reload, the same for all workers.
package struct WorkerPlan: Sendable {
  package struct Member: Sendable, Equatable {
    /// Stays the same as long as the server stays in its pool.
    package var id: UInt32
    package var label: String
    package var status: ServerStatus

    package init(id: UInt32, label: String, status: ServerStatus) {
      self.id = id
      self.label = label
      self.status = status
    }
  }

  package struct Options: Sendable, Equatable {
    package var connectTimeout = Duration.milliseconds(200)
    package var requestTimeout = Duration.milliseconds(500)
    /// Whether a read that its server cannot answer is a miss rather than an error.
    package var missesOnFailure = true
    /// Whether a write that was not done is answered as if its key were not there, rather than with an error.
    package var writesMissOnFailure = true
    /// Whether a server that was out must forget what changed meanwhile.
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

/// How much of anything a worker lets wait. These are all the bounds there are.
package struct Limits: Sendable, Equatable {
  /// Answers waiting for one client, in bytes, above which no more of its requests are taken.
  package var clientOutput = 256 << 10
  /// Requests of one client in flight.
  package var clientRequests: UInt32 = 1024
  /// As long as nothing is known of how large its answers are.
  package var firstRequests: UInt32 = 4
  /// Largest value, either way.
  package var maxValue = 128 << 20
  /// Requests waiting for one server on one connection, in bytes and in number.
  package var serverQueue = 64 << 20
  package var serverDepth = 65_536
  /// Late replies awaited on one connection before it is closed.
  package var lateReplies = 1024
  /// A request half received for this long ends its client's connection.
  package var requestPatience = Duration.seconds(10)
  /// An answer not taken for this long ends its client's connection.
  package var writePatience = Duration.seconds(10)
  /// Bytes of all buffers of a worker. The less of it is free, the less any one of them may take; a quarter
  /// above it the client that leaves the most unread is closed.
  package var memory = 48 << 20
  /// Values longer than this are streamed, over a connection of their own; the shorter ones are held until
  /// they have come as a whole. When memory is short it may go down to `heldLeast`. A little less than memcached's
  /// own limit, so that what a server may refuse by its line alone is not waited for.
  package var held = (1 << 20) - 4096
  package var heldLeast = 16 << 10
  /// Longer ones are streamed to their servers all the same where nothing stands in the way: see `shouldCutThrough`.
  package var cutThrough = 64 << 10
  /// Bytes from which on a value is large: a server that has shown one may have more.
  package var large = 64 << 10
  /// Values of fewer bytes fit in memory, however many a multi-get asks for.
  package var small = 1024
  /// A multi-get's reply of which as much more is to come that is not kept costs its connection; a single value that is
  /// eight times as long.
  package var worthCutting = 1 << 20
  /// Bytes of a streamed value that are read ahead of who takes them.
  package var ahead = 256 << 10
  /// Streams of a worker at a time, and how long a stream may stand still while others wait for their turn.
  package var streams = 32
  package var streamPatience = Duration.seconds(1)
  /// Idle private connections kept for each server, and for how long.
  package var spares = 16
  package var sparePatience = Duration.seconds(1)
  /// A connection that has held this long is tried again at once when it is lost.
  package var settling = Duration.seconds(1)
  /// No two attempts to connect to one server within this, per connection.
  package var reconnectDelay = Duration.milliseconds(50)
  /// The same for a server that has said that it takes no more connections.
  package var fullDelay = Duration.seconds(1)
  /// One that is closed is tried again after so long, though no client needs it.
  package var reconnecting = Duration.seconds(1)
  /// A connection from which nothing has come for so long when a request is sent may have gone stale: should it
  /// be lost before it says another word, reads are sent once more.
  package var staleAfter = Duration.seconds(1)
  /// One that is owed nothing and has been idle so long is asked `version` before anything else.
  package var idleAfter = Duration.seconds(1)
  /// One that has been idle so long is asked `version`, though nobody needs it.
  package var pingAfter = Duration.seconds(10)
  /// How long one that was idle may take to answer before another is opened beside it; a quarter of the request
  /// deadline if that is less.
  package var validationPatience = Duration.milliseconds(100)
  /// What the journal holds against one server, in keys and in bytes of memory.
  package var journalKeys = 100_000
  package var journalBytes = 16 << 20
  /// What is in doubt on a server that stays up is forgotten after this long, and no sooner than after four
  /// request deadlines: no connection that it could come over lives longer than two.
  package var journalLife = Duration.seconds(10)

  package init() {}
}
