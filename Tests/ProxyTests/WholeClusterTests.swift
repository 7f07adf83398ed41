import Testing

@testable import Proxy

/// Commands that are sent to every server.
@Suite struct WholeClusterTests {
  @Test func flushIsOKWhenAllServersSayOK() {
    let rig = Rig()
    let c = rig.open()
    rig.say(c, "flush_all 10")
    for name in ["a", "b", "c"] {
      #expect(rig.waiting(for: c) == "")
      #expect(rig.asked(name) == lines("flush_all 10"))
      rig.reply(name, "OK")
    }
    #expect(rig.got(c) == lines("OK"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func flushReportsHowManyServersFailed() {
    let rig = Rig()
    let c = rig.open()
    rig.say(c, "flush_all")
    rig.reply("a", "OK")
    rig.reply("b", "ERROR")
    rig.lose("c")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: flush_all failed on 2 of 3 servers"))
  }

  @Test(arguments: ["flush_all", "flush_all noreply"])
  func aFlushIsOwedToAServerThatIsOut(_ command: String) {
    let rig = Rig()
    let c = rig.open()
    rig.set(.ejected, "b")
    _ = rig.events()
    rig.say(c, command)
    rig.reply("a", "OK")
    rig.reply("c", "OK")
    #expect(rig.got(c) == (command == "flush_all" ? lines("OK") : ""))
    let events = rig.events()
    for name in ["a", "c"] { #expect(events.contains(.flushed(server: Fleet.id(of: name), asked: rig.now))) }
    #expect(events.count == 3 && events.contains(.flushOwed(server: Fleet.id(of: "b"))))
  }

  /// It may be up before the control thread knows of a flush promised on it.
  @Test(arguments: ["flush_all", "flush_all noreply"])
  func aFlushOfAReturningServerIsReportedAsFailed(_ command: String) {
    let rig = Rig()
    let c = rig.open()
    rig.set(.ejected, "b")
    rig.set(.returning, "b")
    #expect(rig.owner(of: rig.key(on: "b")) == "b")
    _ = rig.events()
    rig.say(c, command)
    rig.reply("a", "OK")
    rig.reply("c", "OK")
    let line = lines("SERVER_ERROR ringroad: flush_all failed on 1 of 3 servers")
    #expect(rig.got(c) == (command == "flush_all" ? line : ""))
    let flushed = ["a", "c"].map { WorkerEvent.flushed(server: Fleet.id(of: $0), asked: rig.now) }
    #expect(rig.events() == flushed)
    // Other requests get the same answer as before.
    rig.say(c, "delete \(rig.key(on: "b"))")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: b:11211 down"))
    rig.set(.up, "b")
    rig.say(c, "flush_all")
    // Deletes refused meanwhile are sent ahead of it.
    rig.reply("b", "NOT_FOUND")
    for name in ["a", "b", "c"] { rig.reply(name, "OK") }
    #expect(rig.got(c) == lines("OK"))
  }

  /// A flush that is done later, or not at all, says nothing about what a server holds.
  @Test(arguments: ["flush_all 10", "flush_all 0", "flush_all -1", "flush_all 10 noreply"])
  func aFlushWithADelayIsNotReported(_ command: String) {
    let rig = Rig()
    rig.say(rig.open(), command)
    for name in ["a", "b", "c"] { rig.reply(name, "OK") }
    #expect(rig.events() == [])
  }

  @Test func aServerEjectedDuringAFlushIsOwedIt() {
    let rig = Rig()
    let c = rig.open()
    rig.say(c, "flush_all")
    rig.reply("a", "OK")
    rig.reply("c", "OK")
    _ = rig.events()
    rig.set(.ejected, "b")
    #expect(rig.got(c) == lines("OK"))
    #expect(rig.events() == [.flushOwed(server: Fleet.id(of: "b"))])
  }

  @Test func versionIsAnsweredWithTheLowest() {
    let rig = Rig()
    let c = rig.open()
    rig.say(c, "version")
    rig.reply("a", "VERSION 1.6.9")
    rig.reply("b", "VERSION 1.6.40")
    rig.lose("c")
    #expect(rig.got(c) == lines("VERSION 1.6.9"))
  }

  @Test func versionIsAnErrorWithoutAnyServer() {
    let rig = Rig(isAccepting: false)
    let c = rig.open()
    rig.say(c, "version")
    for name in ["a", "b", "c"] { rig.lose(name, .refused) }
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: no server answered"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func statsAreMergedOverTheServersThatAnswer() {
    let rig = Rig()
    let c = rig.open()
    rig.say(c, "stats")
    rig.reply("a", "STAT curr_items 5", "STAT uptime 100", "END")
    rig.reply("b", "STAT curr_items 7", "STAT uptime 90", "END")
    _ = rig.asked("c")
    rig.advance(.milliseconds(500))
    #expect(
      rig.got(c)
        == lines("STAT curr_items 12", "STAT uptime 90", "STAT ringroad_servers_answered 2/3", "END"))
    rig.send(from: "c", "STAT curr_items 100\r\nEND\r\n")
    #expect(rig.waiting(for: c) == "")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func statsArgumentsAreForwarded() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "stats items", "stats reset")
    #expect(rig.asked("a") == lines("stats items", "stats reset"))
    rig.reply("a", "STAT items:1:number 4", "END", "RESET")
    #expect(
      rig.got(c)
        == lines("STAT items:1:number 4", "END", "RESET"))
  }

  @Test func statsServersShowsEachServersStats() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.say(c, "stats servers")
    #expect(rig.asked("a") == lines("stats"))
    rig.reply("a", "STAT pid 11", "END")
    rig.lose("b")
    #expect(
      rig.got(c)
        == lines("STAT a:11211:pid 11", "STAT b:11211:ringroad_error connection lost", "END"))
  }

  @Test func statsRingroadIsAnsweredInItsTurn() {
    let rig = Rig(["a"])
    rig.holdsReports = true
    let c = rig.open()
    rig.say(c, "get x", "stats ringroad", "get y")
    rig.reply("a", "END", "END")
    #expect(rig.got(c) == lines("END"))
    rig.giveReport(rig.heldReports[0])
    #expect(rig.got(c) == lines("STAT own 1", "END", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aStatsReportForAClientThatLeftIsDiscarded() {
    let rig = Rig(["a"])
    rig.holdsReports = true
    let c = rig.open()
    rig.say(c, "stats ringroad")
    rig.hangUp(c)
    let other = rig.open()
    rig.giveReport(rig.heldReports[0])
    rig.giveReport(rig.heldReports[0])
    #expect(rig.waiting(for: other) == "")
    rig.hangUp(other)
    #expect(rig.leak == nil)
  }

  @Test func repliesAroundClusterWideCommandsKeepTheirOrder() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.say(c, "version", "get \(rig.key(on: "a"))", "flush_all")
    rig.reply("a", "VERSION 1", "END", "OK")
    #expect(rig.waiting(for: c) == "")
    rig.reply("b", "VERSION 2")
    #expect(rig.got(c) == lines("VERSION 1", "END"))
    rig.reply("b", "OK")
    #expect(rig.got(c) == lines("OK"))
  }
}
