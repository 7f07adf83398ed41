import Bytes
import Wire

// Meta commands: rewritten on the way to the server; the reply is checked, and restored to what the client expects.
//
//     client   mg k v q           VA 2        (a miss: nothing)
//     server   mg k v O17         VA 2 O17    (a miss: EN O17)

extension Leg {
  /// The request line as it was sent.
  var metaLine: MetaLine {
    var line = MetaLine()
    line.verb = verb
    line.flags = meta
    line.keyStart = keyStart
    line.keyLength = keyLength
    line.keyPlace = keyPlace
    return line
  }

  init(_ line: MetaLine) {
    self.init()
    verb = line.verb
    meta = line.flags
    keyStart = line.keyStart
    keyLength = line.keyLength
    keyPlace = line.keyPlace
  }
}

extension Downstream {
  /// Sends a reply to the client in the form that the client's own request would have had: without the proxy's opaque,
  /// with a key that the server was not asked for, or not at all.
  mutating func give(
    _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int, _ asked: borrowing Buffer,
    _ common: inout Common
  ) {
    if leg.meta.contains(.quiet) && reply.status.isSilent(leg.verb) {
      return concludeSilently(leg.exchange, &common)
    }
    let target = target(of: leg.exchange)
    if leg.meta.contains(.unshown), reply.status == .done {
      append(Refusal.notShown.line, to: target, &common)
      return conclude(leg.exchange, target, &common)
    }
    appendReply(leg, reply, bytes, p, to: p &+ reply.length, asked, target, &common)
    conclude(leg.exchange, target, &common)
  }

  /// Appends a reply up to `end`, at least its line. The request is at the front of `asked`.
  mutating func appendReply(
    _ leg: Leg, _ reply: MetaReply, _ bytes: RawSpan, _ p: Int, to end: Int, _ asked: borrowing Buffer,
    _ target: ReplyTarget, _ common: inout Common
  ) {
    var from = p
    if leg.meta.contains(.hiddenKey), reply.status != .error, !reply.isBare {
      from = append(bytes, from: from, to: reply.keyAt, leg, reply, target, &common)
      appendKey(leg.metaLine, asked.readable, 0, to: target, &common)
    }
    _ = append(bytes, from: from, to: end, leg, reply, target, &common)
  }

  /// Appends bytes of a reply without the proxy's opaque; returns where they end.
  private mutating func append(
    _ bytes: RawSpan, from: Int, to end: Int, _ leg: Leg, _ reply: MetaReply, _ target: ReplyTarget,
    _ common: inout Common
  ) -> Int {
    var from = from
    if leg.metaLine.hasOwnOpaque, reply.opaque.length > 0, reply.opaque.from >= from, reply.opaque.to <= end {
      append(bytes.extracting(from..<reply.opaque.from), to: target, &common)
      from = reply.opaque.to
    }
    append(bytes.extracting(from..<end), to: target, &common)
    return end
  }

  /// Appends ` k<key>`, followed by ` b` if the key is in base64.
  private mutating func appendKey(
    _ line: MetaLine, _ asked: RawSpan, _ start: Int, to target: ReplyTarget, _ common: inout Common
  ) {
    let key = line.key(from: start)
    append(" k", to: target, &common)
    append(asked.extracting(key.from..<key.to), to: target, &common)
    if line.flags.contains(.base64) { append(" b", to: target, &common) }
  }

  /// Appends `EN`, `NS` or `NF`, and the opaque and the key in the order of the request's flags.
  mutating func appendMiss(
    _ status: StaticString, _ line: MetaLine, _ asked: RawSpan, _ start: Int,
    to target: ReplyTarget, _ common: inout Common
  ) {
    append(status, to: target, &common)
    if line.verb != .metaDebug {
      var place = 0
      var isHidden = line.flags.contains(.hiddenKey)
      var walk = line.sentFlags(asked, from: start)
      while let word = walk.next(asked) {
        if isHidden && place == line.keyPlace {
          isHidden = false
          appendKey(line, asked, start, to: target, &common)
        }
        let letter = asked.byte(at: word.from)
        if letter == 107 {
          appendKey(line, asked, start, to: target, &common)
        } else if letter == 79 && !line.hasOwnOpaque {
          append(" ", to: target, &common)
          append(asked.extracting(word.from..<word.to), to: target, &common)
        }
        if MetaLine.comesBack(letter) { place &+= 1 }
      }
      if isHidden { appendKey(line, asked, start, to: target, &common) }
    }
    append("\r\n", to: target, &common)
  }
}
