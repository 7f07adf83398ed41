import Bytes
import Routing
import Wire

// Requests whose expiration times are changed on the way.

extension TTLRule {
  /// A relative time of more seconds is an absolute one to memcached.
  private static let longestRelative = 60 * 60 * 24 * 30

  /// The time to send for the one that a client gave, in seconds as in the protocol: 0 is for ever, a negative one has
  /// passed. `now`: Unix time.
  static func life(_ time: Int, under rules: [TTLRule], now: Int) -> Int {
    guard time >= 0 else { return time }
    var left: Int? = time == 0 ? nil : time > longestRelative ? time &- now : time
    // An absolute time that has passed.
    if let left, left <= 0 { return time }
    let before = left
    for rule in rules {
      if let set = rule.set { left = set }
      if left == nil { left = rule.none }
      if let max = rule.max { left = Swift.min(left ?? max, max) }
      if let min = rule.min, let some = left { left = Swift.max(some, min) }
    }
    guard left != before, let left else { return time }
    return left > longestRelative ? now &+ left : left
  }
}

extension Routed {
  /// Calls `body` with a request, or with a copy in which each expiration time is what the rules make of it.
  static func edit(
    _ d: inout Dispatcher, _ bytes: RawSpan, _ p: Int, _ request: Request, _ rules: [TTLRule],
    _ body: (inout Dispatcher, RawSpan, Int, Request) -> Void
  ) {
    var edited = Buffer()
    defer { edited.release(to: &d.common.buffers) }
    let wall = d.common.wallSeconds
    guard write(&d, bytes, p, request, to: &edited, { TTLRule.life($0, under: rules, now: wall) }) else {
      return body(&d, bytes, p, request)
    }
    var other = Request()
    let verdict = RequestParser.next(
      edited.readable, from: 0, scanned: 0, maxValue: d.common.limits.maxValue, dialect: d.upstream.dialect,
      line: &d.line, into: &other)
    // It was parsed before: a time cannot make it invalid.
    guard case .request = verdict else { return body(&d, bytes, p, request) }
    body(&d, edited.readable, 0, other)
  }

  /// Writes the request of a leg, which begins at `start` in `asked`, with a life of at most `most` seconds; false, and
  /// nothing is written, if it has no longer one.
  static func cut(
    _ d: inout Dispatcher, _ leg: inout Leg, _ asked: RawSpan, _ start: Int, to most: Int,
    into edited: inout Buffer
  ) -> Bool {
    var request = Request()
    (request.verb, request.meta, request.lineLength) = (leg.verb, leg.meta, Int(leg.length))
    (request.keyStart, request.keyLength) = (start &+ Int(leg.keyStart), Int(leg.keyLength))
    guard cut(&d, asked, start, request, to: most, into: &edited) else { return false }
    // In `gat` the time stands before the key, in a meta request behind it.
    if !leg.verb.isMeta {
      leg.keyStart = UInt8(truncatingIfNeeded: Int(leg.keyStart) &+ edited.count &- Int(leg.length))
    }
    leg.length = UInt32(truncatingIfNeeded: edited.count)
    return true
  }

  /// The same for a request.
  static func cut(
    _ d: inout Dispatcher, _ bytes: RawSpan, _ p: Int, _ request: Request, to most: Int,
    into edited: inout Buffer
  ) -> Bool {
    let wall = d.common.wallSeconds
    return write(&d, bytes, p, request, to: &edited) {
      TTLRule.life($0, under: [TTLRule(max: most)], now: wall)
    }
  }

  /// Writes a request with other times; false, and nothing is written, if all stay. A value that has not arrived is left
  /// out, and so must be asked for with `withoutBody`.
  private static func write(
    _ d: inout Dispatcher, _ bytes: RawSpan, _ p: Int, _ request: Request, to out: inout Buffer,
    _ time: (Int) -> Int
  ) -> Bool {
    guard request.verb.mayChange else { return false }
    let end = request.lineEnd(bytes)
    // The first byte not yet copied.
    var from = p
    var hasTime = false
    func put(_ word: Word, behind letters: Int, _ out: inout Buffer, _ buffers: inout BufferPool) {
      let digits = Word(start: word.from &+ letters, length: Int(word.length) &- letters)
      guard let old = Number(bytes, digits)?.cutToInt32 else { return }
      let new = time(Int(old))
      guard new != Int(old) else { return }
      out.append(bytes, from: from, count: digits.from &- from, &buffers)
      if new < 0 { out.append(byte: 45, &buffers) }
      out.append(decimal: UInt64(new.magnitude), &buffers)
      from = digits.to
    }
    if request.verb.isMeta {
      var flags = request.flags(bytes)
      while let word = flags.next(bytes) {
        let letter = bytes.byte(at: word.from)
        guard letter == 84 || letter == 78 && request.verb != .metaSet else { continue }
        hasTime = hasTime || letter == 84
        put(word, behind: 1, &out, &d.common.buffers)
      }
      let forEver = time(0)
      if request.verb == .metaSet, !hasTime, forEver != 0 {
        out.append(bytes, from: from, count: end &- from, &d.common.buffers)
        out.append(" T", &d.common.buffers)
        out.append(decimal: UInt64(forEver.magnitude), &d.common.buffers)
        from = end
      }
    } else {
      var words = KeyWalk(from: p, to: end)
      let place = request.verb.isStorage ? 3 : request.verb == .touch ? 2 : request.verb.touches ? 1 : 0
      guard place > 0 else { return false }
      for _ in 0..<place { _ = words.next(bytes) }
      if let word = words.next(bytes) { put(word, behind: 0, &out, &d.common.buffers) }
    }
    guard from > p else { return false }
    out.append(bytes, from: from, count: p &+ request.length &- from, &d.common.buffers)
    return true
  }
}
