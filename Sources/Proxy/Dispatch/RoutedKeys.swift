import Bytes
import Routing
import Topology
import Wire

// The keys of a multi-get whose route is a `try`: those that one server does not have, or does not answer for, join the
// request to the next one at once.

/// What is known of them.
///
/// A key that continues becomes a piece behind those of the client's keys, so that a late reply can still be read by the
/// pieces that its request had. When all is answered, its value is put in the client's place.
struct RoutedKeys: ~Copyable {
  struct Key: BitwiseCopyable {
    /// Its piece in the client's order, and the one that was asked last.
    var place: UInt32
    var piece: UInt32
    /// Where the key is in `line`.
    var from: Int32
    var tree: UInt16
    /// The leaf that was asked last, and whether the next may be asked after it.
    var leaf: UInt8 = 0
    var mayGoOn = false
    var states = LegStates()
  }

  /// In the order of their places.
  var keys = List<Key>()
  /// For each piece behind the client's, its key in `keys`.
  var moved = List<UInt32>()
  /// The number of the client's keys.
  var count = 0
  /// The client's line, and the part of the request that all its keys have.
  var line = Buffer()
  var request = Request()
  /// The reload after which the keys were routed.
  var generation: UInt8 = 0
  /// The fixed error that is the answer for some of them.
  var error: String?

  var isEmpty: Bool { keys.count == 0 }

  mutating func removeAll() {
    keys.removeAll()
    moved.removeAll()
    count = 0
    error = nil
  }

  /// A piece's key in `keys`; nil if its route is no `try`.
  func key(of piece: UInt32) -> Int? {
    if count > 0, Int(piece) >= count {
      return Int(piece) &- count < moved.count ? Int(moved[Int(piece) &- count]) : nil
    }
    var (low, high) = (0, keys.count)
    while low < high {
      let middle = (low &+ high) / 2
      if keys[middle].place < piece { low = middle &+ 1 } else { high = middle }
    }
    return low < keys.count && keys[low].place == piece ? low : nil
  }
}

extension FanOut {
  /// Puts the values of the keys that went on where the client asked for them.
  mutating func settleMoved() {
    guard routed.count > 0 else { return }
    for n in 0..<routed.keys.count {
      let (place, piece) = (Int(routed.keys[n].place), Int(routed.keys[n].piece))
      if place == piece { continue }
      pieces[place].offset = pieces[piece].offset
      pieces[place].length = pieces[piece].length
      pieces[place].isDeferred = pieces[piece].isDeferred
      pieces[place].isAimed = pieces[piece].isAimed
      pieces[place].pool = pieces[piece].pool
      pieces[piece].length = 0
      pieces[piece].isDeferred = false
      routed.keys[n].piece = routed.keys[n].place
    }
  }
}

extension Routed {
  /// Forwards a `gat` of several keys with the time that the rules of all their routes allow. False if there are none, and
  /// nothing is done.
  @inline(never)
  static func forwardGat(
    _ d: inout Dispatcher, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int, _ request: Request, now: Instant
  ) -> Bool {
    var rules: [TTLRule] = []
    var words = KeyWalk(from: request.keyStart, to: request.lineEnd(bytes))
    while let key = words.next(bytes) {
      let route = d.router.route(
        of: bytes, from: key.from, count: Int(key.length), d.downstream.clients[c].target)
      guard case .through(let node) = route.way else { continue }
      let end = d.router.end(of: node, Command(request, bytes), bytes, RequestKey(word: key))
      var own = d.router.ends.rules[Int(end.rules)].ttls
      if let most = inCharge(&d, of: bytes, RequestKey(word: key), end)?.mostLife {
        own.append(TTLRule(max: most))
      }
      rules += own.filter { !rules.contains($0) }
    }
    if rules.isEmpty { return false }
    edit(&d, bytes, p, request, rules) { d, bytes, p, request in
      d.multiGet(c, bytes, p, request, now: now)
    }
    return true
  }

