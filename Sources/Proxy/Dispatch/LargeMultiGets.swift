import Bytes
import Stats
import Wire

// Multi-gets whose values may be large: a value that does not fit in memory is requested only when it can be sent to
// the client, so that the server sends it once.
//
//     the client's last values were large   each key is requested separately, in its turn
//     not known, but its server has some    get a b ─▶ their size ─┬▶ small: get c d e …, in one line
//                                                                  └▶ large: c d e … each in its turn
//     else                                  get a b c d e …; if much more is to arrive than can be kept, the
//                                           connection is closed, and each missing key is requested in its turn

extension RequestQueue {
  /// Has the value at the cursor requested again, by itself.
  mutating func deferValue(in fanOut: inout FanOut, _ buffers: inout BufferPool) {
    fanOut.deferLargeValue(Int(cursor), bytes, keyAt: cursorAt, &buffers)
  }

  /// Has every key of a multi-get's leg requested again, by itself.
  mutating func deferAll(_ one: Entry, in fanOut: inout FanOut, _ buffers: inout BufferPool) {
    fanOut.deferAll(from: one.leg.piece, bytes, keyAt: one.start &+ Int(one.leg.keyStart), &buffers)
  }

  /// Copies the front request, or a line that requests its value, to a stream.
  mutating func copyFront(to stream: inout Stream, _ buffers: inout BufferPool) {
    let leg = legs[0]
    if leg.verb.isMeta { return stream.line.append(bytes, from: 0, count: Int(leg.length), &buffers) }
    stream.writeLine(
      leg.verb.expectation == .valuesWithCAS ? .gets : .get, bytes, keyAt: Int(leg.keyStart),
      count: Int(leg.keyLength), &buffers)
  }

  /// Shortens a share that is being written to its first `most` keys; the fan-out keeps the others. False if there are no
  /// more.
  mutating func split(
    _ share: Share, from first: UInt32, keeping most: Int, in fanOut: inout FanOut,
    _ buffers: inout BufferPool
  ) -> Bool {
    var end = share.start &+ Int(share.keyStart)
    var last = first
    var i = first
    var count = 0
    while i != .max {
      count &+= 1
      if count <= most {
        last = i
        end &+= Int(fanOut.pieces[Int(i)].keyLength) &+ (count > 1 ? 1 : 0)
      }
      i = fanOut.pieces[Int(i)].next
    }
    guard count > most else { return false }
    let rest = fanOut.pieces[Int(last)].next
    fanOut.pieces[Int(last)].next = .max
    var keyAt = end &+ 1
    i = rest
    while i != .max {
      fanOut.keep(Int(i), bytes, keyAt: keyAt, &buffers)
      keyAt &+= Int(fanOut.pieces[Int(i)].keyLength) &+ 1
      i = fanOut.pieces[Int(i)].next
    }
    bytes.truncate(to: end)
    fanOut.pieces[Int(first)].rest = rest
    return true
  }

  /// Requests the kept rest of a share, fan-out `f`, in one line.
  mutating func enqueueRest(
    from first: UInt32, of f: Ref<FanOut>, behind previous: Leg, in fanOut: inout FanOut, since now: Instant,
    _ buffers: inout BufferPool
  ) {
    let before = end
    let verb = previous.verb
    write(verb == .gets ? "gets" : "get", &buffers)
    var i = first
    while i != .max {
      let piece = fanOut.pieces[Int(i)]
      write(" ", &buffers)
      bytes.append(fanOut.bytes, from: piece.offset, count: Int(piece.keyLength), &buffers)
      fanOut.pieces[Int(i)].offset = 0
      i = piece.next
    }
    write("\r\n", &buffers)
    var leg = Leg()
    leg.verb = verb
    leg.fanOut = f
    leg.pool = previous.pool
    leg.piece = first
    leg.keyStart = verb == .gets ? 5 : 4
    leg.since = now
    enqueue(leg, from: before)
  }
}

extension FanOut {
  /// Keeps a key, which is in `asked`, until its value is requested.
  mutating func keep(_ i: Int, _ asked: borrowing Buffer, keyAt: Int, _ buffers: inout BufferPool) {
    pieces[i].offset = bytes.count
    pieces[i].length = 0
    bytes.append(asked, from: keyAt, count: Int(pieces[i].keyLength), &buffers)
  }

  /// Defers the keys of a chain, which are in `asked` with a space between two.
  mutating func deferAll(
    from first: UInt32, _ asked: borrowing Buffer, keyAt: Int, _ buffers: inout BufferPool
  ) {
    var i = first
    var at = keyAt
    while i != .max {
      deferLargeValue(Int(i), asked, keyAt: at, &buffers)
      at &+= Int(pieces[Int(i)].keyLength) &+ 1
      i = pieces[Int(i)].next
    }
  }

  /// Writes the request line for the value of a deferred piece.
  mutating func writeLine(for piece: Piece, to stream: inout Stream, _ buffers: inout BufferPool) {
    stream.writeLine(
      withCAS ? .gets : .get, bytes, keyAt: piece.offset, count: Int(piece.keyLength), &buffers)
  }

  /// Appends the value of a piece.
  mutating func append(_ piece: Piece, to output: inout Buffer, _ buffers: inout BufferPool) {
    output.append(bytes, from: piece.offset, count: Int(piece.length), &buffers)
  }

  /// Takes the first key of the rest that follows the leg beginning with this piece.
  mutating func takeRest(of leg: UInt32) -> UInt32? {
    let first = pieces[Int(leg)].rest
    guard first != .max else { return nil }
    pieces[Int(leg)].rest = .max
    return first
  }

  /// Average bytes of the values that have arrived.
  var averageSize: Int {
    var hits = 0
    for i in 0..<pieces.count where pieces[i].length > 0 { hits &+= 1 }
    return hits == 0 ? 0 : bytes.count / hits
  }

  /// Number of keys of a chain.
  func count(from first: UInt32) -> Int {
    var n = 0
    var i = first
    while i != .max {
      n &+= 1
      i = pieces[Int(i)].next
    }
    return n
  }

  /// Average and largest bytes of a chain's values; a deferred one counts as larger than any.
  func size(of first: UInt32) -> (average: Int, largest: Int) {
    var (total, hits, largest) = (0, 0, 0)
    var i = first
    while i != .max {
      let piece = pieces[Int(i)]
      if piece.isDeferred { return (Int.max, Int.max) }
      if piece.length > 0 {
        total &+= Int(piece.length)
        hits &+= 1
        largest = max(largest, Int(piece.length))
      }
      i = piece.next
    }
    return (hits == 0 ? 0 : total / hits, largest)
  }
}
