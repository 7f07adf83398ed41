import Bytes
import Proxy

/// What the supervisor keeps of a server beside its health: what was said of it in the log, and what an operator is
/// shown in `stats ringroad`.
struct ServerRecord {
  /// Something about a server that its standing does not say.
  enum Caveat: Equatable {
    /// It takes no more connections.
    case full
    /// It is used, though it refused the `flush_all` that it was owed.
    case unflushed
    /// It stays out, because it may hold old values and refuses `flush_all`.
    case unsafe
    /// It stays out, because it does not do what it is told before its return.
    case unclean
    /// It cannot be used as it is configured.
    case unsuited(Unsuited)

    /// As a row of `stats ringroad` has it.
    var words: String {
      switch self {
      case .full: "at its connection limit"
      case .unflushed: "flush_all refused"
      case .unsafe: "stays out: flush_all refused"
      case .unclean: "stays out: could not be cleaned"
      case .unsuited(let kind): "stays out: \(Recognition.words(kind).what)"
      }
    }
  }

  var caveat: Caveat?
  /// When it last said that it takes no more connections.
  var fullAt: Instant?
  /// Whether it ever answered a greeting.
  var hasAnswered = false
  /// Whether it was tried, since it went out, if it speaks something else than text.
  var isRecognitionTried = false
  /// What it seems to speak; said when it once more does not answer as text.
  var suspect: Unsuited?
  var isUnsweptSaid = false
  /// When it had been started, as it said in its present outage, and when it said so.
  private var started: (at: Duration, said: Instant)?

  /// Takes in when a server says that it was started, and since when it is out. Returns a moment in its outage before which
  /// it had not been started: then it was restarted, and holds nothing of before. Nil if that is not known.
  ///
  /// Two signs: it is younger than its outage, or younger than it was when it said so before. What memcached says of its age
  /// is up to three seconds too much, and the first sign is only good for what was out for longer.
  mutating func restarted(_ startedAt: Duration, outSince: Instant, now: Instant) -> Instant? {
    if let before = started, before.said >= outSince {
      return startedAt >= before.at + .seconds(2) ? before.said : nil
    }
    started = (startedAt, now)
    let earliest = startedAt - .seconds(1)
    return earliest > outSince.since(.origin) ? Instant.origin.advanced(by: earliest) : nil
  }

  /// How long a server must not have been full before that is news again.
  static let fullPatience = Duration.seconds(10)

  mutating func wentOut() {
    if caveat != .full { caveat = nil }
    isRecognitionTried = false
    suspect = nil
  }

  mutating func isBack() {
    if caveat != .full && caveat != .unflushed { caveat = nil }
  }
}

extension Supervisor {
  /// Shows a caveat of a server; returns whether it is news.
  @discardableResult
  func note(_ server: UInt32, _ caveat: ServerRecord.Caveat) -> Bool {
    guard records[server]?.caveat != caveat else { return false }
    records[server, default: ServerRecord()].caveat = caveat
    report()
    return true
  }

  /// A server takes no more connections: said once, and again after it has recovered.
  func noteFull(_ server: UInt32, now: Instant) {
    let isKnown = records[server]?.fullAt != nil
    records[server, default: ServerRecord()].fullAt = now
    guard !isKnown else { return }
    note(server, .full)
    log.warning(
      "server full: it takes no more connections",
      ["server": label(server), "do": "raise -c (maxconns) there, or lower connections or threads here"])
  }

  func noteUnsuited(_ server: UInt32, _ kind: Unsuited) {
    guard note(server, .unsuited(kind)) else { return }
    let (what, remedy) = Recognition.words(kind)
    log.warning("\(what): it cannot be used", ["server": label(server), "do": remedy])
  }

  /// A server answered, but not as it must before it is used again: said once in an outage.
  func noteUnclean(_ server: UInt32, at step: String) {
    guard records[server]?.caveat != .unsafe, note(server, .unclean) else { return }
    log.warning(
      "server answers but could not be cleaned: it stays out until it is",
      ["server": label(server), "failed": step, "do": "restart it if this lasts, or set rejoin: as_is"])
  }

  /// Forgets that servers were full which have not been for a while. Called once a second.
  func forgetFull(now: Instant) {
    for (server, record) in records {
      guard let fullAt = record.fullAt, now.since(fullAt) >= ServerRecord.fullPatience else { continue }
      records[server]?.fullAt = nil
      guard record.caveat == .full else { continue }
      records[server]?.caveat = nil
      report()
    }
  }
}
