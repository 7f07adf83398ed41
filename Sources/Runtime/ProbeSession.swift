import Bytes
import Health
import Net
import Proxy
import Wire

/// The proxy's own conversation with a server: a probe of one that is out, which goes on until the server is
/// safe, or an errand to one that is up and has been a stand-in.
///
///     probe    connect ─▶ version ─▶ alive      it may return: ─▶ stats ─▶ rest ─▶ version ─▶ ready
///     errand   connect ─▶ version ─▶ rest ─▶ version ─▶ ready
///     ready ─▶ flush_all ─▶ done, or refused
///           ─▶ delete, delete, … ─▶ done
///
/// A server that does not know a command answers with an error, or closes the connection, as other proxies do. In the second
/// case the visit reconnects and tries again; after a second such end it leaves the command out.
///
/// A server that was stopped and goes on finds requests of long ago in its old connections. The rest, between
/// two answers, is for these: what is deleted after it stays deleted. A client's request is never a probe.
/// Belongs to the control thread; a server has one visit at a time.
struct ProbeSession {
  enum Step: Equatable {
    case connecting
    case handshaking
    case inquiring
    case idle(until: Instant)
    case confirming
    case ready
    case flushing
    case deleting
    /// Between two batches of an errand that nobody waits for.
    case pausing
  }

  enum Verdict: Equatable {
    case waiting
    /// A probe was answered.
    case alive
    /// It has had its rest, or needs none: errands may be run.
    case ready
    case done
    /// It refuses `flush_all`. The connection is usable.
    case refused
    /// It closed the connection after a command that it may not know: open another, then call `reconnected`.
    case reconnect
    /// It takes no more connections.
    case full
    /// It cannot be used as it is configured.
    case unsuited(Unsuited)
    case dead
  }

  /// What a connection is opened for.
  enum Purpose: Equatable {
    case probe
    case job
    /// To find out what an unusable server speaks.
    case recognition(Unsuited)
  }

  /// How long a server is given to work off what it finds in old connections.
  static let rest = Duration.milliseconds(100)
  /// Deletes sent before their answers are awaited.
  static let batch = 256
  /// Connections that a server may close over one command before it counts as one that does not know it.
  static let mostEnds = 2
  /// Longest answer to `stats`.
  static let longestReport = 1 << 18

  let server: UInt32
  private(set) var descriptor: Int32
  private(set) var watch: Watch
  let purpose: Purpose
  /// For each answer, or batch of answers.
  let patience: Duration
  private(set) var step = Step.connecting
  private(set) var deadline: Instant
  private var askedAt = Instant.origin
  /// Why the visit failed; nil if the server's answer was wrong.
  private(set) var cause: FailureCause?
  /// Seconds since the server was started, if it has said so.
  private(set) var uptime: UInt64?
  /// The server's start on the proxy's clock, to whole seconds; may lie before the clock's origin.
  private(set) var startedAt: Duration?
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var job: FailoverCoordinator.CleanupJob?
  private var next = 0
  private var awaited = 0
  /// The step at which the server closed the connection, and how often it did.
  private var interrupted: Step?
  private var ends = 0
  private var knowsMetaDelete = true
  /// Whether its version is that of a memcached which knows keys in base64.
  private var isRecent = false
  /// Keys that were not deleted, because the server does not know the command that can name them. No client can have
  /// stored them there either: that takes the same command.
  private var unnamed = 0

  init(
    server: UInt32, descriptor: Int32, watch: Watch, purpose: Purpose, patience: Duration, now: Instant
  ) {
    self.server = server
    self.descriptor = descriptor
    self.watch = watch
    self.purpose = purpose
    self.patience = patience
    deadline = now.advanced(by: patience)
  }

  var isProbe: Bool { purpose == .probe }

  /// Whether it waits until it can send more.
  var hasUnsent: Bool { !output.isEmpty }

  // MARK: - What is done

  /// The connection is there, or has failed.
  mutating func connected(now: Instant) -> Verdict {
    let reason = Socket.connectError(descriptor)
    guard reason == 0 else {
      cause = ServerFailure(errno: reason).failureCause
      return .dead
    }
    if case .recognition(let kind) = purpose {
      return ask(Recognition.question(kind), .handshaking, now: now)
    }
    return ask("version\r\n", .handshaking, now: now)
  }

  /// Continues over another connection.
  mutating func reconnected(_ descriptor: Int32, _ watch: Watch, now: Instant) {
    self.descriptor = descriptor
    self.watch = watch
    input = []
    output = []
    step = .connecting
    deadline = now.advanced(by: patience)
  }

