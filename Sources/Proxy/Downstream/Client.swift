import Bytes
import Stats
import Topology

/// One client connection, as a worker sees it: its input, its output, and its requests in flight in the order in which
/// they arrived.
///
///     first ─▶ exchange ─▶ exchange ─▶ last
///
/// The reply to the first exchange goes straight to `output`; a reply that arrives before its turn waits in `parked`.
/// An idle connection has no buffer at all.
package struct Client: ~Copyable, Recyclable {
  /// Received bytes that are not served yet: an unfinished request, or requests over a limit.
  package var input = Buffer()
  /// Replies to be sent.
  package var output = Buffer()
  /// Replies that arrived before their turn, at positions that their exchanges record.
  var parked = Buffer()
  /// Bytes of `parked` that are yet to be moved to `output`.
  var parkedLive = 0
  /// The exchanges, oldest first.
  var first = Ref<Exchange>.none
  var last = Ref<Exchange>.none
  var inFlight: UInt32 = 0
  /// Number of requests that may be in flight: as many as have replies, of the last ones' size, that fit in the
  /// client's output. A value may be a megabyte, and the client may not read. The number grows by doubling;
  /// `forgetWindow` resets it when the client has none in flight.
  var window: UInt32 = 0
  package var intake = Intake()
  package var large = LargeValues()
  package var sending = Sending()
  var listener = ListenerIndex()
  /// The pool that its listener names, and its number now.
  var pool: PoolID?
  var target = Target.byKey
  var life = Life()

  /// The unfinished request at the front of `input`.
  package struct Intake: BitwiseCopyable {
    /// Bytes of a refused request that are still to arrive; they are dropped.
    var skip = 0
    /// Bytes of `input` that were searched for a newline and have none.
    var scanned = 0
    /// Bytes of the current request that must be there before it is parsed again.
    package var awaited = 0
    /// When the request began or last grew by 64 KiB, and its size then.
    var partialSince = Instant.never
    var partialSize = 0
    /// Whether any byte has been received from the client.
    var hasSpoken = false
  }

  /// Its values that are too large to be buffered.
  package struct LargeValues: BitwiseCopyable {
    /// The stream of a large value to or from the client, and whether it is an upload.
    var stream = Ref<Stream>.none
    package var isUploading = false
    /// Bytes of the value being uploaded that are still to arrive.
    var bodyLeft = 0
    /// Its last value was streamed, and nothing was read from it since.
    var hasUploaded = false
    /// Average bytes of a value in its last multi-get; 1 if they were small, 0 before the first.
    var valueSize: UInt32 = 0
    /// Number of replies still to be streamed. No more of its requests are served until they have been sent.
    var deferredReplies = 0
    /// Its next request is an upload, which begins when its earlier requests are answered.
    var isOrderly = false
    /// Its next request is an upload, which waits for a free stream or for earlier requests on the shared connection.
    var isQueued = false
    /// Since when its upload waits for earlier requests, or for room, on the shared connection.
    var heldSince = Instant.never
    /// One of the worker's streams is reserved for its upload.
    var holdsStream = false
  }

  /// What is sent to it, and when.
  package struct Sending: BitwiseCopyable {
    /// Requests answered since the last send.
    var answered: UInt32 = 0
    /// Bytes of the last send, at most `mostUsualReply`: the next replies get a block of that size, and need not be
    /// moved.
    var usualReply: UInt32 = 0
    /// When `output` last shrank while the client did not read all of it.
    package var blockedSince = Instant.never
    /// When the replies in `output` were first held back to be sent together with later ones.
    var heldSince = Instant.never
    var isDirty = false
  }

  /// Whether it is read, and whether it is about to be closed.
  struct Life: BitwiseCopyable {
    /// Not read from: a limit is reached on its requests in flight or its unsent replies, or its upload waits.
    var isStalled = false
    /// Whether it is in the worker's `resumable` list.
    var isResumable = false
    /// It sends no more; it is closed when all its requests are answered and the replies sent.
    var isClosing = false
    /// Its input is ignored: it sent `quit`, or is not a memcached client.
    var hasQuit = false
    /// Whether `Effect.close` was issued for it.
    var isClosed = false
  }

  package init() {}

  package mutating func reset() {
    // The worker, which owns the buffers, has released them.
    self = Client()
  }

  /// Bytes of an unfinished request that must still arrive before it is parsed again.
  package var missing: Int { mutating get { max(0, intake.awaited &- input.count) } }

  /// Whether a request of it has been unfinished for this long.
  @inline(always) func hasHalfRequest(for duration: Duration, now: Instant) -> Bool {
    intake.partialSince != .never && now.since(intake.partialSince) >= duration
  }

  /// Whether it has read nothing of its replies for this long.
  @inline(always) func hasUnread(for duration: Duration, now: Instant) -> Bool {
    sending.blockedSince != .never && now.since(sending.blockedSince) >= duration
  }

  /// Number of further requests that it may have in flight now.
  @inline(__always) func room(_ requests: UInt32, allowance: Int) -> Int {
    let most = min(window, requests)
    guard backlog < allowance, inFlight < most else { return 0 }
    return Int(most &- inFlight)
  }

  /// Adapts the window to the size of the replies that are about to be sent.
  @inline(__always) mutating func learnWindow(_ limits: Limits, allowance: Int) {
    sending.usualReply = UInt32(truncatingIfNeeded: min(output.count, Self.mostUsualReply))
    guard sending.answered > 0, large.deferredReplies == 0 else { return }
    let size = max(1, output.count / Int(sending.answered))
    let fitting = min(Int(limits.clientRequests), allowance / size)
    window = UInt32(clamping: max(1, min(fitting, Int(window) &* 2)))
    sending.answered = 0
  }

  /// Shrinks the window of a client without requests in flight: its next replies may be larger than its last.
  mutating func forgetWindow(_ limits: Limits) {
    guard inFlight == 0, large.deferredReplies == 0 else { return }
    window = min(window, max(1, limits.firstRequests))
  }

  /// Adds an exchange at the end of the order; returns the one before it.
  @inline(__always) mutating func enqueue(_ x: Ref<Exchange>) -> Ref<Exchange> {
    let before = last
    if before == Ref<Exchange>.none { first = x }
    last = x
    inFlight &+= 1
    return before
  }

  /// Removes the first exchange; `next` is the first now.
  @inline(__always) mutating func dequeue(next: Ref<Exchange>) {
    first = next
    if next == Ref<Exchange>.none { last = next }
    inFlight &-= 1
    sending.answered &+= 1
  }

  /// Marks the client as one with output to send; false if it is marked already.
  @inline(__always) mutating func becomeDirty() -> Bool {
    if sending.isDirty { return false }
    sending.isDirty = true
    return true
  }

  /// Whether its replies wait for others in flight, for `nanoseconds` at most.
  @inline(always) mutating func mayBeHeld(for nanoseconds: UInt64, now: Instant) -> Bool {
    if sending.heldSince == .never { sending.heldSince = now }
    let held = now.nanoseconds &- sending.heldSince.nanoseconds
    return Batcher.holds(output.count, awaited: inFlight, held: held, limit: nanoseconds)
  }

  /// Cap on the remembered size of a send, so that one large send does not make every later block large.
  private static var mostUsualReply: Int { 4096 }

  /// Moves a parked reply, which is the next in order, to the output.
  @inline(always) mutating func unpark(from: Int, count: Int, _ buffers: inout BufferPool) {
    output.append(parked, from: from, count: count, &buffers)
    parkedLive &-= count
  }

  /// What it is doing, as `stats conns` shows it.
  var state: ClientState {
    if life.isClosing || life.hasQuit || life.isClosed { return .closing }
    if sending.blockedSince != .never { return .writing }
    if inFlight > 0 { return .waitingForServers }
    return input.isEmpty && !large.isUploading ? .reading : .readingValue
  }

  /// Bytes of replies that wait to be sent, or for their turn.
  var backlog: Int { @inline(__always) get { output.count &+ parkedLive } }
}
