import Bytes
import Stats
import Topology
import Wire

/// An operation that the worker asks of the edge, which owns the sockets.
package enum Effect: BitwiseCopyable, Equatable {
  /// Open this connection to its server.
  case connect(connection: Ref<ServerConnection>)
  /// Send `Upstream.handshakeRequest(for:)` on this connection, which is open, with nothing in flight.
  case handshake(connection: Ref<ServerConnection>)
  /// Close this connection, if it is open.
  case disconnect(connection: Ref<ServerConnection>)
  /// Close this client and report it with `closed(client:)`.
  case close(client: Ref<Client>)
  /// Read no more from this client until `resume`.
  case pause(client: Ref<Client>)
  case resume(client: Ref<Client>)
  /// Read no more from this connection to a server until `resumeConnection`.
  case pauseConnection(Ref<ServerConnection>)
  case resumeConnection(Ref<ServerConnection>)
  /// Answer this exchange with statistics of the whole process.
  case report(exchange: SlotID<Exchange>, OwnReport)
  /// Answer this `stats` request with `Dispatcher.mergeStats`, which is given what all workers share. Its servers have
  /// answered, or were given up.
  case mergeStats(Ref<FanOut>)
}

/// Statistics that are the proxy's own.
package enum OwnReport: UInt8, BitwiseCopyable, Sendable {
  /// `stats ringroad`
  case numbers
  /// `stats hotkeys`
  case hotKeys
}

/// Why a server that answers cannot be used.
package enum Unsuited: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  /// It requires a user name and a password: memcached `-Y`, or SASL.
  case authentication
  /// It speaks TLS.
  case tls
  /// It speaks the binary protocol only: memcached `-B binary`.
  case binary
}

extension Unsuited {
  /// Recognises the first bytes of a reply to `version`; nil for anything else.
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

/// A request or a reply for the log, without anything that clients have put into it: its first word, if that is one of
/// the protocol's, and its number of bytes.
package struct Outline: Equatable, Sendable, CustomStringConvertible {
  package let word: String
  package let bytes: Int

  /// The first words of replies.
  private static let words = [
    "VALUE", "END", "STORED", "NOT_STORED", "EXISTS", "NOT_FOUND", "DELETED", "TOUCHED", "OK", "ERROR",
    "CLIENT_ERROR", "SERVER_ERROR", "VERSION", "STAT", "RESET", "ITEM", "VA", "HD", "EN", "NF", "NS", "EX",
    "MN", "ME",
  ]

  /// A request; without a verb, no request.
  init(_ verb: Verb?, bytes: Int) {
    word = verb?.word ?? "nothing"
    self.bytes = bytes
  }

  /// The reply that begins at `p`.
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

/// Something that happened in a worker, for the log and for the board, which decides on servers' health.
package enum WorkerEvent: Equatable, Sendable {
  /// A request to this server, or a connection to it, failed.
  case failed(server: ServerID, ServerFailure)
  /// A connection attempt that began at `since` was not completed, or its handshake not answered, in time. The server
  /// may be full, not dead, if other connections have received replies since.
  case unanswered(server: ServerID, since: Instant)
  /// The server replied that it accepts no more connections.
  case full(server: ServerID)
  /// The server's reply to the handshake shows that it cannot be used as it is configured.
  case unsuited(server: ServerID, Unsuited)
  /// A reply in time, after a failure.
  case answered(server: ServerID)
  /// The server sent bytes that are no reply to the request; the connection was closed.
  case violation(server: ServerID, violation: ProtocolViolation, asked: Outline, got: Outline)
  /// A request took longer than `Limits.slow`.
  case slow(AnsweredRequest)
  /// What clients did, or were closed for.
  case client(ClientEvent)
  /// A `flush_all` did not reach this server: it is flushed before it returns to the ring.
  case flushOwed(server: ServerID)
  /// The server did a client's `flush_all` without a delay, which the worker received at `asked`.
  case flushed(server: ServerID, asked: Instant)
}
