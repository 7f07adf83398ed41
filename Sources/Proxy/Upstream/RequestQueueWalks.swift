import Bytes
import Stats
import Wire

// Looks at the requests of a queue, one after the other, from any position.

extension RequestQueue {
  /// A leg, its place in `legs`, and where its request begins in `bytes`.
  struct Entry: BitwiseCopyable {
    var leg: Leg
    var index: Int
    var start: Int
  }

  /// Where a walk is: the next leg's place, and where its request begins.
  struct Position: BitwiseCopyable {
    var index = 0
    var start = 0
  }

  /// The leg at a position, which moves to the next leg; nil at the end.
  func next(_ at: inout Position) -> Entry? {
    guard at.index < legs.count else { return nil }
    let entry = Entry(leg: legs[at.index], index: at.index, start: at.start)
    at.index &+= 1
    at.start &+= Int(entry.leg.length)
    return entry
  }

  /// A copy of a request, up to the value of a storage command: for what must outlast the queue, or use it meanwhile.
  mutating func copy(_ one: Entry, _ buffers: inout BufferPool) -> Buffer {
    var copy = Buffer()
    copy.append(bytes, from: one.start, count: lineLength(of: one), &buffers)
    return copy
  }

  /// Adds a key of a request to the sample; it is `count` bytes from `start`.
  mutating func sample(
    _ keys: inout HotKeys, from start: Int, count: Int, bytes weight: Int, now: Instant
  ) {
    keys.add(bytes.readable, from: start, count: count, bytes: weight, now: now)
  }

  /// A copy of the key that is `count` bytes from `start`.
  mutating func copyKey(from start: Int, count: Int) -> [UInt8] {
    bytes.readable.copy(from: start, count: count)
  }

  /// Bytes of a request up to the value of a storage command.
  func lineLength(of one: Entry) -> Int {
    let end = one.start &+ Int(one.leg.length)
    let lineEnd = one.leg.verb.isStorage ? bytes.readable.firstNewline(from: one.start) : nil
    return min(end, lineEnd.map { $0 &+ 1 } ?? end) &- one.start
  }

  /// The same of the front request.
  mutating func copyFront(_ buffers: inout BufferPool) -> Buffer {
    copy(Entry(leg: legs[0], index: 0, start: 0), &buffers)
  }

  /// The same of a leg whose request begins at `start`, for another connection.
  mutating func copy(_ leg: Leg, at start: Int, _ buffers: inout BufferPool) -> Buffer {
    var copy = Buffer()
    copy.append(bytes, from: start, count: Int(leg.length), &buffers)
    return copy
  }

  /// Adds the line of the front request to `other`.
  mutating func copyFront(to other: inout Buffer, _ buffers: inout BufferPool) {
    var line = copyFront(&buffers)
    other.append(line, from: 0, count: line.count, &buffers)
    line.release(to: &buffers)
  }

  /// The position behind the late legs.
  var positionInTime: Position { Position(index: late, start: lateLength) }

  /// Whether a later read of a key of the front leg gives the same value. Not if a request behind it may change the key
  /// (keys in base64 are not compared), or if an expiry that has passed ends it. O(requests queued).
  func mayAskAgain(keyAt: Int, count: Int) -> Bool {
    var at = Position()
    while let one = next(&at) {
      switch one.leg.verb {
      case .get, .gets, .metaDebug, .metaNoop, .stats, .version: continue
      case .metaGet where one.leg.metaLine.isRepeatable(bytes.readable, from: one.start): continue
      case .gat, .gats:
        guard bytes.readable.isLasting(timeAt: one.start &+ (one.leg.verb == .gat ? 4 : 5)) else {
          return false
        }
        continue
      case .flushAll: return false
      default: break
      }
      if one.index == 0 { continue }
      if one.leg.meta.contains(.base64) || legs[0].meta.contains(.base64) { return false }
      if hasKey(one, matching: bytes.readable, at: keyAt, count: count) { return false }
    }
    return true
  }

  /// Whether a leg's only key is this one, byte for byte.
  func hasKey(_ one: Entry, matching other: RawSpan, at p: Int, count: Int) -> Bool {
    Int(one.leg.keyLength) == count
      && bytes.readable.matches(at: one.start &+ Int(one.leg.keyStart), other, at: p, count: count)
  }

  /// Whether a request changes nothing: a read that neither touches nor creates.
  func changesNothing(_ one: Entry) -> Bool { one.leg.changesNothing(bytes, one.start) }

  /// Whether a request waits that changes something and that no client waits for (`noreply`, or its deadline passed).
  var hasUnansweredWrite: Bool {
    var at = Position()
    while let one = next(&at) {
      if one.leg.exchange == Ref<Exchange>.none, one.leg.verb.mayChange || one.leg.verb == .flushAll {
        return true
      }
    }
    return false
  }

  /// Whether a deletion that clients were promised is queued.
  var hasPromisedDeletion: Bool {
    for i in 0..<legs.count where legs[i].isPromised { return true }
    return false
  }

  /// Whether all requests behind the front one may be sent again on another connection.
  var hasOnlyReadsBehindFront: Bool {
    var at = Position()
    _ = next(&at)
    while let one = next(&at) {
      guard one.leg.mayBeSentAgain || one.leg.isLate, changesNothing(one) else { return false }
    }
    return true
  }

  /// The number of reads at the end of the queue. A read before a write is not counted: the write may have been done, and
  /// the read must not see a later state.
  var readsAtTheEnd: Int {
    var count = 0
    var at = Position()
    while let one = next(&at) { count = changesNothing(one) ? count &+ 1 : 0 }
    return count
  }
}
