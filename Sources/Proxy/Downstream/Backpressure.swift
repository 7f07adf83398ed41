import Bytes

// Which clients may have more requests in flight, and which must wait.

extension Downstream {
  /// Whether the client may have another request in flight.
  @inline(__always) mutating func hasRoom(_ c: Ref<Client>, _ common: inout Common) -> Bool {
    clients[c].room(common.requestAllowance, allowance: common.allowance) > 0
  }

  /// Whether the reason for which the client was stalled is gone.
  mutating func mayResume(_ c: Ref<Client>, _ common: inout Common) -> Bool {
    if clients[c].large.isUploading || clients[c].large.isQueued { return false }
    if clients[c].large.isOrderly { return clients[c].inFlight == 0 }
    return hasRoom(c, &common)
  }

  @inline(never) mutating func stall(_ c: Ref<Client>, _ common: inout Common) {
    guard !clients[c].life.isStalled else { return }
    clients[c].life.isStalled = true
    common.effects.append(.pause(client: c))
  }

  @inline(never) mutating func considerResuming(_ c: Ref<Client>, _ common: inout Common) {
    guard clients[c].life.isStalled, !clients[c].life.isResumable, mayResume(c, &common) else { return }
    clients[c].life.isResumable = true
    resumable.append(c)
  }

  /// The next stalled client that can be served again; `none` if the oldest in the list cannot, nil if the list is empty.
  mutating func nextToResume(_ common: inout Common) -> Ref<Client>? {
    guard let c = resumable.popFirst() else { return nil }
    guard clients.isTaken(c), clients[c].life.isResumable else { return Ref<Client>.none }
    clients[c].life.isResumable = false
    guard clients[c].life.isStalled, mayResume(c, &common) else { return Ref<Client>.none }
    clients[c].life.isStalled = false
    clients[c].large.isOrderly = false
    return c
  }

  /// A client's buffered requests were served: it is read again, unless it was stalled again.
  mutating func resumed(_ c: Ref<Client>, _ common: inout Common) {
    if clients[c].life.isStalled { return }
    if clients[c].life.isClosing {
      clients[c].input.release(to: &common.buffers)
      closeIfDone(c, &common)
    } else {
      common.effects.append(.resume(client: c))
    }
  }

  /// Serves no more of a client's requests until its deferred values were sent: a later write would overtake them.
  mutating func hold(_ c: Ref<Client>) {
    guard c != Ref<Client>.none else { return }
    clients[c].large.deferredReplies &+= 1
    clients[c].window = 0
  }

  mutating func unhold(_ c: Ref<Client>) {
    clients[c].large.deferredReplies &-= 1
    if clients[c].large.deferredReplies == 0 { clients[c].window = 1 }
  }

  /// Has a download begin once the current event is handled: until then a connection's requests may be elsewhere, and
  /// its promises not in its queue yet (`isPromisedAway`).
  mutating func begin(download i: Ref<Stream>, for c: Ref<Client>) {
    clients[c].large.stream = i
    downloadsDue.append(DueDownload(client: clients.id(of: c), stream: i))
  }
}
