import Routing
import Topology

/// A worker's configuration: the control thread builds it on every reload, the same for all workers.
package struct WorkerPlan: Sendable {
  /// A server: one health, one journal and one set of connections, however many pools it is in.
  package struct Server: Sendable, Equatable {
    /// The server's id: the same as long as the server is configured.
    package var id: ServerID
    package var label = ""
    package var status = ServerStatus.up
    /// If it is ejected, the pools whose rings are without it; nil for all that it is in.
    package var ejectedFrom: Set<PoolID>?
    /// Connections to it.
    package var connections = 1
    /// Whether keys that changed while it was out are deleted from it before it returns.
    package var isJournaled = true

    package init(id: ServerID) { self.id = id }
  }

  package var routing: RoutingPlan
  /// Each server of any pool once.
  package var servers: [Server]
  /// One for each pool of the routing plan, with the servers in the order of its ring.
  package var pools: [PoolMembers]
  package var listeners: [ListenerID] = []
  /// The pools that listeners or nodes name.
  package var targets: [PoolID] = []
  /// The policies, which are the first nodes of the routing plan. Their ids are of the pools' numbers: a listener's
  /// target is either.
  package var policies: [PoolID] = []
  /// The pools that have the same ring and the same servers as in the plan before.
  package var keptPools: Set<PoolID> = []
  package var limits = Limits()

  package init(routing: RoutingPlan, servers: [Server], pools: [PoolMembers]) {
    self.routing = routing
    self.servers = servers
    self.pools = pools
  }
}

/// The limits of a worker's queues, buffers and waits. Fixed bounds are beside what they bound; docs/LIMITS.md has all.
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
  package var halfRequestTimeout = Duration.seconds(60)
  /// A client that does not read its replies for this long is disconnected.
  package var unreadTimeout = Duration.seconds(300)
  /// How long a client may do either when more than half of the memory is in use: then those that hold the most are
  /// disconnected, until no more than half is.
  package var shortPatience = Duration.seconds(10)
  /// How long a server may take for the next keys of a list of all its keys.
  package var listPatience = Duration.seconds(10)
  /// Bytes of all buffers of a worker. The less of it is free, the less any one buffer may grow. A quarter above it,
  /// the client with the most buffered bytes is closed.
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
  /// How long a client may wait for a stream.
  package var streamWait = Duration.seconds(10)
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
  /// Nanoseconds after which a request is slow, and reported.
  package var slow = UInt64.max

  package init() {}
}
