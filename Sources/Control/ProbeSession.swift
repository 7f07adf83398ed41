import Bytes
import Proxy
import Topology
import Wire

/// The proxy's own exchange with a server: a probe of a server that is out, which continues until the server is safe to
/// use, or a cleanup job on a server that is up and holds copies of other servers' keys.
///
///     probe     connect ─▶ version ─▶ alive      it may return: ─▶ stats ─▶ rest ─▶ version ─▶ ready
///     cleanup   connect ─▶ version ─▶ rest ─▶ version ─▶ ready
///     ready ─▶ flush_all ─▶ done, or refused
///           ─▶ delete, delete, … ─▶ done
///
/// A server that does not know a command answers with an error or, as other proxies do, closes the connection. In the
/// second case the session reconnects and tries again; after the second such close it leaves the command out.
///
/// A server that resumes after a stop finds old requests in its old connections. It works these off during the rest,
/// the pause between two replies to `version`: what is deleted after the rest stays deleted. A client's request is
/// never a probe. A server has one session at a time. Bytes in, bytes out: the control thread has the socket.
struct ProbeSession: Sendable {
  enum Step: Equatable, Sendable {
    case connecting
    case handshaking
    case inquiring
    case idle(until: Instant)
    case confirming
    case ready
    case flushing
    case deleting
    /// Between two batches of deletes of a cleanup job, which is not urgent.
    case pausing
  }

  enum Verdict: Equatable, Sendable {
    case waiting
    /// The server answered the probe.
    case alive
    /// The server has had its rest, or needs none: a cleanup job may start.
    case ready
    case done
    /// The server refuses `flush_all`. The connection is usable.
    case refused
    /// The server closed the connection after a command that it may not know: open another, then call `reconnected`.
    case reconnect
    /// The server accepts no more connections.
    case full
    /// The server cannot be used as it is configured.
    case unsuited(Unsuited)
    case dead
  }

  /// The reason for opening a session.
  enum Purpose: Equatable, Sendable {
    case probe
    case job(FailoverCoordinator.CleanupJob)
    /// To find out which protocol an unusable server speaks.
    case recognition(Unsuited)

    var isJob: Bool { if case .job = self { true } else { false } }
  }

  /// Deletes sent before their replies are awaited.
  static let batch = 256
  /// Connections that a server may close at one command before the command counts as unknown to it.
  static let mostEnds = 2
  /// Longest reply to `stats`, in bytes.
  static let longestReport = 1 << 18

  let server: ServerID
  let purpose: Purpose
  /// The time limit for each reply, or batch of replies.
  let patience: Duration
  /// How long a server may take to work off old requests that it finds in its connections.
  let rest: Duration
  private(set) var step = Step.connecting
  private(set) var deadline: Instant
  private var askedAt = Instant.origin
  /// Why the session failed; nil if the server's reply was wrong.
  private(set) var cause: ServerFailure?
  /// Seconds since the server was started, if `stats` has said so.
  private(set) var uptime: UInt64?
  /// The items that it holds, if `stats` has said so.
  private(set) var items: UInt64?
  /// The server's start on the proxy's clock, to whole seconds; may lie before the clock's origin.
  private(set) var startedAt: Duration?
  private var input: [UInt8] = []
  /// Bytes that wait to be sent.
  private(set) var output: [UInt8] = []
  private var job: FailoverCoordinator.CleanupJob?
  private var next = 0
  private var awaited = 0
  /// The step at which the server closed the connection, and how many times in a row.
  private var interrupted: Step?
  private var ends = 0
  private var knowsMetaDelete = true
  /// Whether the server's version is of a memcached that accepts keys in base64 (1.6.10 or later).
  private var isRecent = false
  /// The number of keys not deleted because the server does not know the command that can name them. No client can have
  /// stored them there either: that takes the same kind of command.
  private var unnamed = 0

  init(server: ServerID, purpose: Purpose, patience: Duration, rest: Duration, now: Instant) {
    self.server = server
    self.purpose = purpose
    self.patience = patience
    self.rest = rest
    deadline = now.advanced(by: patience)
  }

  var isProbe: Bool { purpose == .probe }

  // MARK: - Requests

  /// Sends the handshake.
  mutating func connected(now: Instant) -> Verdict {
    if case .recognition(let kind) = purpose {
      return ask(Recognition.question(kind), .handshaking, now: now)
    }
    return ask("version\r\n", .handshaking, now: now)
  }

  /// Continues on another connection.
  mutating func reconnected(now: Instant) {
    input = []
    output = []
    step = .connecting
    deadline = now.advanced(by: patience)
  }

  /// Handles the end of the connection, closed by the server.
  mutating func closed() -> Verdict {
    switch step {
    case .inquiring: break
    case .flushing: break
    case .deleting:
      // Deletes without a reply are sent again.
      let unanswered = next - awaited..<next
      (next, awaited) = (unanswered.lowerBound, 0)
      // A memcached that knows `md` closes the connection for another reason.
      guard knowsMetaDelete, !isRecent, job?.keys[unanswered].contains(where: Self.needsMeta) == true
      else {
        return .dead
      }
    default: return .dead
    }
    ends = interrupted == step ? ends + 1 : 1
    interrupted = step
    return .reconnect
  }

