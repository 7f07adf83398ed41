import Testing

@testable import Proxy

/// Servers that fail in every way: a request gets one answer of one line, or none where memcached would give none.
@Suite struct OneAnswerTests {
  enum Failure: CaseIterable, Sendable { case lost, refused, ejected, failFast, late, garbage }

  /// A request, and the number of lines that answer it when its server fails: if failed reads are misses, if errors.
  static let requests: [(said: String, misses: Int, errors: Int)] = [
    ("get k", 1, 1), ("gets k", 1, 1), ("gat 0 k", 1, 1), ("gats 0 k", 1, 1), ("get k k2 k3", 1, 1),
    ("set k 0 0 1|x", 1, 1), ("add k 0 0 1|x", 1, 1), ("cas k 0 0 1 1|x", 1, 1), ("append k 0 0 1|x", 1, 1),
    ("delete k", 1, 1), ("incr k 1", 1, 1), ("decr k 1", 1, 1), ("touch k 0", 1, 1),
    ("mg k", 1, 1), ("mg k v k O1", 1, 1), ("me k", 1, 1), ("ms k 1|x", 1, 1), ("md k", 1, 1), ("ma k", 1, 1),
    ("version", 1, 1), ("stats", 1, 1), ("stats cachedump 1 0", 1, 1), ("stats detail dump", 1, 1),
    ("stats reset", 1, 1),
    ("set k 0 0 1 noreply|x", 0, 0), ("add k 0 0 1 noreply|x", 0, 0), ("delete k noreply", 0, 0),
    ("delete k 0 noreply", 0, 0), ("incr k 1 noreply", 0, 0), ("touch k 0 noreply", 0, 0),
    ("flush_all noreply", 0, 0),
    // Refused by their line: nothing is answered after noreply, wherever it is.
    ("incr k x noreply", 0, 0), ("touch k x noreply", 0, 0), ("set k x 0 1 noreply|x", 0, 0),
    ("incr k x", 1, 1),
    // A quiet read's miss is not answered; a failure is.
    ("mg k q", 0, 1), ("mg k v q O1", 0, 1), ("ms k 1 q|x", 1, 1), ("md k q", 1, 1), ("ma k q", 1, 1),
    ("mg k q Tx", 1, 1), ("ms k 1 q MX|x", 1, 1), ("mn", 1, 1),
  ]

  @Test(arguments: requests, Failure.allCases)
  func aFailedRequestHasOneAnswer(_ request: (said: String, misses: Int, errors: Int), _ failure: Failure) {
    for isStrict in [false, true] {
      let rig = Rig(["a"], isAccepting: failure != .refused) { $0.missesOnFailure = !isStrict }
      let c = rig.open()
      if failure == .ejected { rig.set(.ejected, "a") }
      if failure == .failFast { rig.set(.failFast, "a") }
      for part in request.said.split(separator: "|") { rig.say(c, String(part)) }
      rig.say(c, "mn")
      _ = rig.asked("a")
      switch failure {
      case .lost: rig.lose("a")
      case .refused: rig.lose("a", .refused)
      case .garbage:
        rig.send(from: "a", "garbage that was not requested\r\n")
        // Any bytes may precede a fence: it is the fence that does not arrive.
        rig.advance(.milliseconds(500))
      case .late: rig.advance(.milliseconds(500))
      case .ejected, .failFast: break
      }
      let got = rig.got(c)
      #expect(got.hasSuffix(lines("MN")), "\(failure)")
      let expected = isStrict ? request.errors : request.misses
      #expect(got.split(separator: "\r\n").count == expected + 1, "\(failure), strict \(isStrict): \(got)")
      rig.hangUp(c)
    }
  }
}
