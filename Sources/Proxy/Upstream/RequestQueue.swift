import Bytes
import Topology
import Wire

/// The requests on a connection to a server, from the oldest that the server owes a reply to the youngest.
///
///     bytes   ┌ sent, unanswered ┬ to be sent ┐      legs   oldest … youngest
///             0                 sent        count
///
/// It alone changes the bytes of requests, the legs that say what each asks for, how far the reply to the oldest was
/// read, and which of them are late. So a request is written, sent, answered, given up and moved to another connection
/// in one place, and `checkInvariants` says what must be true between any two calls. It knows no socket and no client, and of
/// replies only how they match the requests: what a client is answered is decided by the caller.
///
/// A connection of an upload is used otherwise: it has one leg, and bytes are dropped as soon as they are sent.
package struct RequestQueue: ~Copyable {
  enum Front: UInt8, BitwiseCopyable {
    case plain
    /// The front request was answered before all of it was sent.
    case answered
    /// A value of its reply is being discarded.
    case discarding
    /// It is an upload.
    case upload
  }

  package var bytes = Buffer()
  /// Bytes at the front of `bytes` that were sent.
  package var sent = 0
  /// When they were sent.
  private(set) var sendTimes = SendTimes()
  var legs = Fifo<Leg>()
  /// Number of legs at the front that are late or answered, and the bytes of their requests. Legs behind may be late too
  /// (`Leg.isLate`).
  var late = 0
  var lateLength = 0
  /// Bytes of the last line of `bytes`, if more keys may be added to it; the last legs make up that line.
  var lineLength = 0
  /// Number of legs at the front that missed: the value of a later key of their line has arrived.
  var missed = 0
  /// Progress in the reply to the front leg's multi-get: the next piece, and the position of its key in `bytes`.
  var cursor: UInt32 = .max
  var cursorAt = 0
  /// How the front leg differs from a plain one.
  var front = Front.plain
  /// For `discarding`: bytes of the value that are still to arrive.
  var discardLeft = 0
  /// The last multi-get with keys for this server, with its last key's pool in the lowest byte; the last piece of that
  /// share, and whether the share is refused.
  var round: UInt64 = 0
  var lastPiece: UInt32 = .max
  var isRefusing = false

  // MARK: - Requests are added

  /// Where the next request will begin in `bytes`.
  @inline(__always) var end: Int { bytes.count }

  /// Queues a request whose bytes may be sent unchanged.
  @inline(always)
  mutating func enqueue(_ leg: Leg, verbatim source: RawSpan, from p: Int, _ buffers: inout BufferPool) {
    bytes.append(source, from: p, count: Int(leg.length), &buffers)
    legs.append(leg)
    lineLength = 0
  }

  /// Queues the leg of a request that was written at the end of `bytes`, from `start`. No later key is added to its line.
  mutating func enqueue(_ leg: Leg, from start: Int) {
    var leg = leg
    leg.length = UInt32(truncatingIfNeeded: bytes.count &- start)
    legs.append(leg)
    lineLength = 0
  }

  /// Queues a request of another queue, whose bytes begin at `start` there, with a line of its own.
  mutating func enqueue(
    _ leg: Leg, copiedFrom other: RawSpan, at start: Int, _ buffers: inout BufferPool
  ) {
    var leg = leg
    let before = end
    if leg.continuesPreviousLine {
      bytes.append("get", &buffers)
      leg.keyStart = 4
    }
    bytes.append(other, from: start, count: Int(leg.length), &buffers)
    if leg.isContinuedByNext { bytes.append("\r\n", &buffers) }
    leg.continuesPreviousLine = false
    leg.isContinuedByNext = false
    enqueue(leg, from: before)
  }

  /// The same, but a `get` continues the line before it if it can.
  mutating func requeue(
    _ leg: Leg, from other: RawSpan, at start: Int, _ buffers: inout BufferPool
  ) {
    guard leg.verb == .get else { return enqueue(leg, copiedFrom: other, at: start, &buffers) }
    var leg = leg
    let keys = Int(leg.keyStart) &- 1
    let count = Int(leg.length) &- keys &- (leg.isContinuedByNext ? 0 : 2)
    leg.continuesPreviousLine = reopenLine()
    leg.isContinuedByNext = false
    if !leg.continuesPreviousLine { bytes.append("get", &buffers) }
    leg.keyStart = leg.continuesPreviousLine ? 1 : 4
    bytes.append(other, from: start &+ keys, count: count, &buffers)
    bytes.append("\r\n", &buffers)
    leg.length = UInt32(truncatingIfNeeded: count &+ (leg.continuesPreviousLine ? 2 : 5))
    enqueueGet(leg)
  }

  /// Marks the youngest leg as part of a routed request.
  mutating func markLast(_ route: RouteMark?, isAimed: Bool = false) {
    if let route { legs.last.route = route }
    if isAimed { legs.last.isAimed = true }
  }

  // MARK: - Requests are sent and answered

  /// The edge has sent `n` bytes.
  @inline(always) mutating func noteSent(_ n: Int) {
    sent &+= n
    sendTimes.note(n)
  }

  /// Notes when the last `n` bytes were sent.
  @inline(never) mutating func markSent(_ n: Int, at now: Instant) {
    sendTimes.mark(last: n, answered: sendTimes.total &- sent, at: now)
  }

  /// When the last byte before position `end` in `bytes` was sent; nil if that is not known, or it was not.
  func sentAt(_ end: Int) -> Instant? { sendTimes.time(ofByteBefore: sendTimes.total &- sent &+ end) }

  /// Whether all bytes of the front leg, and of its line, were sent.
  var hasSentFront: Bool {
    @inline(always) mutating get { sent == bytes.count || sent >= frontLine }
  }

  /// Whether the next reply belongs to a single-server request and is forwarded unchanged.
  var owesPlainly: Bool {
    @inline(always) mutating get {
      !legs.isEmpty && legs[0].fanOut == Ref<FanOut>.none && !legs[0].verb.isMeta && sent > 0
        && front == .plain
    }
  }

  /// Parses the reply to the front leg, which must exist.
  @inline(always)
  mutating func parse(_ reply: RawSpan, at p: Int, maxValue: Int) -> Answer {
    let verb = legs[0].verb
    guard verb.isRetrieval else { return ReplyParser.line(reply, at: p, verb.expectation) }
    return ReplyParser.single(
      reply, at: p, asked: bytes.readable, keyStart: Int(legs[0].keyStart), keyLength: Int(legs[0].keyLength),
      withCAS: verb.givesCAS, maxValue: maxValue)
  }

  /// Removes the front leg, which has been answered. A server may answer before the whole request was sent (a value
  /// that is too large); then the leg stays until the rest is sent.
  @inline(always)
  mutating func dropFront(_ buffers: inout BufferPool) {
    let length = Int(legs[0].length)
    guard sent >= length else {
      front = .answered
      disown(0)
      return
    }
    legs.dropFirst()
    bytes.consume(length)
    sent &-= length
    cursorAt = 0
    if late > 0 {
      late &-= 1
      lateLength &-= length
    }
    releaseIfEmpty(&buffers)
  }

  /// Removes the first `count` legs, which were sent and answered; their requests have `length` bytes.
  @inline(always) mutating func dropFront(_ count: Int, length: Int, _ buffers: inout BufferPool) {
    legs.dropFirst(count)
    bytes.consume(length)
    sent &-= length
    lateLength = late > count ? lateLength &- length : 0
    late = max(0, late &- count)
    releaseIfEmpty(&buffers)
  }

  /// The rest of a request that was answered early may have been sent: then its leg is removed.
  mutating func dropAnswered(_ buffers: inout BufferPool) {
    guard !legs.isEmpty, hasSentFront else { return }
    front = .plain
    dropFront(&buffers)
  }

  /// Makes an upload of the request line that was queued, the only one; the value follows. Copies the line, because what
  /// was sent is dropped. Returns the leg.
  mutating func beginUpload(copyingLineTo line: inout Buffer, _ buffers: inout BufferPool) -> Leg {
    front = .upload
    line.append(bytes, from: 0, count: bytes.count, &buffers)
    return legs.last
  }

  /// The upload was answered.
  mutating func endUpload() { legs.removeAll() }

  /// The connection is used for another large value next.
  mutating func endTransfer() { front = .plain }

  /// Drops what was sent of an upload. The next upload gets a block that is still in the CPU cache.
  mutating func dropSent(_ buffers: inout BufferPool) {
    bytes.consume(sent)
    sent = 0
    if bytes.isEmpty { bytes.release(to: &buffers) }
  }

  @inline(always) private mutating func releaseIfEmpty(_ buffers: inout BufferPool) {
    if bytes.isEmpty && bytes.footprint > 65_536 { bytes.release(to: &buffers) }
  }

  // MARK: - A value is discarded

  /// Discards the value that has begun to arrive for the front leg, `length` bytes with the line before it.
  mutating func beginDiscarding(_ length: Int) {
    front = .discarding
    discardLeft = length
  }

  enum Discarded: BitwiseCopyable {
    /// These bytes were discarded, and more are to come.
    case more(Int)
    /// These were the last, with the text that must follow them.
    case done(Int)
    /// Something else follows behind these.
    case broken(Int)
  }

  /// Discards what has arrived of the value. The leg stays.
  mutating func discard(_ reply: RawSpan, _ p: Int, now: Instant) -> Discarded {
    let n = min(discardLeft, reply.byteCount &- p)
    let before = discardLeft
    discardLeft &-= n
    // Each 64 KiB have a deadline, as in a streamed value, so that no request waits behind a value that drips.
    if !legs[0].isLate, before &>> 16 != discardLeft &>> 16 { legs[0].since = now }
    let tail = legs[0].valueEnd
    guard discardLeft == 0, reply.byteCount &- p &- n >= tail.utf8CodeUnitCount else { return .more(n) }
    guard reply.hasText(tail, at: p &+ n) else { return .broken(n) }
    front = .plain
    return .done(n &+ tail.utf8CodeUnitCount)
  }

  /// Records the next piece of the front leg's reply, and where its key is.
  @inline(always) mutating func moveCursor(to piece: UInt32, keyAt: Int) {
    cursor = piece
    cursorAt = keyAt
  }

  /// Moves the cursor past the piece whose value is not kept; `next` is the one after it.
  mutating func skipPiece(keyLength: Int, next: UInt32) {
    cursorAt &+= keyLength &+ 1
    cursor = next
  }

  // MARK: - Requests are given up

  /// Detaches a leg from its client, which is answered otherwise: its reply is discarded.
  @inline(always) mutating func disown(_ i: Int) {
    legs[i].exchange = Ref<Exchange>.none
    legs[i].fanOut = Ref<FanOut>.none
  }

  /// Marks a leg as late: its client is answered without it. A fan-out's leg keeps the fan-out, by whose pieces its reply
  /// is read.
  mutating func markLate(_ i: Int) {
    legs[i].isLate = true
    legs[i].exchange = Ref<Exchange>.none
  }

  /// Adds a request, with a copy of its line, to those that will get no reply.
  mutating func settle(
    _ one: Entry, at s: Ref<Server>, next l: Ref<ServerConnection>, isAhead: Bool = false,
    _ failure: ServerFailure, _ fate: Settled.Fate, to settled: inout SettledRequests,
    _ buffers: inout BufferPool
  ) {
    settled.list.append(
      Settled(
        leg: one.leg, server: s, next: l, isAhead: isAhead, failure: failure, fate: fate,
        sentAt: sentAt(one.start &+ Int(one.leg.length)), start: settled.bytes.count))
    settled.bytes.append(bytes, from: one.start, count: lineLength(of: one), &buffers)
  }

  /// The first leg behind the late ones; nil if all are late.
  var firstInTime: Entry? {
    late < legs.count ? Entry(leg: legs[late], index: late, start: lateLength) : nil
  }

  /// Counts the first leg behind the late ones as late too.
  mutating func passLate() {
    lateLength &+= Int(legs[late].length)
    late &+= 1
  }

  /// Whether the first leg behind the late ones begins a line, and no byte of that was sent.
  var isUnsentInTime: Bool { lateLength >= sent && !legs[late].continuesPreviousLine }

  /// Takes out the requests at the end that were not begun to be sent: whole lines. O(their bytes).
  mutating func takeUnsent(_ buffers: inout BufferPool) -> RequestQueue {
    var unsent = RequestQueue()
    var at = positionInTime
    var begin = at
    while let one = next(&at), one.start < sent || one.leg.continuesPreviousLine { begin = at }
    for i in begin.index..<legs.count { unsent.legs.append(legs[i]) }
    unsent.bytes.append(bytes, from: begin.start, count: bytes.count &- begin.start, &buffers)
    legs.remove(from: begin.index, count: legs.count &- begin.index)
    bytes.truncate(to: begin.start)
    lineLength = 0
    releaseIfEmpty(&buffers)
    return unsent
  }

  /// Removes a leg that shares its line with no other; no byte of it was sent.
  mutating func dropUnsent(_ one: Entry) {
    legs.remove(from: one.index, count: 1)
    bytes.remove(from: one.start, count: Int(one.leg.length))
    lineLength = 0
  }

  /// Removes the front leg, which was sent, in the middle of its reply: the connection is about to be closed.
  mutating func cutFront() {
    let length = Int(legs[0].length)
    legs.dropFirst()
    bytes.consume(length)
    sent = max(0, sent &- length)
    front = .plain
    discardLeft = 0
  }

  /// Removes the leg that was answered before all of it was sent, if there is one; the connection is closed.
  mutating func cutAnswered() {
    if front == .answered { cutFront() }
  }

  /// Takes all requests out.
  mutating func takeAll() -> RequestQueue {
    var all = RequestQueue()
    swap(&all, &self)
    return all
  }

  /// Adds the requests of another queue behind these; no byte of them was sent.
  mutating func append(_ other: consuming RequestQueue, _ buffers: inout BufferPool) {
    bytes.append(other.bytes, from: 0, count: other.bytes.count, &buffers)
    while let leg = other.legs.popFirst() { legs.append(leg) }
    lineLength = 0
    other.bytes.release(to: &buffers)
  }

  /// Removes all requests, which were sent and answered; the memory stays.
  mutating func dropAll() {
    bytes.removeAll()
    legs.removeAll()
    sent = 0
  }

  /// Removes all requests: the connection is closed.
  mutating func clear(_ buffers: inout BufferPool) {
    bytes.release(to: &buffers)
    legs.removeAll()
    sent = 0
    late = 0
    lateLength = 0
    lineLength = 0
    front = .plain
  }

  /// A reload has given the pools other numbers: see `PoolIndex.renumber`.
  mutating func renumberPools(_ numbers: [PoolIndex]) {
    for i in 0..<legs.count { legs[i].pool.renumber(numbers) }
  }

  /// A reload has removed the listeners at these places: see `ListenerIndex.forget`.
  mutating func forgetListeners(_ gone: Set<UInt8>) {
    for i in 0..<legs.count { legs[i].listener.forget(gone) }
  }

  /// Frees memory that a burst of requests has left unused.
  mutating func trim() {
    legs.trim()
    sendTimes.drop(before: sendTimes.total &- sent)
  }
}