  /// Asks a server that answered the probe and may return for its uptime: whether it was restarted or needs a rest.
  mutating func inquire(now: Instant) -> Verdict { ask("stats\r\n", .inquiring, now: now) }

  /// Skips the rest: the server was restarted, so its connections hold no old requests.
  mutating func skipCooldown() { step = .ready }

  mutating func begin(_ job: FailoverCoordinator.CleanupJob, now: Instant) -> Verdict {
    self.job = job
    next = 0
    if job.flushes { return ask("flush_all\r\n", .flushing, now: now) }
    return deleteMore(now: now)
  }

  private mutating func ask(_ command: String, _ step: Step, now: Instant) -> Verdict {
    ask(Array(command.utf8), step, now: now)
  }

  private mutating func ask(_ command: [UInt8], _ step: Step, now: Instant) -> Verdict {
    self.step = step
    output += command
    askedAt = now
    deadline = now.advanced(by: patience)
    return .waiting
  }

  /// Removes the first bytes of the output, which were sent.
  mutating func sent(_ count: Int) { output.removeFirst(min(count, output.count)) }

  /// Handles a failure to send: the server's error line may be waiting to be read.
  mutating func sendFailed() -> Verdict { step == .handshaking ? .waiting : closed() }

  /// Ends the rest or a pause when it is over, and checks the deadline.
  mutating func tick(now: Instant) -> Verdict {
    switch step {
    case .ready: return .waiting
    case .idle(let until):
      return now >= until ? ask("version\r\n", .confirming, now: now) : .waiting
    case .pausing: return deleteMore(now: now)
    // The server has just answered `version`: it may not know this command, so it is not dead.
    case .inquiring: return now >= deadline ? closed() : .waiting
    default:
      guard now >= deadline else { return .waiting }
      cause = .timedOut
      return .dead
    }
  }

  /// Whether the server was sent a text handshake and has sent nothing.
  var isSpeechless: Bool { isProbe && step == .handshaking && input.isEmpty }

  private mutating func deleteMore(now: Instant) -> Verdict {
    guard let keys = job?.keys, next < keys.count else {
      job = nil
      step = .ready
      return .done
    }
    let end = min(keys.count, next + Self.batch)
    // After a close at this step, each key that needs `md` is sent alone.
    let isTried = interrupted == .deleting
    awaited = 0
    while next < end {
      let isMeta = Self.needsMeta(keys[next])
      if isMeta, !knowsMetaDelete {
        guard awaited == 0 else { break }
        unnamed += 1
        next += 1
        continue
      }
      if isMeta, isTried, awaited > 0 { break }
      output += Self.deletion(of: keys[next])
      awaited += 1
      next += 1
      if isMeta, isTried { break }
    }
    guard awaited > 0 else { return deleteMore(now: now) }
    step = .deleting
    deadline = now.advanced(by: patience)
    return .waiting
  }

  /// The line that deletes a key, whatever bytes the key has.
  static func deletion(of key: [UInt8]) -> [UInt8] {
    guard needsMeta(key) else {
      // Since 1.6.40 memcached takes a last key `noreply` for the option.
      return Array("delete ".utf8) + key + Array((key.elementsEqual("noreply".utf8) ? " 0\r\n" : "\r\n").utf8)
    }
    var line = Array("md ".utf8)
    for i in 0..<Base64.length(encoding: key.count) {
      line.append(Base64.letter(i, of: key.span.raw, from: 0, count: key.count))
    }
    return line + Array(" b\r\n".utf8)
  }

  /// The number of keys left out since the last call.
  mutating func takeUnnamed() -> Int {
    defer { unnamed = 0 }
    return unnamed
  }

  /// Whether a key cannot be part of a line as it is, so that only a meta command in base64 can name it.
  static func needsMeta(_ key: [UInt8]) -> Bool {
    key.contains { $0 == 32 || $0 == 13 || $0 == 10 || $0 == 0 }
  }

  // MARK: - Replies

  /// Handles received bytes. A server that sends anything but the reply to the request is not trusted.
  mutating func received(_ bytes: RawSpan, now: Instant) -> Verdict {
    for i in 0..<bytes.byteCount { input.append(bytes.byte(at: i)) }
    switch step {
    case .handshaking: return handshakeReceived(now: now)
    case .confirming:
      return answered(.version) {
        // The server was stopped again and has not had its rest.
        if now.since($0.askedAt) > $0.rest { return $0.startCooldown(now: now) }
        $0.step = .ready
        return .ready
      }
    case .flushing: return readFlush(now: now)
    case .inquiring: return readReport(now: now)
    case .deleting: return readDeletions(now: now)
    case .connecting, .idle, .ready, .pausing: return .dead
    }
  }

