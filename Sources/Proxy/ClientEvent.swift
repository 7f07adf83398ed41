import Bytes
import Stats

/// Something that a client did, or was closed for: counted, and for the log, without any byte that the client sent.
package struct ClientEvent: BitwiseCopyable, Equatable, Sendable {
  /// What happened.
  package enum Kind: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    // The client is closed, because it speaks another protocol.
    case spokeBinary, spokeTLS, spokeHTTP, sentLineWithoutEnd
    // The client is closed, because it kept the proxy waiting.
    case leftHalfRequest, leftRepliesUnread
    /// The closed client kept a large value from moving while others waited to begin theirs.
    case heldStream
    /// Memory is short, and the closed client held the most of it: `number` bytes.
    case heldMostMemory
    /// The client sent `flush_all` or `stats reset`, which concern all clients.
    case flushedAll, resetStats
    /// The client requested the log level of memcached's verbosity `number`.
    case setLogLevel
  }

  package let kind: Kind
  /// The client of the first such event.
  package let client: Ref<Client>
  /// The number of such events.
  package var count = 1
  /// Of the last one.
  package var number: UInt64

  package init(_ kind: Kind, by client: Ref<Client>, number: UInt64 = 0) {
    self.kind = kind
    self.client = client
    self.number = number
  }
}

extension ClientEvent.Kind {
  var counter: Counter {
    switch self {
    case .spokeBinary, .spokeTLS, .spokeHTTP, .sentLineWithoutEnd: .foreignClients
    case .leftHalfRequest: .clientsClosedHalfRequest
    case .leftRepliesUnread: .clientsClosedUnread
    case .heldStream: .clientsClosedStream
    case .heldMostMemory: .clientsClosedMemory
    case .flushedAll: .clientFlushes
    case .resetStats: .clientStatsResets
    case .setLogLevel: .clientLogLevels
    }
  }
}

extension Common {
  /// Counts a client's event. Events of one kind are merged until the edge takes them, so there are never more than
  /// there are kinds.
  @inline(never)
  mutating func note(_ kind: ClientEvent.Kind, by c: Ref<Client>, number: UInt64 = 0) {
    counters.add(kind.counter)
    guard let i = clientEvents.firstIndex(where: { $0.kind == kind }) else {
      return clientEvents.append(ClientEvent(kind, by: c, number: number))
    }
    clientEvents[i].count &+= 1
    clientEvents[i].number = number
  }
}
