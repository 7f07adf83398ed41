import Bytes
import Topology

/// The health of one server: a state machine that turns events into actions.
///
///          failures in a row              enough probes             cleaned up
///     up ────────────────────▶ down ────────────────────▶ rejoining ─────────▶ up
///                               ▲  └──▶ confirming ─▶┘        │
///                               └────────────┴────────────────┘  any probe or the rejoin fails
///
/// It performs nothing itself: the caller passes events with their time and carries out the returned action. Only the
/// proxy's own probes decide that a server is back, never a client's request.
package struct ServerHealth: Equatable, Sendable {
  /// Whether the server is used, and what it waits for if not.
  package enum State: Equatable, Sendable {
    case up
    /// Out, and not answering probes.
    case down(since: Instant, cause: ServerFailure)
    /// Out; has answered this many probes in a row, but flapped before and must answer more.
    case confirming(since: Instant, cause: ServerFailure, answers: Int)
    /// Out; answers, and is being cleaned up: keys that changed while it was out are deleted from it.
    case rejoining(since: Instant, cause: ServerFailure)
  }

  /// What follows from an event.
  package enum Action: Equatable, Sendable {
    case none
    /// Stop using the server.
    case takeOut(ServerFailure)
    /// Clean the server up, then report `rejoined` or `rejoinFailed`.
    case rejoin
    /// Use the server again.
    case bringBack
  }

  package private(set) var state = State.up
  /// The time of the next probe; `never` while the server is up.
  package private(set) var nextProbe = Instant.never
  package private(set) var backoff = Backoff()

  /// Failures in a row, and when the last one happened.
  private var failures = 0
  private var lastFailure = Instant.origin
  /// The time of the server's last return; nil if it was never out.
  private var returned: Instant?

  package init() {}

  package var isUp: Bool { state == .up }

  // MARK: - What workers saw

  /// A request or a connection failed at `now`. Ignored while the server is out, and if it happened before the
  /// server's return: a worker's late report must not take the server out again.
  package mutating func failed(
    _ cause: ServerFailure, at now: Instant, random: UInt64, _ policy: PoolPolicy
  ) -> Action {
    guard isUp, now >= returned ?? .origin else { return .none }
    failures = min(failures + 1, 1_000_000)
    lastFailure = max(lastFailure, now)
    guard cause.isConclusive || failures >= policy.failures else { return .none }
    failures = 0
    state = .down(since: now, cause: cause)
    backoff.fell(after: returned.map { now.since($0) }, policy)
    nextProbe = now.advanced(by: backoff.nextWait(random: random, policy))
    return .takeOut(cause)
  }

  /// The server answered a request at `now`: earlier failures no longer count as consecutive.
  package mutating func answered(at now: Instant) {
    if now > lastFailure { failures = 0 }
  }

  // MARK: - What probes found

  /// The caller starts a probe. If its result is lost, the next probe is due after the longest wait.
  package mutating func probeSent(at now: Instant, _ policy: PoolPolicy) {
    guard !isUp else { return }
    nextProbe = now.advanced(by: .nanoseconds(Int64(clamping: policy.longest)))
  }

  package mutating func probeSucceeded(
    at now: Instant, random: UInt64, _ policy: PoolPolicy
  ) -> Action {
    let (since, cause, answers): (Instant, ServerFailure, Int)
    switch state {
    case .up: return .none
    case .rejoining:
      probeSent(at: now, policy)
      return .none
    case .down(let s, let c): (since, cause, answers) = (s, c, 1)
    case .confirming(let s, let c, let n): (since, cause, answers) = (s, c, n + 1)
    }
    guard answers >= backoff.probesToReturn else {
      state = .confirming(since: since, cause: cause, answers: answers)
      nextProbe = now.advanced(by: backoff.confirmingWait(random: random, policy))
      return .none
    }
    state = .rejoining(since: since, cause: cause)
    probeSent(at: now, policy)
    return .rejoin
  }

  /// A probe failed. A refused one kept nothing waiting, so the next wait need not grow.
  package mutating func probeFailed(
    _ cause: ServerFailure = .timedOut, at now: Instant, random: UInt64, _ policy: PoolPolicy
  ) {
    switch state {
    case .up: return
    case .down: break
    case .confirming(let since, let cause, _), .rejoining(let since, let cause):
      state = .down(since: since, cause: cause)
    }
    nextProbe = now.advanced(by: backoff.nextWait(random: random, policy, grows: !cause.isConclusive))
  }

  // MARK: - What the rejoin came to

  /// The server has been cleaned up.
  package mutating func rejoined(at now: Instant) -> Action {
    guard case .rejoining = state else { return .none }
    state = .up
    nextProbe = .never
    returned = now
    failures = 0
    return .bringBack
  }

  /// The server failed during the cleanup.
  package mutating func rejoinFailed(at now: Instant, random: UInt64, _ policy: PoolPolicy) {
    guard case .rejoining = state else { return }
    probeFailed(at: now, random: random, policy)
  }

  /// The server has a new address: its machine has no history yet.
  mutating func moved(at now: Instant) {
    failures = 0
    switch state {
    case .up: returned = nil
    case .confirming(let since, let cause, _): state = .down(since: since, cause: cause)
    // The cleanup in progress ends by itself, and fails if it runs against the old address.
    case .rejoining: return
    case .down: break
    }
    backoff = Backoff()
    if !isUp { nextProbe = now }
  }

  /// The operator takes the server out, or it is new and has to join: its next probe is at `next`.
  mutating func takeOut(at now: Instant, nextProbe next: Instant) {
    switch state {
    case .up: state = .down(since: now, cause: .ejected)
    case .confirming(let since, let cause, _), .rejoining(let since, let cause):
      state = .down(since: since, cause: cause)
    case .down: break
    }
    failures = 0
    backoff = Backoff()
    nextProbe = next
  }

  /// Applies a new policy: no wait lasts longer than it allows.
  mutating func obey(_ policy: PoolPolicy, at now: Instant) {
    guard !isUp else { return }
    nextProbe = min(nextProbe, now.advanced(by: .nanoseconds(Int64(clamping: policy.longest))))
  }
}
