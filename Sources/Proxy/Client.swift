import Bytes

/// One connection from an application, as a worker sees it: bytes in, bytes out, and the requests that
/// wait for their answers in the order they were asked.
///
///     first ─▶ exchange ─▶ exchange ─▶ last
///
/// The answer at the head goes straight to `output`; an answer that comes before its turn waits in
/// `parked`. A connection that is idle holds no buffer at all.
package struct Client: ~Copyable, Recyclable {
  /// Bytes that came and could not yet be served: an unfinished request, or what waits for room.
  package var input = Buffer()
  /// Answers to be sent.
  package var output = Buffer()
  /// Answers before their turn; exchanges know where in it theirs lie.
  var parked = Buffer()
  /// Bytes of `parked` that are still wanted.
  var parkedLive = 0
  /// The exchanges, oldest first.
  var first = Slab<Exchange>.none
  var last = Slab<Exchange>.none
  var inFlight: UInt32 = 0
  /// As many requests may be in flight as their answers, by the size of the last ones, fit the client's
  /// output: a value may have a megabyte, and its client may not read. It grows by doubling, and what was learned is
  /// forgotten when nothing is asked.
  var window: UInt32 = 0
  /// Answers that have left the order since something was last sent.
  var answered: UInt32 = 0
  /// Bytes that were sent at once last, but no more than a request in flight may take: the next answers get a block for
  /// as many, and need not move to a larger one.
  var usual: UInt32 = 0
  /// Bytes of a refused request that are still to come and are dropped.
  var skip = 0
  /// Bytes of `input` in which no newline was found.
  var scanned = 0
  /// A request's bytes after which it is worth looking at again.
  package var awaited = 0
  /// The long value that is on its way to or from it, and whether it is the client's own.
  var stream = Slab<Stream>.none
  package var isUploading = false
  /// Bytes of the value being uploaded that are still to come.
  var bodyLeft = 0
  /// Its last value was long, and nothing was read from it since.
  var hasUploaded = false
  /// It has asked something before a long value of its own was answered.
  var asksAhead = false
  /// Bytes that a value of its last multi-get took, on average; 0 before the first.
  var valueSize: UInt32 = 0
  /// Answers that are streamed when their turn comes: nothing more is taken until they have been given.
  var deferLargeValue = 0
  /// It has an upload to begin when its answers have been given.
  var isOrderly = false
  /// It has an upload to begin when there is a connection for it, or the way is clear.
  var isQueued = false
  /// It has an upload to begin when what stands in its way on the shared connection is done: since then.
  var uploadHeldSince = Instant.never
  /// One of the worker's streams is kept for its upload.
  var holdsStream = false
  /// When the unfinished request at the front of `input` began, and how much there was then.
  var partialSince = Instant.never
  var partialSize = 0
  /// When `output` was last seen to move while the peer did not take all of it.
  package var blockedSince = Instant.never
  var isDirty = false
  /// When the answers that wait in `output` for others to go with them were first held back.
  var heldSince = Instant.never
  /// Whether anything has come from it.
  var hasSpoken = false
  /// Not read from: too much waits to be answered or sent.
  var isStalled = false
  /// Whether it stands in the list of those that may go on.
  var isResumable = false
  /// Nothing more will come; closed when everything is answered and sent.
  var isClosing = false
  /// Nothing more is heard: it said quit, or is no client of memcached.
  var hasQuit = false
  /// Whether the order to close was given.
  var isClosed = false

  package init() {}

  package mutating func reset() {
    // The buffers were released by the worker, which owns the pool.
    self = Client()
  }

  /// Bytes of a long request that are still to come before it is worth looking at.
  package var missing: Int { mutating get { max(0, awaited &- input.count) } }

  /// How many more of its requests may be taken now.
  @inline(__always) func room(_ requests: UInt32, allowance: Int) -> Int {
    let most = min(window, requests)
    guard backlog < allowance, inFlight < most else { return 0 }
    return Int(most &- inFlight)
  }

  /// Learns from what waits to be sent now how large this client's answers are.
  @inline(__always) mutating func learnWindow(_ limits: Limits, allowance: Int) {
    usual = UInt32(truncatingIfNeeded: min(output.count, Self.mostUsual))
    guard answered > 0, deferLargeValue == 0 else { return }
    let size = max(1, output.count / Int(answered))
    let fitting = min(Int(limits.clientRequests), allowance / size)
    window = UInt32(clamping: max(1, min(fitting, Int(window) &* 2)))
    answered = 0
  }

  /// What was small once need not be so now.
  mutating func forgetWindow(_ limits: Limits) {
    guard inFlight == 0, deferLargeValue == 0 else { return }
    window = min(window, max(1, limits.firstRequests))
    if !isUploading { asksAhead = false }
  }

  /// A new place at the end of the order; returns the place before it.
  @inline(__always) mutating func enqueue(_ x: UInt32) -> UInt32 {
    let before = last
    if before == Slab<Exchange>.none { first = x }
    last = x
    inFlight &+= 1
    return before
  }

  /// The head leaves; `next` is the head now.
  @inline(__always) mutating func dequeue(next: UInt32) {
    first = next
    if next == Slab<Exchange>.none { last = next }
    inFlight &-= 1
    answered &+= 1
  }

  /// Takes its place among the clients with something to be sent; false if it has one.
  @inline(__always) mutating func becomeDirty() -> Bool {
    if isDirty { return false }
    isDirty = true
    return true
  }

  /// Whether its answers may wait for those it still awaits: not long, and not when there is much to send.
  @inline(always) mutating func mayBeHeld(for nanoseconds: UInt64, now: Instant) -> Bool {
    guard inFlight > 0, output.count < Self.worthSending else { return false }
    if heldSince == .never { heldSince = now }
    return now.nanoseconds &- heldSince.nanoseconds < nanoseconds
  }

  /// Of what was sent last, so much is remembered: many who were sent much once must not hold as much again for little.
  private static var mostUsual: Int { 4096 }

  /// Bytes from which on holding answers back saves nothing.
  private static var worthSending: Int { 16_384 }

  /// A parked answer's turn has come.
  @inline(always) mutating func unpark(from: Int, count: Int, _ buffers: inout BufferPool) {
    output.append(parked, from: from, count: count, &buffers)
    parkedLive &-= count
  }

  /// Bytes that wait to be sent to the client, or for their turn.
  var backlog: Int { @inline(__always) get { output.count &+ parkedLive } }
}
