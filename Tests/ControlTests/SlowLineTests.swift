import Bytes
import Stats
import Testing
import Topology
import Wire

@testable import Control
@testable import Proxy

/// The log's lines about slow requests.
@Suite struct SlowLineTests {
  typealias Desk = ControlPlaneTests.Desk

  private static func request(_ change: (inout AnsweredRequest) -> Void = { _ in }) -> AnsweredRequest {
    var one = AnsweredRequest(
      .get, pool: PoolID(0), server: ServerID(0), result: .hit, at: .origin, took: .microseconds(63_210),
      bytes: 40)
    one.key = Array("user:1".utf8)
    one.queue = .microseconds(118)
    change(&one)
    return one
  }

  private func lines(_ request: AnsweredRequest, _ desk: inout Desk) -> [String] {
    desk.control.received(.seen(worker: 0, .slow(request), at: nil), now: desk.now)
    return desk.control.takeEffects().compactMap { effect in
      guard case .log(let level, let message, let fields) = effect else { return nil }
      return ([level.rawValue, message] + fields.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    }
  }

  @Test(arguments: [
    ("", " key=e4f7ee4d0d8e0e8b"), (", keys: hash", " key=e4f7ee4d0d8e0e8b"),
    (", keys: plain", " key=user:1"), (", keys: none", ""),
  ])
  func lineSaysWhereTheTimeWent(_ keys: String, _ shown: String) throws {
    var desk = try Desk("servers: [10.0.0.1:1]\nlog: {slow: {over: 50ms\(keys)}}")
    let hash = AnsweredRequest.hash(Array("user:1".utf8))
    let shown = shown.replacing("e4f7ee4d0d8e0e8b", with: hash)
    #expect(
      lines(Self.request(), &desk) == [
        "warning slow request server=10.0.0.1:1 command=get pool=main result=hit took=63.210ms"
          + " queue=0.118ms reply=63.092ms\(shown)"
      ])
  }

  /// The vectors of the hash's authors (draft-eastlake-fnv).
  @Test(arguments: [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")])
  func hashIsThePublishedOne(_ key: String, _ hash: String) {
    #expect(AnsweredRequest.hash(Array(key.utf8)) == hash)
  }

  @Test func lineOfAMultiGetThatTimedOutHasItsKeysAndItsClient() throws {
    var desk = try Desk("servers: [10.0.0.1:1]\nlog: {slow: {over: 50ms, keys: plain}}")
    let request = Self.request { one in
      (one.keys, one.hits, one.result, one.queue) = (24, 3, .timedOut, nil)
      (one.unread, one.key) = (.seconds(2), [0x80, 0x0a, 92, 65])
    }
    #expect(
      lines(request, &desk) == [
        #"warning slow request server=10.0.0.1:1 command=get pool=main result=timed_out took=63.210ms"#
          + #" unread=2000.000ms keys=24 hits=3 key=\x80\x0a\x5cA"#
      ])
  }

  @Test func linesAboutOneServerAreLimitedAndTheRestIsCounted() throws {
    var desk = try Desk("servers: [10.0.0.1:1, 10.0.0.2:2]\nlog: {slow: {over: 50ms}}")
    for _ in 0..<10 { #expect(lines(Self.request { $0.count = 3 }, &desk).count == 1) }
    for _ in 0..<5 { #expect(lines(Self.request { $0.count = 100 }, &desk).isEmpty) }
    #expect(lines(Self.request { $0.server = ServerID(1) }, &desk).count == 1)
    desk.now = desk.now.advanced(by: .seconds(60))
    let next = lines(Self.request(), &desk)
    #expect(next.count == 1 && next[0].hasSuffix(" left_out=500"), "\(next)")
  }

  @Test func reloadChangesWhatIsSlow() throws {
    var desk = try Desk("servers: [10.0.0.1:1]")
    #expect(desk.control.runtimePlan.plan.limits.slow == .max)
    _ = try desk.read("servers: [10.0.0.1:1]\nlog: {slow: {over: 7ms}}")
    desk.control.prepared(.success(()), now: desk.now)
    #expect(desk.control.runtimePlan.plan.limits.slow == 7_000_000)
  }
}