  /// Adds a key, piece `i`, to the request for its server, as its node says. False if the client was answered.
  @inline(never)
  static func addKey(
    _ d: inout Dispatcher, _ i: UInt32, _ c: Ref<Client>, _ key: Word, besides route: Route, _ bytes: RawSpan,
    _ p: Int,
    _ request: Request, _ f: Ref<FanOut>, now: Instant
  ) -> Bool {
    guard case .through(let node) = route.way else {
      // A key without a route is nowhere: a miss.
      d.common.counters.add(.readsAsMisses)
      return true
    }
    let end = d.router.end(of: node, Command(request, bytes), bytes, RequestKey(word: key))
    switch end.way {
    case .pool:
      guard let destination = destination(&d, for: bytes, RequestKey(word: key), in: Int(end.number)) else {
        return true
      }
      aim(&d, i, at: destination, f)
      d.addKey(i, c, key, to: destination, bytes, p, request, f, now: now)
    case .attempt:
      if d.fanOuts[f].routed.isEmpty {
        d.fanOuts[f].routed.line.append(bytes, from: p, count: request.lineLength, &d.common.buffers)
        d.fanOuts[f].routed.request = request
        d.fanOuts[f].routed.request.keyStart = request.keyStart &- p
        d.fanOuts[f].routed.generation = d.router.generation
      }
      d.fanOuts[f].routed.keys.append(
        RoutedKeys.Key(
          place: i, piece: i, from: Int32(truncatingIfNeeded: key.from &- p), tree: end.number))
      ask(
        &d, keyAt: d.fanOuts[f].routed.keys.count &- 1, isFirst: true, c, bytes, p, key, request, f, now: now)
    case .refusedQuietly: break
    case .answer:
      // A fixed answer is a miss, or an error for the whole line.
      guard case .error = d.router.ends.answers[Int(end.number)] else { break }
      answer(&d, c, bytes, p, request, by: end)
      return false
    case .refused, .share:
      answer(&d, c, bytes, p, request, by: end)
      return false
    }
    return true
  }

  private static func aim(
    _ d: inout Dispatcher, _ i: UInt32, at destination: Destination, _ f: Ref<FanOut>
  ) {
    d.fanOuts[f].pieces[Int(i)].isAimed = true
    d.fanOuts[f].pieces[Int(i)].pool = destination.pool
  }

  /// Asks the next server for a key, `n` in the list, if there is one to ask.
  private static func ask(
    _ d: inout Dispatcher, keyAt n: Int, isFirst: Bool, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int,
    _ key: Word,
    _ request: Request, _ f: Ref<FanOut>, now: Instant
  ) {
    let tree = Int(d.fanOuts[f].routed.keys[n].tree)
    var states = d.fanOuts[f].routed.keys[n].states
    var kind = RequestKind.read
    var first: Destination?
    while true {
      switch d.router.ends.trees[tree].next(kind, states) {
      case .ask(let leaf, _):
        guard case .pool(let pool) = d.router.ends.trees[tree].leaves[leaf],
          let destination = destination(&d, for: bytes, RequestKey(word: key), in: pool)
        else { return }
        first = first ?? destination
        if destination.isEjected {
          states[leaf] = .skipped
          continue
        }
        if !mayGoOn(&d, from: destination.server, tree) { kind = .lease }
        let l = d.upstream.connection(to: destination, lane: c.index)
        if kind == .read,
          !d.upstream.connections[l].isOpen(bytes: d.fastPathBytes, depth: d.common.limits.serverDepth),
          d.upstream.admit(l, isModest: true, now: now, &d.common) != nil
        {
          states[leaf] = .unsent
          continue
        }
        states[leaf] = .asked
        d.fanOuts[f].routed.keys[n].leaf = UInt8(truncatingIfNeeded: leaf)
        d.fanOuts[f].routed.keys[n].mayGoOn = kind == .read && d.router.ends.trees[tree].readsGoOn
        d.fanOuts[f].routed.keys[n].states = states
        add(&d, keyAt: n, isFirst: isFirst, c, bytes, p, key, request, to: destination, f, now: now)
        return
      case .answer where isFirst:
        // No member's server can be asked: the first one's rules apply.
        guard let first else { return }
        add(&d, keyAt: n, isFirst: isFirst, c, bytes, p, key, request, to: first, f, now: now)
        return
      case .say(.error(let text)):
        d.fanOuts[f].routed.error = text
        d.fanOuts[f].pieces[Int(d.fanOuts[f].routed.keys[n].piece)].hasMoved = true
        return
      case .answer, .wait, .say: return
      }
    }
  }

