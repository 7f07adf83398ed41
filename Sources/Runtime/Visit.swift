import Bytes
import Net
import Proxy
import Wire

/// The proxy's own conversation with a server: a probe of one that is out, which goes on until the server is
/// safe, or an errand to one that is up and has been a stand-in.
///
///     probe    connect ─▶ version ─▶ alive      it may return: ─▶ stats ─▶ rest ─▶ version ─▶ ready
///     errand   connect ─▶ version ─▶ rest ─▶ version ─▶ ready
///     ready ─▶ [flush_all] ─▶ delete, delete, … ─▶ done
///
/// A server that was stopped and goes on finds requests of long ago in its old connections. The rest, between
/// two answers, is for these: what is deleted after it stays deleted. A client's request is never a probe.
/// Belongs to the control thread; a server has one visit at a time.
struct Visit {
  enum Step: Equatable {
    case connecting
    case greeting
    case inquiring
    case resting(until: Instant)
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
    case dead
  }

  /// How long a server is given to work off what it finds in old connections.
  static let rest = Duration.milliseconds(100)
  /// Deletes sent before their answers are awaited.
  static let batch = 256
  /// Longest answer to `stats`.
  static let longestReport = 1 << 18

  let server: UInt32
  var descriptor: Int32
  var watch: Watch
  let isProbe: Bool
  /// For each answer, or batch of answers.
  let patience: Duration
  private(set) var step = Step.connecting
  private(set) var deadline: Instant
  private var askedAt = Instant.origin
  /// Seconds since the server was started, if it has said so.
  private(set) var uptime: UInt64?
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var errand: Handover.Errand?
  private var next = 0
  private var awaited = 0

  init(
    server: UInt32, descriptor: Int32, watch: Watch, isProbe: Bool, patience: Duration, now: Instant
  ) {
    self.server = server
    self.descriptor = descriptor
    self.watch = watch
    self.isProbe = isProbe
    self.patience = patience
    deadline = now.advanced(by: patience)
  }

  /// Whether it waits until it can send more.
  var hasUnsent: Bool { !output.isEmpty }

  // MARK: - What is done

  /// The connection is there, or has failed.
  mutating func connected(now: Instant) -> Verdict {
    guard Socket.connectError(descriptor) == 0 else { return .dead }
    return ask("version\r\n", .greeting, now: now)
  }

  /// The server that answered a probe may return: is it the one that went out, and is all quiet in it?
  mutating func inquire(now: Instant) -> Verdict { ask("stats\r\n", .inquiring, now: now) }

  /// It was started anew: nothing of long ago lies in its connections.
  mutating func skipRest() { step = .ready }

  mutating func begin(_ errand: Handover.Errand, now: Instant) -> Verdict {
    self.errand = errand
    next = 0
    if errand.flushes { return ask("flush_all\r\n", .flushing, now: now) }
    return deleteMore(now: now)
  }

  private mutating func ask(_ command: String, _ step: Step, now: Instant) -> Verdict {
    self.step = step
    output += Array(command.utf8)
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
    case .failed: return .dead
    }
    return .waiting
  }

  /// Something may be due.
  mutating func tick(now: Instant) -> Verdict {
    switch step {
    case .ready: return .waiting
    case .resting(let until):
      return now >= until ? ask("version\r\n", .confirming, now: now) : .waiting
    case .pausing: return deleteMore(now: now)
    default: return now >= deadline ? .dead : .waiting
    }
  }

  private mutating func deleteMore(now: Instant) -> Verdict {
    guard let keys = errand?.keys, next < keys.count else {
      errand = nil
      step = .ready
      return .done
    }
    let end = min(keys.count, next + Self.batch)
    for key in keys[next..<end] { output += Self.deletion(of: key) }
    awaited = end - next
    next = end
    step = .deleting
    deadline = now.advanced(by: patience)
    return send()
  }

  /// The line that deletes a key, whatever it is made of.
  static func deletion(of key: [UInt8]) -> [UInt8] {
    if !key.contains(where: { $0 == 32 || $0 == 13 || $0 == 10 || $0 == 0 }) {
      return Array("delete ".utf8) + key + [13, 10]
    }
    var line = Array("md ".utf8)
    for i in 0..<Base64.length(encoding: key.count) {
      // SAFETY: a byte has no padding that could be uninitialised.
      line.append(unsafe Base64.letter(i, of: key.span.bytes, from: 0, count: key.count))
    }
    return line + Array(" b\r\n".utf8)
  }

  // MARK: - What is answered

  /// Bytes came. A server that says anything else than what it was asked for is not to be trusted.
  mutating func received(_ bytes: RawSpan, now: Instant) -> Verdict {
    for i in 0..<bytes.byteCount { input.append(bytes.byte(at: i)) }
    switch step {
    case .greeting: return answered(.version) { $0.isProbe ? .alive : $0.takeRest(now: now) }
    case .confirming:
      return answered(.version) {
        // It was stopped again, and has not had its rest.
        if now.since($0.askedAt) > Self.rest { return $0.takeRest(now: now) }
        $0.step = .ready
        return .ready
      }
    case .flushing: return answered(.done) { $0.deleteMore(now: now) }
    case .inquiring: return readReport(now: now)
    case .deleting: return readDeletions(now: now)
    case .connecting, .resting, .ready, .pausing: return .dead
    }
  }

  private mutating func takeRest(now: Instant) -> Verdict {
    step = .resting(until: now.advanced(by: Self.rest))
    return .waiting
  }

  private mutating func answered(_ expected: Expectation, _ next: (inout Visit) -> Verdict) -> Verdict {
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
      if words.count == 3, words[0] == "STAT", words[1] == "uptime" { uptime = UInt64(words[2]) }
      if words.first == "STAT" { continue }
      // Whoever does not tell counts as the one that went out.
      guard line == "END" || line.contains("ERROR"), input.isEmpty else { return .dead }
      return takeRest(now: now)
    }
    return .waiting
  }

  private mutating func readDeletions(now: Instant) -> Verdict {
    var start = 0
    while let newline = input[start...].firstIndex(of: 10) {
      guard awaited > 0, Self.isDeletion(input[start...newline]) else { return .dead }
      awaited -= 1
      start = newline + 1
    }
    input.removeSubrange(..<start)
    guard awaited == 0 else { return input.count > ReplyParser.longestLine ? .dead : .waiting }
    guard input.isEmpty, output.isEmpty else { return .dead }
    if isProbe || next >= (errand?.keys.count ?? 0) { return deleteMore(now: now) }
    step = .pausing
    return .waiting
  }

  private static func isDeletion(_ line: ArraySlice<UInt8>) -> Bool {
    ["DELETED\r\n", "NOT_FOUND\r\n", "HD\r\n", "NF\r\n"].contains { line.elementsEqual($0.utf8) }
  }
}
