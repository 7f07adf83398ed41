import Testing

@testable import Proxy

/// Values above the proxy's own limit: refused, and the key's old value deleted where memcached deletes it.
@Suite struct TooLargeTests {
  static func rig() -> Rig {
    var limits = Limits()
    limits.maxValue = 3
    return Rig(["a"], limits: limits)
  }

  static let cases: [(line: String, sent: String, reply: String)] = [
    ("set k 0 0 4", "delete k", "DELETED"),
    ("set k 0 0 4", "delete k", "NOT_FOUND"),
    ("set k 0 0 4", "delete k", "SERVER_ERROR out of memory"),
    ("  set   k 7 +9 004 noreply", "delete k", "DELETED"),
    ("ms k 4", "delete k", "DELETED"),
    ("ms k 4 T0 MA q Oabc", "delete k", "NOT_FOUND"),
    ("ms k 4 ME", "delete k", "DELETED"),
    ("ms k 4 MR C5 I", "delete k", "DELETED"),
    ("ms YSBi 4 b k", "md YSBi b O1", "HD O1"),
    ("ms a2tr 4 b k", "delete kkk", "DELETED"),
    ("set noreply 0 0 4", "delete noreply 0", "DELETED"),
    ("add k 0 0 4", "", ""),
    ("replace k 0 0 4", "", ""),
    ("append k 0 0 4", "", ""),
    ("prepend k 0 0 4", "", ""),
    ("cas k 0 0 4 1", "", ""),
    ("add k 0 0 4 noreply", "", ""),
  ]

  @Test(arguments: cases)
  func aTooLargeValueDeletesTheOldOneWhereMemcachedDoes(_ one: (line: String, sent: String, reply: String)) {
    let rig = Self.rig()
    let c = rig.open()
    rig.say(c, one.line, "long", "get k")
    let forgets = one.sent.isEmpty ? "" : lines(one.sent)
    #expect(rig.asked("a") == forgets + lines("get k"))
    let told = one.line.hasSuffix("noreply") ? "" : lines("SERVER_ERROR object too large for cache")
    #expect(rig.got(c) == told)
    rig.send(from: "a", (one.reply.isEmpty ? "" : lines(one.reply)) + lines("END"))
    #expect(rig.got(c) == lines("END"))
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// The line alone decides, as in memcached: the value need not have arrived.
  @Test func aTooLargeValueDeletesTheOldOneBeforeItArrives() {
    let rig = Self.rig()
    let c = rig.open()
    rig.send(c, "set k 0 0 2000\r\nabc")
    #expect(rig.asked("a") == lines("delete k"))
    rig.hangUp(c)
    rig.send(from: "a", lines("DELETED"))
    #expect(rig.leak == nil)
  }

  @Test(arguments: ["set k 0 0 4", "ms k 4"])
  func aTooLargeValueForAServerThatIsOutSendsNoDelete(_ line: String) {
    let rig = Self.rig()
    let c = rig.open()
    rig.set(.failFast, "a")
    rig.say(c, line, "long", "mn")
    #expect(rig.got(c) == lines("SERVER_ERROR object too large for cache", "MN"))
    #expect(rig.count(.noreplyDropped) == 1)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aLateReplyToTheDeleteForATooLargeValueIsDiscarded() {
    let rig = Self.rig()
    // The server is slow on all connections.
    rig.isAccepting = false
    let c = rig.open()
    rig.say(c, "ms k 4", "long")
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    rig.say(c, "mg k")
    rig.reply("a", "DELETED", "EN O1")
    #expect(rig.got(c) == lines("SERVER_ERROR object too large for cache", "EN"))
    #expect(rig.count(.integrityFailures) == 0)
  }
}