  private mutating func handshakeReceived(now: Instant) -> Verdict {
    if case .recognition(let kind) = purpose {
      return Recognition.isAnswer(input, to: kind) ? .unsuited(kind) : .dead
    }
    if let said = Recognition.ofHandshaking(input) { return said }
    isRecent = ReplyParser.isVersion(input.span.raw, atLeast: 1, 6, 10)
    return answered(.version) {
      switch $0.interrupted {
      case .inquiring: $0.startCooldown(now: now)
      case .flushing: $0.ends < Self.mostEnds ? $0.ask("flush_all\r\n", .flushing, now: now) : $0.refuse()
      case .deleting: $0.deleteOrSkip(now: now)
      default: $0.isProbe ? .alive : $0.startCooldown(now: now)
      }
    }
  }

  private mutating func deleteOrSkip(now: Instant) -> Verdict {
    if ends >= Self.mostEnds { knowsMetaDelete = false }
    return deleteMore(now: now)
  }

  private mutating func refuse() -> Verdict {
    input.removeAll()
    job = nil
    step = .ready
    return .refused
  }

  /// Reads the reply to `flush_all`: `OK`, or an error. Any error means that nothing was flushed.
  private mutating func readFlush(now: Instant) -> Verdict {
    if Self.isError(input[...], anyKind: true) {
      guard let newline = input.firstIndex(of: 10) else {
        return input.count > ReplyParser.longestLine ? .dead : .waiting
      }
      return newline == input.count - 1 ? refuse() : .dead
    }
    return answered(.done) { $0.deleteMore(now: now) }
  }

  private mutating func startCooldown(now: Instant) -> Verdict {
    step = .idle(until: now.advanced(by: rest))
    return .waiting
  }

  private mutating func answered(_ expected: Expectation, _ next: (inout ProbeSession) -> Verdict) -> Verdict
  {
    guard input.count <= ReplyParser.longestLine else { return .dead }
    switch ReplyParser.line(input.span.raw, at: 0, expected) {
    case .partial: return .waiting
    case .reply(let length, .done) where length == input.count:
      input.removeAll()
      return next(&self)
    default: return .dead
    }
  }

  /// Removes and returns the next complete line, without its line end.
  private mutating func takeLine() -> String? {
    guard let newline = input.firstIndex(of: 10) else { return nil }
    let line = String(decoding: input[..<newline], as: UTF8.self)
    input.removeSubrange(...newline)
    return line.hasSuffix("\r") ? String(line.dropLast()) : line
  }

  private mutating func readReport(now: Instant) -> Verdict {
    guard input.count <= Self.longestReport else { return .dead }
    while let line = takeLine() {
      let words = line.split(separator: " ")
      if words.count == 3, words[0] == "STAT", words[1] == "uptime" {
        uptime = UInt64(words[2])
        startedAt = uptime.map { now.since(.origin) - .seconds(Int64(clamping: $0)) }
      }
      if words.count == 3, words[0] == "STAT", words[1] == "curr_items" { items = UInt64(words[2]) }
      if words.first == "STAT" { continue }
      // A server that does not tell its uptime counts as not restarted.
      guard line == "END" || line.contains("ERROR"), input.isEmpty else { return .dead }
      return startCooldown(now: now)
    }
    return .waiting
  }

  private mutating func readDeletions(now: Instant) -> Verdict {
    var start = 0
    while let newline = input[start...].firstIndex(of: 10) {
      guard awaited > 0, let keys = job?.keys else { return .dead }
      if !Self.isDeletion(input[start...newline]) {
        // The server does not know the command.
        guard Self.needsMeta(keys[next - awaited]), Self.isError(input[start...newline]) else { return .dead }
        unnamed += 1
      } else if Self.needsMeta(keys[next - awaited]) {
        interrupted = nil
      }
      awaited -= 1
      start = newline + 1
    }
    input.removeSubrange(..<start)
    guard awaited == 0 else { return input.count > ReplyParser.longestLine ? .dead : .waiting }
    guard input.isEmpty, output.isEmpty else { return .dead }
    if isProbe || next >= (job?.keys.count ?? 0) { return deleteMore(now: now) }
    step = .pausing
    return .waiting
  }

  /// Whether a line is a reply to a delete: `DELETED` or `NOT_FOUND`, or one of the replies to `md` since memcached
  /// 1.5: `DE `, `OK `, `HD `, `HD`, `EN `, `NF `, `NF`.
  private static func isDeletion(_ line: ArraySlice<UInt8>) -> Bool {
    guard line.suffix(2).elementsEqual([13, 10]) else { return false }
    var word = line.dropLast(2)
    while word.last == 32 { word = word.dropLast() }
    return ["DELETED", "NOT_FOUND", "HD", "NF", "OK", "EN", "DE"].contains { word.elementsEqual($0.utf8) }
  }

  /// Whether a line says that the command is unknown or not allowed: `ERROR` or `CLIENT_ERROR …`. A `SERVER_ERROR …`
  /// may be temporary, and counts only with `anyKind`.
  private static func isError(_ line: ArraySlice<UInt8>, anyKind: Bool = false) -> Bool {
    line.starts(with: "ERROR".utf8) || line.starts(with: "CLIENT_ERROR ".utf8)
      || anyKind && line.starts(with: "SERVER_ERROR ".utf8)
  }
}
