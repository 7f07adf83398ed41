import Bytes
import Wire

// The values of a multi-get as they arrive: each is found for its key and kept in the fan-out.

extension FanOut {
  /// How far the reply to a leg was read.
  enum Reading: BitwiseCopyable {
    /// More bytes must arrive.
    case more
    /// A value has begun and its end has not arrived.
    case long(header: Int, value: Int)
    /// Up to its `END`.
    case done
    /// The server replied with an error line.
    case refused
    case broken(ProtocolViolation)
  }

  /// Reads the values for the keys of a leg as they arrive; a key is a miss when the next thing in the reply is not its
  /// value. Returns where reading stopped, and why.
  mutating func read(
    _ bytes: RawSpan, from start: Int, _ leg: Leg, _ queue: inout RequestQueue, maxValue: Int,
    most: Int,
    _ buffers: inout BufferPool
  ) -> (end: Int, Reading) {
    var p = start
    // The piece of the next value, and the position of its key in the request.
    var cursor = queue.cursorAt == 0 ? leg.piece : queue.cursor
    var keyAt = queue.cursorAt == 0 ? Int(leg.keyStart) : queue.cursorAt
    let withCAS = leg.verb.expectation == .valuesWithCAS
    // Values from here up to `p` are yet to be kept: adjacent ones are copied at once.
    var fresh = start
    defer {
      queue.moveCursor(to: cursor, keyAt: keyAt)
      if !leg.isLate { self.bytes.append(bytes, from: fresh, count: p &- fresh, &buffers) }
    }
    // The reply to the last leg of a line ends with the line's `END`, that to another leg behind its last key's value.
    let isContinuedByNext = leg.isContinuedByNext
    if isContinuedByNext {
      guard queue.hasSentFront else { return (p, .broken(.unsolicited)) }
      if queue.takeMiss() {
        count.misses &+= count(from: cursor)
        return (p, .done)
      }
    }
    while p < bytes.byteCount {
      if isContinuedByNext, cursor == .max { return (p, .done) }
      let keyLength = cursor == .max ? 0 : Int(pieces[Int(cursor)].keyLength)
      let block = ReplyParser.block(
        bytes, at: p, asked: queue.bytes.readable, keyStart: keyAt, keyLength: keyLength,
        withCAS: withCAS,
        maxValue: maxValue)
      switch block {
      case .value(let length):
        // After the last key only a value of the empty key would match.
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        if isContinuedByNext, pieces[Int(cursor)].next == .max {
          // What follows the last value tells whether that is complete.
          guard let goesOn = bytes.goesOn(at: p &+ length) else { return (p, .more) }
          guard goesOn else { return (p, .broken(.badLength)) }
        }
        if !leg.isLate {
          let offset = self.bytes.count &+ p &- fresh
          guard offset &+ length <= most || !queue.mayAskAgain(keyAt: keyAt, count: keyLength) else {
            // The limit on gathered values is reached: this one is requested again when it can be sent.
            self.bytes.append(bytes, from: fresh, count: p &- fresh, &buffers)
            fresh = p &+ length
            deferLargeValue(Int(cursor), queue.bytes, keyAt: keyAt, &buffers)
            keyAt &+= keyLength &+ 1
            cursor = pieces[Int(cursor)].next
            p &+= length
            continue
          }
          pieces[Int(cursor)].offset = offset
          pieces[Int(cursor)].length = UInt32(truncatingIfNeeded: length)
          count.hits &+= 1
        }
        keyAt &+= keyLength &+ 1
        cursor = pieces[Int(cursor)].next
        p &+= length
      case .opening(let header, let value):
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        return (p, .long(header: header, value: value))
      case .otherKey:
        // The key at the cursor missed: the value may be the next key's.
        guard cursor != .max else { return (p, .broken(.wrongKey)) }
        let next = pieces[Int(cursor)].next
        if isContinuedByNext, next == .max {
          switch queue.findOwner(of: bytes.rest(from: p), behind: 0, at: 0) {
          case nil:
            count.misses &+= 1
            return (p, .done)
          case .broken(let why): return (p, .broken(why))
          default: return (p, .more)
          }
        }
        keyAt &+= keyLength &+ 1
        cursor = next
        count.misses &+= 1
      case .end:
        guard queue.hasSentFront else { return (p, .broken(.unsolicited)) }
        if cursor != .max { count.misses &+= count(from: cursor) }
        return (isContinuedByNext ? p : p &+ 5, .done)
      case .partial: return (p, .more)
      case .other:
        switch ReplyParser.errorLine(bytes, at: p) {
        case .reply(let length, _): return (isContinuedByNext ? p : p &+ length, .refused)
        case .partial, .opening: return (p, .more)
        case .broken(let why): return (p, .broken(why))
        }
      case .broken(let why): return (p, .broken(why))
      }
    }
    return (p, isContinuedByNext && cursor == .max ? .done : .more)
  }
}
