import Bytes
import Net
import Proxy
import Settings
import Testing

@testable import Control
@testable import Runtime

/// A worker that loses the connection to a server with a host name.
@Suite struct DoubtTests {
  /// Runs the worker until `isSo`, for a second at most.
  private func turn(
    _ thread: inout WorkerThread, within ms: Int = 1000, until isSo: (inout WorkerThread) -> Bool
  ) -> Bool {
    var scratch = Scratch()
    let start = Clock.now()
    while Clock.now().since(start) < .milliseconds(ms) {
      if isSo(&thread) { return true }
      _ = thread.loop.runOnce(maxWait: .milliseconds(10))
      thread.turn(&scratch, now: Clock.now())
    }
    return isSo(&thread)
  }

  private func handshake(_ listener: borrowing Listener) -> Int32? {
    guard case .accepted(let descriptor, _) = listener.accept() else { return nil }
    send(descriptor, "VERSION 1.6.18\r\n")
    return descriptor
  }

  /// Answers the handshake's `mn` with errors, as a server without meta commands does.
  private func answer(_ descriptor: Int32?) {
    guard let descriptor else { return }
    var scratch = Scratch(capacity: 256)
    guard case .bytes = scratch.receive(descriptor) else { return }
    let bytes = scratch.bytes
    for i in 0..<bytes.byteCount where bytes.hasText("mn\r\n", at: i) {
      send(descriptor, "ERROR\r\nERROR\r\n")
    }
  }

  private func send(_ descriptor: Int32, _ text: StaticString) {
    text.withUTF8Buffer { bytes in
      // SAFETY: the text is part of the executable; the span ends with this call.
      _ = unsafe Socket.send(descriptor, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(bytes)))
    }
  }

  @Test(arguments: [true, false])
  func lostServerWithANameIsReconnectedOnlyAfterALookup(_ isNamed: Bool) throws {
    let listener = try Listener(try #require(Address(ip: "127.0.0.1", port: 0)))
    var registry = ServerRegistry()
    let settings = try ProxySettings.simple(listen: [], servers: ["127.0.0.1:1"])
    let runtimePlan = RuntimePlan(settings, registry: &registry)
    let server = try #require(runtimePlan.members.first).id
    let (inbox, outbox) = (try Mailbox<ControlMessage>(), try Mailbox<WorkerReport>())
    var thread = try WorkerThread(
      number: 0, plan: runtimePlan.plan,
      addresses: [server: .tcp(host: "127.0.0.1", port: try #require(listener.address.port))],
      named: isNamed ? [server] : [],
      processID: 1, inbox: inbox, outbox: outbox, sharedStats: SharedStats(workers: 1))
    thread.execute(now: Clock.now())
    var peer: Int32?
    let isMade = turn(&thread) {
      peer = peer ?? handshake(listener)
      answer(peer)
      return $0.worker.dispatcher.upstream.connections[Ref(0)].state == .ready
    }
    try #require(isMade)
    // A connection that has lasted for a second is opened again at once.
    _ = turn(&thread, within: 1200) { _ in false }
    _ = outbox.take()
    Socket.close(try #require(peer))
    peer = nil
    let isBack = turn(&thread, within: 100) { _ in
      peer = peer ?? handshake(listener)
      return peer != nil
    }
    #expect(isBack != isNamed)
    var lostAt: Instant?
    for case .lost(server, let since) in outbox.take() { lostAt = since }
    #expect((lostAt != nil) == isNamed)
    guard let lostAt else { return }
    // A deadline that passes during the wait, or for a connection that waited, is no failure of the server.
    #expect(turn(&thread, within: 400) { _ in false } == false)
    for report in outbox.take() {
      if case .seen(_, .unanswered, _) = report { Issue.record("\(report)") }
      if case .seen(_, .failed(_, .timedOut), _) = report { Issue.record("\(report)") }
    }
    // A lookup that began before the loss does not count.
    inbox.post(.confirmed(server: server, asked: Instant(nanoseconds: lostAt.nanoseconds - 1)))
    _ = turn(&thread, within: 50) { _ in false }
    #expect(thread.doubts[server] != nil)
    inbox.post(.confirmed(server: server, asked: lostAt))
    #expect(turn(&thread) { $0.doubts.isEmpty })
    if let peer { Socket.close(peer) }
  }

  /// A resolver that does not answer must not block connections for ever.
  @Test func doubtAboutAnAddressEndsWithoutALookupAfterItsTimeLimit() throws {
    let (inbox, outbox) = (try Mailbox<ControlMessage>(), try Mailbox<WorkerReport>())
    var registry = ServerRegistry()
    let settings = try ProxySettings.simple(listen: [], servers: ["127.0.0.1:1"])
    let runtimePlan = RuntimePlan(settings, registry: &registry)
    let server = try #require(runtimePlan.members.first).id
    var thread = try WorkerThread(
      number: 0, plan: runtimePlan.plan, addresses: [:], named: [server], processID: 1, inbox: inbox,
      outbox: outbox, sharedStats: SharedStats(workers: 1))
    thread.doubt(server)
    thread.doubt(server)
    let start = Clock.now()
    #expect(outbox.take().count == 1)
    thread.settleDoubts(now: start.advanced(by: .milliseconds(1800)))
    #expect(thread.doubts.count == 1)
    thread.settleDoubts(now: start.advanced(by: .seconds(2)))
    #expect(thread.doubts.isEmpty)
    #expect(thread.isDoubted(server, start) && !thread.isDoubted(server, start.advanced(by: .seconds(3))))
  }
}