  /// Adds a key to the request for a server: as the client's piece, or behind those.
  private static func add(
    _ d: inout Dispatcher, keyAt n: Int, isFirst: Bool, _ c: Ref<Client>, _ bytes: RawSpan, _ p: Int,
    _ key: Word,
    _ request: Request, to destination: Destination, _ f: Ref<FanOut>, now: Instant
  ) {
    var piece = d.fanOuts[f].routed.keys[n].piece
    if !isFirst {
      if d.fanOuts[f].routed.count == 0 { d.fanOuts[f].routed.count = d.fanOuts[f].pieces.count }
      d.fanOuts[f].pieces[Int(piece)].hasMoved = true
      piece = d.fanOuts[f].add(key)
      d.fanOuts[f].routed.keys[n].piece = piece
      d.fanOuts[f].routed.moved.append(UInt32(truncatingIfNeeded: n))
    }
    aim(&d, piece, at: destination, f)
    d.addKey(piece, c, key, to: destination, bytes, p, request, f, now: now)
  }

  /// Cuts the time of a `gat` to what all members behind the first ones allow.
  private static func cutLives(_ d: inout Dispatcher, _ f: Ref<FanOut>) {
    var most: Int?
    for n in 0..<d.fanOuts[f].routed.keys.count {
      let lives = d.router.ends.trees[Int(d.fanOuts[f].routed.keys[n].tree)].longestLives
      most = (lives + [most]).compactMap(\.self).min()
    }
    var line = exchange(&d.fanOuts[f].routed.line, with: Buffer())
    var edited = Buffer()
    if let most, cut(&d, line.readable, 0, d.fanOuts[f].routed.request, to: most, into: &edited) {
      let shift = edited.count &- line.count
      d.fanOuts[f].routed.request.keyStart &+= shift
      d.fanOuts[f].routed.request.lineLength &+= shift
      for n in 0..<d.fanOuts[f].routed.keys.count {
        d.fanOuts[f].routed.keys[n].from &+= Int32(truncatingIfNeeded: shift)
      }
      swap(&line, &edited)
    }
    swap(&line, &d.fanOuts[f].routed.line)
    edited.release(to: &d.common.buffers)
  }

  /// Asks other servers for the keys of a leg without a value, which begin with piece `first`, after what its server has
  /// said of them.
  @inline(never)
  static func goOn(
    _ d: inout Dispatcher, _ f: Ref<FanOut>, from first: UInt32, _ state: LegState
  ) {
    let x = d.fanOuts[f].exchange
    guard x != Ref<Exchange>.none, d.downstream.exchanges[x].client != Ref<Client>.none,
      d.fanOuts[f].routed.generation == d.router.generation
    else { return }
    let c = d.downstream.exchanges[x].client
    if d.fanOuts[f].routed.request.verb.touches { cutLives(&d, f) }
    var line = exchange(&d.fanOuts[f].routed.line, with: Buffer())
    let request = d.fanOuts[f].routed.request
    d.round &+= 256
    var i = first
    while i != .max {
      let piece = d.fanOuts[f].pieces[Int(i)]
      if piece.length == 0, !piece.isDeferred, !piece.hasMoved, let n = d.fanOuts[f].routed.key(of: i),
        d.fanOuts[f].routed.keys[n].mayGoOn,
        isInTime(d, d.fanOuts[f].count.since, Int(d.fanOuts[f].routed.keys[n].tree))
      {
        let one = d.fanOuts[f].routed.keys[n]
        d.fanOuts[f].routed.keys[n].mayGoOn = false
        d.fanOuts[f].routed.keys[n].states[Int(one.leaf)] = state
        let key = Word(start: Int(one.from), length: Int(piece.keyLength))
        ask(&d, keyAt: n, isFirst: false, c, line.readable, 0, key, request, f, now: d.common.clock)
      }
      i = piece.next
    }
    swap(&line, &d.fanOuts[f].routed.line)
    d.send(f, d.fanOuts[f].count.verb, for: c, now: d.common.clock)
  }
}
