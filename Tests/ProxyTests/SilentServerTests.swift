import Testing

@testable import Proxy

/// Commands for every server do not wait for one that is silent: half a request deadline, and a second at most.
@Suite struct SilentServerTests {
  static let asked = [
    ("version", "VERSION 1.6.18", "VERSION 1.6.18"),
    ("flush_all", "OK", "SERVER_ERROR ringroad: flush_all failed on 1 of 3 servers"),
    ("flush_all 5", "OK", "SERVER_ERROR ringroad: flush_all failed on 1 of 3 servers"),
    ("stats reset", "RESET", "SERVER_ERROR ringroad: 1 of 3 servers did not answer"),
  ]

  @Test(arguments: asked)
  func aSilentServerIsAnsweredForAfterHalfItsDeadline(_ command: String, _ reply: String, _ answer: String) {
    let rig = Rig()
    let c = rig.open()
    rig.say(c, command)
    rig.reply("a", reply)
    rig.reply("b", reply)
    #expect(rig.asked("c") == lines(command))
    rig.advance(.milliseconds(240))
    #expect(rig.waiting(for: c) == "")
    _ = rig.events()
    rig.advance(.milliseconds(10))
    #expect(rig.got(c) == lines(answer))
    // A server fails by its whole deadline.
    #expect(rig.events() == [] && rig.count(.timeouts) == 1)
    // Whatever it did, the client was not told.
    rig.send(from: "c", lines(reply))
    #expect(rig.count(.lateReplies) == 1 && rig.count(.integrityFailures) == 0)
    #expect(rig.events() == [] && rig.waiting(for: c) == "")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test(arguments: asked)
  func aServerThatIsSilentAlreadyIsNotWaitedFor(_ command: String, _ reply: String, _ answer: String) {
    let rig = Rig()
    let (c, d) = (rig.open(), rig.open())
    rig.say(d, "get \(rig.key(on: "c"))")
    _ = rig.asked("c")
    rig.advance(.milliseconds(250))
    rig.say(c, command)
    // What it is not sent it will not do.
    #expect(rig.asked("c") == "")
    rig.reply("a", reply)
    rig.reply("b", reply)
    #expect(rig.got(c) == lines(answer))
    rig.send(from: "c", lines("END"))
    #expect(rig.got(d) == lines("END"))
  }

  @Test func aServerThatAnswersOthersIsWaitedFor() {
    let rig = Rig()
    let (c, d) = (rig.open(), rig.open())
    for _ in 0..<3 { rig.say(d, "delete \(rig.key(on: "c"))") }
    _ = rig.asked("c")
    rig.say(c, "version")
    rig.reply("a", "VERSION 1.6.18")
    rig.reply("b", "VERSION 1.6.18")
    _ = rig.asked("c")
    for _ in 0..<2 {
      rig.advance(.milliseconds(200))
      rig.send(from: "c", lines("NOT_FOUND"))
    }
    rig.advance(.milliseconds(40))
    #expect(rig.waiting(for: c) == "")
    rig.send(from: "c", lines("NOT_FOUND", "VERSION 1.4.0"))
    #expect(rig.got(c) == lines("VERSION 1.4.0"))
  }

  @Test func aSecondIsTheMost() {
    let rig = Rig { $0.requestTimeout = .seconds(60) }
    let c = rig.open()
    rig.say(c, "version")
    rig.reply("a", "VERSION 1.6.18")
    rig.reply("b", "VERSION 1.6.18")
    _ = rig.asked("c")
    rig.advance(.milliseconds(990))
    #expect(rig.waiting(for: c) == "")
    rig.advance(.milliseconds(10))
    #expect(rig.got(c) == lines("VERSION 1.6.18"))
  }

  /// What a client was told has failed is not done later.
  @Test func aCommandThatWasNotSentIsDropped() {
    let rig = Rig { $0.connectTimeout = .seconds(10) }
    rig.isAccepting = false
    rig.lose("c")
    let c = rig.open()
    rig.say(c, "flush_all")
    rig.reply("a", "OK")
    rig.reply("b", "OK")
    rig.advance(.milliseconds(250))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: flush_all failed on 1 of 3 servers"))
    for l in rig.connecting { rig.accept(l) }
    #expect(rig.asked("c") == "")
  }

  /// An idle connection is tested with `version` first.
  @Test func aServerThatFellSilentWhileIdleIsAnsweredFor() {
    let rig = Rig()
    let c = rig.open()
    rig.wakesUp = false
    rig.advance(.seconds(2))
    rig.say(c, "version")
    for name in ["a", "b"] {
      rig.awaken(rig.connection(name))
      rig.reply(name, "VERSION 1.6.18")
    }
    rig.isAccepting = false
    rig.advance(.milliseconds(250))
    #expect(rig.got(c) == lines("VERSION 1.6.18"))
  }

  @Test func othersRequestsKeepTheirDeadline() {
    let rig = Rig()
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "version")
    rig.reply("a", "VERSION 1.6.18")
    rig.reply("b", "VERSION 1.6.18")
    rig.say(d, "incr \(rig.key(on: "c")) 1")
    _ = rig.asked("c")
    rig.advance(.milliseconds(490))
    #expect(rig.got(c) == lines("VERSION 1.6.18"))
    #expect(rig.waiting(for: d) == "")
    rig.advance(.milliseconds(10))
    #expect(rig.got(d) == lines("SERVER_ERROR ringroad: c:11211 timed out"))
  }
}
