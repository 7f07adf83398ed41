import Bytes
import Wire

/// What a worker wants done at the edge: sockets are not its business.
package enum Effect: BitwiseCopyable, Equatable {
  /// Open this connection to its server.
  case connect(connection: UInt32)
  /// Send `Worker.handshaking(for:)` on this connection, which is open and idle.
  case handshake(connection: UInt32)
  /// Close this connection, if it is open.
  case disconnect(connection: UInt32)
  /// Close this client and say so with `closed(client:)`.
  case close(client: UInt32)
  /// Read no more from this client until `resume`.
  case pause(client: UInt32)
  case resume(client: UInt32)
  /// Read no more from this connection to a server until `resumeConnection`.
  case pauseConnection(UInt32)
  case resumeConnection(UInt32)
  /// Answer this exchange with the whole process's numbers.
  case report(exchange: SlotID)
}

/// Why a server that answers cannot be used.
package enum Unsuited: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  /// It wants a user and a password first: memcached `-Y`, or SASL.
  case authentication
  /// It speaks TLS.
  case tls
  /// It speaks the binary protocol only: memcached `-B binary`.
  case binary
}

extension Unsuited {
  /// What the first bytes of an answer to `version` say; nil for anything else.
  init?(handshaking bytes: RawSpan) {
    if bytes.hasText("CLIENT_ERROR unauthenticated", at: 0) {
      self = .authentication
    } else if bytes.hasText("\u{15}\u{3}", at: 0) {
      self = .tls
    } else if bytes.byteCount > 0, bytes.byte(at: 0) == 0x81 {
      self = .binary
    } else {
      return nil
    }
  }
}

/// What a request or a reply looks like without what clients have put into it, for the log: its first word, if that is one of
/// the protocol's, and how many bytes there are.
package struct Outline: Equatable, Sendable, CustomStringConvertible {
  package let word: String
  package let bytes: Int

  /// The first words of replies.
  private static let words = [
    "VALUE", "END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED", "OK", "ERROR",
    "CLIENT_ERROR", "SERVER_ERROR", "VERSION", "STAT", "RESET", "ITEM", "VA", "HD", "EN", "NF", "NS", "EX",
    "MN", "ME",
  ]

  /// A request, or nothing.
  init(_ verb: Verb?, bytes: Int) {
    word = verb?.word ?? "nothing"
    self.bytes = bytes
  }

  /// What begins at `p`.
  init(_ reply: RawSpan, at p: Int) {
    let end = min(reply.firstBreak(from: min(max(0, p), reply.byteCount)), reply.byteCount)
    var text: [UInt8] = []
    for i in min(p, end)..<min(end, p &+ 16) { text.append(reply.byte(at: i)) }
    let first = String(decoding: text, as: UTF8.self)
    word = Self.words.first { $0 == first } ?? "other"
    bytes = max(0, reply.byteCount &- p)
  }

  package var description: String { "\(word), \(bytes) bytes" }
}

extension Verb {
  /// As it is written.
  fileprivate var word: String {
    switch self {
    case .metaGet: "mg"
    case .metaSet: "ms"
    case .metaDelete: "md"
    case .metaArithmetic: "ma"
    case .metaDebug: "me"
    case .metaNoop: "mn"
    case .flushAll: "flush_all"
    default: "\(self)"
    }
  }
}

/// One server's numbers, as one worker counts them.
package struct ServerNumbers: BitwiseCopyable, Sendable, Equatable {
  /// The server's number: the same in every worker.
  package var id: UInt32
  /// When it last gave a reply; the origin if it never did.
  package var heard: Instant
  /// Keys of its that were answered as misses because it could not answer.
  package var readsAsMisses: UInt64

  package init(id: UInt32, heard: Instant, readsAsMisses: UInt64) {
    self.id = id
    self.heard = heard
    self.readsAsMisses = readsAsMisses
  }
}

/// What a worker has seen that others should know: for the log, and for the board that decides on health.
package enum WorkerEvent: Equatable, Sendable {
  /// So many requests failed at this server, or a connection to it, for one cause.
  case failed(server: UInt32, ServerFailure)
  /// A connection that was begun at `since` was not made, or not greeted, in time. The server may be full, not dead, if
  /// others have heard from it since.
  case unanswered(server: UInt32, since: Instant)
  /// The server takes no more connections: it said so.
  case full(server: UInt32)
  /// The server answered the greeting as one that cannot be used as it is configured.
  case unsuited(server: UInt32, Unsuited)
  /// A reply in time, after a failure.
  case answered(server: UInt32)
  /// Bytes that no request can have been answered with; the connection was closed.
  case violation(server: UInt32, violation: ProtocolViolation, asked: Outline, got: Outline)
  /// Memory was short: the client that held the most, so many bytes, was closed.
  case closedForMemory(held: Int)
  /// A client asked for this log level.
  case verbosity(UInt64)
  /// flush_all reached everybody but these servers: they are flushed before they come back.
  case flushOwed(server: UInt32)
  /// The server did a client's `flush_all` without a delay; it was asked at `asked`.
  case flushed(server: UInt32, asked: Instant)
}
