import Bytes

/// What all connections of a run share.
struct RunState: ~Copyable {
  let keys: KeySpace
  var versions: KeyVersions
  var tally = Tally()
  /// From the time at which a request was due to its reply.
  var sinceDue = LatencyHistogram()
  /// From the time at which it was sent to its reply.
  var sinceSent = LatencyHistogram()
  var isMeasuring = false
  var pool = BufferPool()

  init(keys: KeySpace, count: Int) {
    self.keys = keys
    versions = KeyVersions(count: count)
  }

  /// Counts the reply to a request, or for a request without one the time that it has waited.
  mutating func record(due: Instant, sent: Instant, now: Instant) {
    guard isMeasuring else { return }
    sinceDue.record(now.nanoseconds(since: due))
    sinceSent.record(now.nanoseconds(since: sent))
  }
}

/// One connection's requests, and the check of what is answered. It has no socket: bytes go out through `output`, and
/// come in through `received`.
final class Conversation {
  private struct Request: BitwiseCopyable {
    var due: Instant
    var sent: Instant
    /// The number of its keys, in `wanted`; 0 for a set.
    var keys: Int
    var write: KeyVersions.Write
    /// Whether a part of its reply was wrong.
    var isWrong = false
    var isGet: Bool { keys > 0 }
  }

  private struct WantedKey: BitwiseCopyable {
    var key: UInt32
    /// The oldest version that may be answered.
    var floor: UInt32
    var isAnswered = false
  }

  /// The value that is being read.
  private struct Reading: BitwiseCopyable {
    var key: UInt32
    /// What it must be; nil if that is not known, because it is wrong already.
    var expected: KeySpace.Value?
  }

  var output = Buffer()
  private let number: Int
  private var requests = Fifo<Request>()
  private var wanted = Fifo<WantedKey>()
  private var reader = ReplyReader()
  private var reading = Reading(key: 0)
  /// Where a value in the order asked would be in `wanted`.
  private var nextWanted = 0

  /// `number` is the connection's, for messages.
  init(number: Int) { self.number = number }

  /// Requests without a reply.
  var inFlight: Int { requests.count }

  // MARK: Asking

  /// Asks for these keys, which must differ.
  func get(_ keys: [UInt32], due: Instant, now: Instant, _ run: inout RunState) {
    output.append("get", &run.pool)
    for key in keys {
      output.append(byte: 32, &run.pool)
      run.keys.append(key: key, to: &output, &run.pool)
      wanted.append(WantedKey(key: key, floor: run.versions.floor(of: key)))
    }
    output.append("\r\n", &run.pool)
    let noWrite = KeyVersions.Write(key: 0, version: 0, isAlone: false)
    requests.append(Request(due: due, sent: now, keys: keys.count, write: noWrite))
  }

  /// Sets a new version of a key, which expires after these seconds.
  func set(_ key: UInt32, expiry: Int, due: Instant, now: Instant, _ run: inout RunState) {
    let write = run.versions.beginWrite(of: key)
    let value = run.keys.value(of: key, version: write.version)
    output.append("set ", &run.pool)
    run.keys.append(key: key, to: &output, &run.pool)
    output.append(byte: 32, &run.pool)
    output.append(decimal: UInt64(write.version), &run.pool)
    output.append(byte: 32, &run.pool)
    output.append(decimal: UInt64(max(0, expiry)), &run.pool)
    output.append(byte: 32, &run.pool)
    output.append(decimal: UInt64(value.length), &run.pool)
    output.append("\r\n", &run.pool)
    run.keys.append(value, to: &output, &run.pool)
    output.append("\r\n", &run.pool)
    requests.append(Request(due: due, sent: now, keys: 0, write: write))
  }

  // MARK: Checking