  /// The server has closed the connection.
  mutating func closed() -> Verdict {
    switch step {
    case .inquiring: break
    case .flushing: break
    case .deleting:
      // Deletions without an answer are sent again.
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

  /// The server that answered a probe may return: is it the one that went out, and is all quiet in it?
  mutating func inquire(now: Instant) -> Verdict { ask("stats\r\n", .inquiring, now: now) }

  /// It was started anew: nothing of long ago lies in its connections.
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
    return send()
  }

  /// Sends what it can take.
  mutating func send() -> Verdict {
    guard !output.isEmpty else { return .waiting }
    // SAFETY: a byte has no padding that could be uninitialised.
    switch Socket.send(descriptor, unsafe output.span.bytes) {
    case .sent(let n): output.removeFirst(min(n, output.count))
    case .wouldBlock: break
    // Its reason may be waiting to be read.
    case .failed: return step == .handshaking ? .waiting : closed()
    }
    return .waiting
  }

  /// Something may be due.
  mutating func tick(now: Instant) -> Verdict {
    switch step {
    case .ready: return .waiting
    case .idle(let until):
      return now >= until ? ask("version\r\n", .confirming, now: now) : .waiting
    case .pausing: return deleteMore(now: now)
    // It has just answered `version`: it may not answer this command.
    case .inquiring: return now >= deadline ? closed() : .waiting
    default:
      guard now >= deadline else { return .waiting }
      cause = .timedOut
      return .dead
    }
  }

  /// Whether it was greeted in the text protocol and has sent nothing.
  var isSpeechless: Bool { isProbe && step == .handshaking && input.isEmpty }

  private mutating func deleteMore(now: Instant) -> Verdict {
    guard let keys = job?.keys, next < keys.count else {
      job = nil
      step = .ready
      return .done
    }
    let end = min(keys.count, next + Self.batch)
    // After such an end, a key that takes `md` is sent alone.
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
    return send()
  }

  /// The line that deletes a key, whatever it is made of.
  static func deletion(of key: [UInt8]) -> [UInt8] {
    guard needsMeta(key) else {
      // To memcached since 1.6.40 a key at the end that says noreply is one.
      return Array("delete ".utf8) + key + Array((key.elementsEqual("noreply".utf8) ? " 0\r\n" : "\r\n").utf8)
    }
    var line = Array("md ".utf8)
    for i in 0..<Base64.length(encoding: key.count) {
      // SAFETY: a byte has no padding that could be uninitialised.
      line.append(unsafe Base64.letter(i, of: key.span.bytes, from: 0, count: key.count))
    }
    return line + Array(" b\r\n".utf8)
  }

  /// The number of keys left out since the last call.
  mutating func takeUnnamed() -> Int {
    defer { unnamed = 0 }
    return unnamed
  }

  /// Whether a key cannot stand in a line as it is, so that only a meta command in base64 can name it.
  static func needsMeta(_ key: [UInt8]) -> Bool {
    key.contains { $0 == 32 || $0 == 13 || $0 == 10 || $0 == 0 }
  }

  // MARK: - What is answered

  /// Bytes came. A server that says anything else than what it was asked for is not to be trusted.
  mutating func received(_ bytes: RawSpan, now: Instant) -> Verdict {
    for i in 0..<bytes.byteCount { input.append(bytes.byte(at: i)) }
    switch step {
    case .handshaking: return handshakeReceived(now: now)
    case .confirming:
      return answered(.version) {
        // It was stopped again, and has not had its rest.
        if now.since($0.askedAt) > Self.rest { return $0.startCooldown(now: now) }
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
    // SAFETY: a byte has no padding that could be uninitialised.
    isRecent = unsafe ReplyParser.isVersion(input.span.bytes, atLeast: 1, 6, 10)
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

  /// Reads `OK` or an error; any error means that nothing was flushed.
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
    step = .idle(until: now.advanced(by: Self.rest))
    return .waiting
  }

  private mutating func answered(_ expected: Expectation, _ next: (inout ProbeSession) -> Verdict) -> Verdict
  {
    guard input.count <= ReplyParser.longestLine else { return .dead }
    // SAFETY: a byte has no padding that could be uninitialised.
    switch ReplyParser.line(unsafe input.span.bytes, at: 0, expected) {
    case .partial: return .waiting
    case .reply(let length, .done) where length == input.count:
      input.removeAll()
      return next(&self)
    default: return .dead
    }
  }

  /// The next whole line, without its end.
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
      if words.first == "STAT" { continue }
      // Whoever does not tell counts as the one that went out.
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

  /// `DELETED` and `NOT_FOUND`; and what `md` was answered from 1.5 on: `DE `, `OK `, `HD `, `HD`, `EN `, `NF `, `NF`.
  private static func isDeletion(_ line: ArraySlice<UInt8>) -> Bool {
    guard line.suffix(2).elementsEqual([13, 10]) else { return false }
    var word = line.dropLast(2)
    while word.last == 32 { word = word.dropLast() }
    return ["DELETED", "NOT_FOUND", "HD", "NF", "OK", "EN", "DE"].contains { word.elementsEqual($0.utf8) }
  }

  /// `ERROR` and `CLIENT_ERROR …`: the request is not known, or not allowed. A `SERVER_ERROR` may pass.
  private static func isError(_ line: ArraySlice<UInt8>, anyKind: Bool = false) -> Bool {
    line.starts(with: "ERROR".utf8) || line.starts(with: "CLIENT_ERROR ".utf8)
      || anyKind && line.starts(with: "SERVER_ERROR ".utf8)
  }
}
