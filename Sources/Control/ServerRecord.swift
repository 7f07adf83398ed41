import Bytes
import Proxy
import Stats
import Topology

/// What the control plane remembers of one server besides its health: which log lines were written, and the `note` row of
/// `stats ringroad`.
struct ServerRecord: Sendable {
  /// The reason for a `note` row: a condition that `up`, `ejected` or `down` does not tell.
  enum Caveat: Equatable, Sendable {
    /// The server accepts no more connections.
    case full
    /// The server is used, although it refused a `flush_all` that it owed.
    case unflushed
    /// The server stays out, because it may hold old values and refuses `flush_all`.
    case unsafe
    /// The server stays out, because a flush or a delete before its return failed.
    case unclean
    /// The server cannot be used as it is configured.
    case unsuited(Unsuited)

    /// The row's value.
    var words: String {
      switch self {
      case .full: "at its connection limit"
      case .unflushed: "flush_all refused"
      case .unsafe: "stays out: flush_all refused"
      case .unclean: "stays out: outdated keys could not be deleted"
      case .unsuited(let kind): "stays out: \(Recognition.words(kind).what)"
      }
    }
  }

  var caveat: Caveat?
  /// The state that was last published, and since when it has that, in seconds since 1970.
  var shown: (state: ServerState, since: Double)?
  /// How often it was taken out because it had failed.
  var ejections = 0
  /// Why it was last taken out.
  var cause: ServerFailure?
  /// When the server last refused a connection because of its limit.
  var fullAt: Instant?
  /// Whether the server ever answered a handshake.
  var hasAnswered = false
  /// Whether other protocols were tried since the server went out.
  var isRecognitionTried = false
  /// The protocol that the server seems to speak; logged if it does not answer the next text handshake either.
  var suspect: Unsuited?
  var isSweepFailureLogged = false
  /// Whether the log says that it has not answered since it was added, or since its mark was removed.
  var isSilenceLogged = false
  /// When the server was started, by its uptime, and when it reported that in its present outage.
  private var started: (at: Duration, said: Instant)?

  /// Decides whether the server was restarted in its present outage, and so holds nothing from before it. Returns a
  /// moment that the restart did not precede; nil if no restart is known.
  ///
  /// There are two signs: its uptime is shorter than its outage, or it started later than an earlier session in this
  /// outage found. memcached reports up to three seconds too much, so the first sign needs an outage longer than that.
  mutating func restarted(_ startedAt: Duration, outSince: Instant, now: Instant) -> Instant? {
    if let before = started, before.said >= outSince {
      return startedAt >= before.at + .seconds(2) ? before.said : nil
    }
    started = (startedAt, now)
    let earliest = startedAt - .seconds(1)
    return earliest > outSince.since(.origin) ? Instant.origin.advanced(by: earliest) : nil
  }

  /// How long a server must not have been full before that is logged again.
  static let fullPatience = Duration.seconds(10)

  mutating func wentOut() {
    if caveat != .full { caveat = nil }
    isRecognitionTried = false
    suspect = nil
    isSilenceLogged = false
  }

  mutating func isBack() {
    if caveat != .full && caveat != .unflushed { caveat = nil }
  }
}

extension ControlPlane {
  /// Sets the `note` row of a server; returns whether it changed.
  @discardableResult
  mutating func note(_ server: ServerID, _ caveat: ServerRecord.Caveat) -> Bool {
    guard records[server]?.caveat != caveat else { return false }
    records[server, default: ServerRecord()].caveat = caveat
    emit(.report)
    return true
  }

  /// Logs that a server accepts no more connections, once until it has recovered.
  mutating func noteFull(_ server: ServerID, now: Instant) {
    let isKnown = records[server]?.fullAt != nil
    records[server, default: ServerRecord()].fullAt = now
    guard !isKnown else { return }
    note(server, .full)
    log(
      .warning, server, "server full: it accepts no more connections",
      ["do": "raise -c (maxconns) there, or lower connections or threads here"])
  }

  mutating func noteUnsuited(_ server: ServerID, _ kind: Unsuited) {
    guard note(server, .unsuited(kind)) else { return }
    let (what, remedy) = Recognition.words(kind)
    log(.warning, server, "\(what): it cannot be used", ["do": remedy])
  }

  /// Logs, once in an outage, that a server answers but could not be flushed or cleaned.
  mutating func noteUnclean(_ server: ServerID, at step: String) {
    guard records[server]?.caveat != .unsafe, note(server, .unclean) else { return }
    log(
      .warning, server,
      "server answers, but its outdated keys could not be deleted: it stays out until they are",
      ["failed": step, "do": "restart it if this lasts, or set rejoin: as_is"])
  }

  /// Clears the note of servers that have not been full for a while. Called once a second.
  mutating func forgetFull(now: Instant) {
    for (server, record) in records {
      guard let fullAt = record.fullAt, now.since(fullAt) >= ServerRecord.fullPatience else { continue }
      records[server]?.fullAt = nil
      guard record.caveat == .full else { continue }
      records[server]?.caveat = nil
      emit(.report)
    }
  }
}