  /// Checks bytes that arrived. False if what follows cannot be understood: the connection must be closed.
  func received(_ input: RawSpan, now: Instant, _ run: inout RunState) -> Bool {
    run.tally.bytesIn += input.byteCount
    var position = 0
    while let part = reader.next(input, &position, run.keys) {
      guard !requests.isEmpty else {
        run.tally.note(mismatch: "connection \(number): bytes that answer no request")
        return false
      }
      switch part {
      case .value(let key, let flags, let length): beginValue(key, version: flags, length, &run)
      case .bytes(let from, let count, let offset): check(input, from, count, offset, &run)
      case .valueEnd(let isClean):
        if !isClean {
          wrong("\(run.keys.name(of: reading.key)): no line end after the value", &run)
          return false
        }
      case .end:
        if !requests[0].isGet { wrong("END as the reply to a set", &run) }
        finish(now: now, isError: false, &run)
      case .stored:
        if requests[0].isGet { wrong("STORED as the reply to a get", &run) }
        finish(now: now, isError: false, &run)
      case .refusal(let text):
        if requests[0].isGet && text == "NOT_STORED" { wrong("NOT_STORED as the reply to a get", &run) }
        run.tally.note(error: text)
        finish(now: now, isError: true, &run)
      case .unknown:
        wrong("a reply that is none of memcached's", &run)
        return false
      }
    }
    return true
  }

  private func wrong(_ what: String, _ run: inout RunState) {
    reading.expected = nil
    requests[0].isWrong = true
    run.tally.note(mismatch: "connection \(number): \(what)")
  }

  private func beginValue(_ key: UInt32?, version: UInt32, _ length: Int, _ run: inout RunState) {
    reading = Reading(key: key ?? 0)
    let asked = requests[0]
    guard let key, key < run.versions.count else {
      return wrong("a value of a key that is none of this run's", &run)
    }
    guard asked.isGet else {
      return wrong("the value of \(run.keys.name(of: key)) as the reply to a set", &run)
    }
    guard let i = position(of: key, among: asked.keys) else {
      return wrong("the value of \(run.keys.name(of: key)), which this get did not ask for", &run)
    }
    if wanted[i].isAnswered { return wrong("\(run.keys.name(of: key)): a second value in one reply", &run) }
    wanted[i].isAnswered = true
    run.tally.hits += 1
    nextWanted = i + 1
    switch run.versions.verdict(on: version, of: key, floor: wanted[i].floor) {
    case .neverWritten:
      return wrong("\(run.keys.name(of: key)): version \(version), which was never written", &run)
    case .stale: run.tally.stale += 1
    case .valid: break
    }
    let expected = run.keys.value(of: key, version: version)
    guard length == expected.length else {
      return wrong(
        "\(run.keys.name(of: key)), version \(version): \(length) bytes instead of \(expected.length)", &run)
    }
    reading.expected = expected
  }

  /// Where the key is in `wanted`: mostly behind the one before, but proxies may answer in another order.
  private func position(of key: UInt32, among count: Int) -> Int? {
    if nextWanted < count, wanted[nextWanted].key == key { return nextWanted }
    return (0..<count).first { wanted[$0].key == key }
  }

  private func check(_ input: RawSpan, _ from: Int, _ count: Int, _ offset: Int, _ run: inout RunState) {
    guard let expected = reading.expected,
      let place = run.keys.difference(expected, at: offset, from: input, at: from, count: count)
    else { return }
    let key = run.keys.name(of: reading.key)
    wrong("\(key): byte \(place) of \(expected.length) differs", &run)
  }

  /// Ends the oldest request.
  private func finish(now: Instant, isError: Bool, _ run: inout RunState) {
    let request = requests[0]
    requests.dropFirst()
    if request.isGet {
      var answered = 0
      for i in 0..<request.keys where wanted[i].isAnswered { answered += 1 }
      wanted.dropFirst(request.keys)
      // After an error or a wrong reply it is unknown which keys are missing.
      if !isError && !request.isWrong { run.tally.misses += request.keys - answered }
      run.tally.reads += 1
    } else {
      run.versions.endWrite(request.write, isStored: !isError && !request.isWrong)
      run.tally.writes += 1
    }
    nextWanted = 0
    run.tally.requests += 1
    run.record(due: request.due, sent: request.sent, now: now)
  }

  /// Gives up all requests without a reply: the connection is lost, or the run is over.
  func abandon(now: Instant, _ run: inout RunState) {
    run.tally.unanswered += requests.count
    while let request = requests.popFirst() {
      if !request.isGet { run.versions.endWrite(request.write, isStored: false) }
      run.record(due: request.due, sent: request.sent, now: now)
    }
    wanted.removeAll()
    output.release(to: &run.pool)
  }
}
