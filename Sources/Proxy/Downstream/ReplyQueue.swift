import Bytes
import Stats
import Wire

// Replies on their way to the clients: always in the order of the requests.

/// Where the bytes of a reply are appended.
enum ReplyTarget: BitwiseCopyable {
  /// The client has disconnected.
  case nowhere
  /// The reply is the client's next: straight to its output.
  case output(Ref<Client>)
  /// The reply is before its turn: parked, from this offset.
  case parked(Ref<Client>, from: Int)
}

extension Downstream {
  /// Adds an exchange at the end of the client's order.
  @inline(always) mutating func newExchange(_ c: Ref<Client>) -> Ref<Exchange> {
    let x = exchanges.take()
    exchanges[x].client = c
    let before = clients[c].enqueue(x)
    if before != Ref<Exchange>.none { exchanges[before].next = x }
    return x
  }

  /// Sends the whole reply to an exchange, and adds the `END` of a value or a miss if `addingEnd`.
  @inline(always)
  mutating func answer(_ x: Ref<Exchange>, _ reply: RawSpan, addingEnd: Bool = false, _ common: inout Common)
  {
    let c = exchanges[x].client
    guard c != Ref<Client>.none else { return exchanges.give(x) }
    if clients[c].first == x {
      clients[c].output.append(
        reply, addingEnd: addingEnd, beginning: clients[c].sending.usualReply, &common.buffers)
      popHead(c, x, &common)
    } else {
      let start = clients[c].parked.count
      clients[c].parked.append(reply, addingEnd: addingEnd, &common.buffers)
      park(c, x, from: start, count: clients[c].parked.count &- start, &common)
    }
  }

  /// Where the reply to an exchange must be appended now.
  mutating func target(of x: Ref<Exchange>) -> ReplyTarget {
    let c = exchanges[x].client
    guard c != Ref<Client>.none else { return .nowhere }
    return clients[c].first == x ? .output(c) : .parked(c, from: clients[c].parked.count)
  }

  /// Ends an exchange after its reply was appended to the target.
  mutating func conclude(_ x: Ref<Exchange>, _ target: ReplyTarget, _ common: inout Common) {
    switch target {
    case .nowhere: exchanges.give(x)
    case .output(let c): popHead(c, x, &common)
    case .parked(let c, let start): park(c, x, from: start, count: clients[c].parked.count &- start, &common)
    }
  }

  /// Ends an exchange without a reply.
  mutating func concludeSilently(_ x: Ref<Exchange>, _ common: inout Common) {
    let c = exchanges[x].client
    guard c != Ref<Client>.none else { return exchanges.give(x) }
    if clients[c].first == x { return popHead(c, x, &common) }
    // It has no position in `parked`, which may be emptied before its turn.
    exchanges[x].parkedAt = 0
    exchanges[x].parkedLength = 0
    exchanges[x].isFinished = true
  }

  mutating func append(_ text: StaticString, to target: ReplyTarget, _ common: inout Common) {
    switch target {
    case .nowhere: break
    case .output(let c): clients[c].output.append(text, &common.buffers)
    case .parked(let c, _): clients[c].parked.append(text, &common.buffers)
    }
  }

  mutating func append(_ bytes: RawSpan, to target: ReplyTarget, _ common: inout Common) {
    switch target {
    case .nowhere: break
    case .output(let c): clients[c].output.append(bytes, &common.buffers)
    case .parked(let c, _): clients[c].parked.append(bytes, &common.buffers)
    }
  }

  mutating func append(text: String, to target: ReplyTarget, _ common: inout Common) {
    switch target {
    case .nowhere: break
    case .output(let c): clients[c].output.append(text: text, &common.buffers)
    case .parked(let c, _): clients[c].parked.append(text: text, &common.buffers)
    }
  }

  /// Removes the first exchange, whose reply is in the output, and the finished ones that follow it.
  @inline(always)
  private mutating func popHead(_ c: Ref<Client>, _ x: Ref<Exchange>, _ common: inout Common) {
    let next = exchanges[x].next
    exchanges.give(x)
    clients[c].dequeue(next: next)
    markDirty(client: c)
    if next != Ref<Exchange>.none && exchanges[next].isFinished { followUp(c, &common) }
    if clients[c].life.isStalled { considerResuming(c, &common) }
  }

  /// Moves the parked replies that are next in order to the output.
  private mutating func followUp(_ c: Ref<Client>, _ common: inout Common) {
    var x = clients[c].first
    var count: UInt32 = 0
    while x != Ref<Exchange>.none, exchanges[x].isFinished, exchanges[x].stream == Ref<Stream>.none {
      clients[c].unpark(from: exchanges[x].parkedAt, count: exchanges[x].parkedLength, &common.buffers)
      let next = exchanges[x].next
      exchanges.give(x)
      count &+= 1
      x = next
    }
    clients[c].inFlight &-= count
    clients[c].sending.answered &+= count
    clients[c].first = x
    if x == Ref<Exchange>.none { clients[c].last = x }
    if clients[c].parkedLive == 0 { clients[c].parked.release(to: &common.buffers) }
    if x != Ref<Exchange>.none, exchanges[x].stream != Ref<Stream>.none {
      begin(download: exchanges[x].stream, for: c)
    }
  }

  /// Records that the last `n` bytes of `parked`, from `start`, are a reply before its turn.
  @inline(always)
  private mutating func park(
    _ c: Ref<Client>, _ x: Ref<Exchange>, from start: Int, count n: Int, _ common: inout Common
  ) {
    exchanges[x].parkedAt = start
    exchanges[x].parkedLength = n
    exchanges[x].isFinished = true
    clients[c].parkedLive &+= n
    if clients[c].parked.count > 65_536 && clients[c].parkedLive < clients[c].parked.count / 2 {
      compact(c, &common)
    }
  }

  /// Drops the bytes of `parked` that were moved out, so that its size stays within twice what is still wanted.
  @inline(never)
  private mutating func compact(_ c: Ref<Client>, _ common: inout Common) {
    let old = exchange(&clients[c].parked, with: Buffer())
    var x = clients[c].first
    while x != Ref<Exchange>.none {
      if exchanges[x].isFinished && exchanges[x].parkedLength > 0 {
        let start = clients[c].parked.count
        clients[c].parked.append(
          old, from: exchanges[x].parkedAt, count: exchanges[x].parkedLength, &common.buffers)
        exchanges[x].parkedAt = start
      }
      x = exchanges[x].next
    }
    var gone = old
    gone.release(to: &common.buffers)
  }

  // MARK: - The proxy's own replies

  /// Answers the current request, in its turn.
  @inline(never) mutating func say(_ c: Ref<Client>, _ text: StaticString, _ common: inout Common) {
    if clients[c].first == Ref<Exchange>.none {
      clients[c].output.append(text, &common.buffers)
      markDirty(client: c)
    } else {
      let x = newExchange(c)
      let target = target(of: x)
      append(text, to: target, &common)
      conclude(x, target, &common)
    }
  }

  /// Answers a request that was refused.
  @inline(never) mutating func refuse(_ c: Ref<Client>, _ why: Refusal, isQuiet: Bool, _ common: inout Common)
  {
    common.counters.add(.clientErrors)
    if !isQuiet { say(c, why.line, &common) }
  }

  /// Ignores everything else that this client sends, and closes it when the replies that it is owed have been sent.
  mutating func hangUp(_ c: Ref<Client>, _ common: inout Common) {
    clients[c].life.hasQuit = true
    clients[c].life.isClosing = true
    closeIfDone(c, &common)
  }
}
