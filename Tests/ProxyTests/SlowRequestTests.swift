import Bytes
import Stats
import Testing

@testable import Proxy

/// Requests that are reported because they took long, and where their time went.
@Suite struct SlowRequestTests {
  private func rig(_ names: [String] = ["a"], over: Duration? = .milliseconds(50)) -> Rig {
    var limits = Limits()
    limits.slow = over?.wholeNanoseconds ?? .max
    return Rig(names, limits: limits)
  }

  private func text(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }

  private static let answers: [(asked: [String], reply: [String], verb: String, result: RequestResult)] = [
    (["get k"], ["VALUE k 0 1", "x", "END"], "get", .hit),
    (["get k"], ["END"], "get", .miss),
    (["gets k"], ["SERVER_ERROR out of memory"], "gets", .serverError),
    (["gat 10 k"], ["VALUE k 0 1", "x", "END"], "gat", .hit),
    (["set k 0 0 1", "x"], ["STORED"], "set", .stored),
    (["add k 0 0 1", "x"], ["NOT_STORED"], "add", .notStored),
    (["cas k 0 0 1 7", "x"], ["EXISTS"], "cas", .exists),
    (["delete k"], ["DELETED"], "delete", .deleted),
    (["incr k 1"], ["7"], "incr", .done),
    (["touch k 10"], ["NOT_FOUND"], "touch", .notFound),
    (["mg k v"], ["VA 1 O1", "x"], "mg", .hit),
    (["md k"], ["HD O1"], "md", .deleted),
  ]

  @Test(arguments: answers)
  func slowRequestIsReportedWithItsResultAndItsTimes(
    _ row: (asked: [String], reply: [String], verb: String, result: RequestResult)
  ) throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, lines(row.asked))
    rig.advance(.milliseconds(20), ticking: false)
    let asked = rig.asked("a")
    rig.advance(.milliseconds(40), ticking: false)
    rig.send(from: "a", lines(row.reply))
    let slow = rig.slowRequests()
    #expect(slow.count == 1)
    let one = try #require(slow.first)
    #expect("\(one.verb.word)" == row.verb && one.result == row.result && text(one.key) == "k")
    #expect(one.server == Fleet.id(of: "a") && one.count == 1 && one.keys == 1)
    #expect(one.took == .milliseconds(60) && one.queue == .milliseconds(20) && one.unread == nil)
    #expect(one.bytes == asked.utf8.count + lines(row.reply).utf8.count)
    #expect(rig.count(.slowRequests) == 1)
  }

  @Test func requestThatIsNotSlowIsNotReported() {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get k")
    _ = rig.asked("a")
    rig.advance(.nanoseconds(49_999_999), ticking: false)
    rig.send(from: "a", lines("END"))
    #expect(rig.slowRequests().isEmpty && rig.count(.slowRequests) == 0)
    rig.say(c, "get k")
    _ = rig.asked("a")
    rig.advance(.milliseconds(50), ticking: false)
    rig.send(from: "a", lines("END"))
    #expect(rig.slowRequests().count == 1)
  }

  @Test func nothingIsReportedOrNotedWhileTheLogIsOff() {
    let rig = rig(over: nil)
    let c = rig.open()
    for _ in 0..<3 {
      rig.say(c, "get k", "get l j", "set k 0 0 1", "x")
      _ = rig.asked("a")
      rig.advance(.milliseconds(400), ticking: false)
      rig.send(from: "a", lines("END", "END", "STORED"))
    }
    rig.say(c, "get k")
    rig.advance(.seconds(2))
    #expect(rig.slowRequests().isEmpty && rig.count(.slowRequests) == 0)
    #expect(rig.marks("a") == 0)
  }

  @Test func eachSlowGetOfAMergedLineIsReported() {
    let rig = rig()
    let clients = (0..<3).map { _ in rig.open() }
    for (i, c) in clients.enumerated() {
      rig.say(c, "get k\(i)")
      rig.advance(.milliseconds(30), ticking: false)
    }
    #expect(rig.asked("a") == lines("get k0 k1 k2"))
    rig.advance(.milliseconds(10), ticking: false)
    rig.send(from: "a", lines("VALUE k1 0 1", "x", "END"))
    let slow = rig.slowRequests()
    #expect(slow.map { text($0.key) } == ["k0", "k1"])
    #expect(slow.map(\.result) == [.miss, .hit])
    #expect(slow.map(\.took) == [.milliseconds(100), .milliseconds(70)])
    #expect(slow.map(\.queue) == [.milliseconds(90), .milliseconds(60)])
  }

  @Test func errorForAMergedLineIsReportedForEachGet() {
    let rig = rig()
    let clients = (0..<2).map { _ in rig.open() }
    for (i, c) in clients.enumerated() { rig.say(c, "get k\(i)") }
    _ = rig.asked("a")
    rig.advance(.milliseconds(60), ticking: false)
    rig.send(from: "a", lines("SERVER_ERROR out of memory"))
    #expect(rig.slowRequests().map(\.result) == [.serverError, .serverError])
  }

  @Test func shareOfAMultiGetIsReportedForTheServerThatWasSlow() throws {
    let rig = rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), (0..<3).map { rig.key(on: "b", $0) })
    rig.say(c, "get \(b[0]) \(a) \(b[1]) \(b[2])")
    rig.reply("a", "END")
    rig.advance(.milliseconds(10), ticking: false)
    _ = rig.asked("b")
    rig.advance(.milliseconds(70), ticking: false)
    rig.send(from: "b", lines("VALUE \(b[1]) 0 1", "x"))
    rig.send(from: "b", lines("END"))
    let slow = rig.slowRequests()
    #expect(slow.count == 1)
    let one = try #require(slow.first)
    #expect(one.server == Fleet.id(of: "b") && text(one.key) == b[0])
    #expect(one.keys == 3 && one.hits == 1 && one.result == .hit)
    #expect(one.took == .milliseconds(80) && one.queue == .milliseconds(10))
  }

  @Test func requestThatTimesOutIsReportedOnceAndItsLateReplyIsNot() throws {
    let rig = rig()
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "get k")
    rig.advance(.milliseconds(100), ticking: false)
    _ = rig.asked("a")
    rig.advance(.milliseconds(400))
    let one = try #require(rig.slowRequests().first)
    #expect(one.result == .timedOut && text(one.key) == "k")
    #expect(one.took == .milliseconds(500) && one.queue == .milliseconds(100))
    rig.send(from: "a", lines("END"))
    #expect(rig.slowRequests().isEmpty && rig.count(.lateReplies) == 1 && rig.count(.slowRequests) == 1)
  }

  @Test func requestThatWasNeverSentHasNoTimeOfSending() throws {
    let rig = rig()
    rig.lose("a")
    rig.isAccepting = false
    rig.advance(.seconds(1))
    let c = rig.open()
    rig.say(c, "set k 0 0 1", "x")
    rig.advance(.milliseconds(500))
    let one = try #require(rig.slowRequests().first)
    #expect(one.result == .timedOut && one.queue == nil && text(one.key) == "k")
  }

  @Test func shareOfAMultiGetThatTimesOutIsReported() throws {
    let rig = rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), (0..<2).map { rig.key(on: "b", $0) })
    rig.say(c, "get \(a) \(b[0]) \(b[1])")
    rig.reply("a", "END")
    _ = rig.asked("b")
    rig.advance(.milliseconds(500))
    let slow = rig.slowRequests()
    #expect(slow.map(\.result) == [.timedOut])
    #expect(slow.first.map { text($0.key) } == b[0] && slow.first?.keys == 2 && slow.first?.hits == 0)
  }

  @Test func commandForAllServersIsNotReported() {
    let rig = rig(["a", "b"])
    let c = rig.open()
    rig.say(c, "flush_all")
    _ = rig.asked("a")
    rig.advance(.milliseconds(240), ticking: false)
    rig.reply("a", "OK")
    rig.advance(.seconds(1))
    #expect(rig.slowRequests().isEmpty)
  }

  @Test func uploadIsReportedWithItsKeyAndWhenItsLastByteWasSent() throws {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    limits.slow = 50_000_000
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    let value = String(repeating: "v", count: 1000)
    rig.send(c, "set k 0 0 1000\r\n" + value.prefix(500))
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.advance(.milliseconds(30), ticking: false)
    rig.send(c, value.dropFirst(500) + "\r\n")
    _ = rig.asked(own)
    rig.advance(.milliseconds(40), ticking: false)
    rig.send(from: own, lines("STORED"))
    let one = try #require(rig.slowRequests().first)
    #expect(one.result == .stored && text(one.key) == "k")
    #expect(one.took == .milliseconds(70) && one.queue == .milliseconds(30))
  }

  @Test func repliesThatTheClientLeavesUnreadAreReported() throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get j")
    rig.reply("a", "VALUE j 0 1", "x", "END")
    // The client's socket accepts nothing.
    rig.worker.sent(client: c, 0, now: rig.now)
    rig.advance(.milliseconds(30), ticking: false)
    rig.say(c, "get k")
    _ = rig.asked("a")
    rig.advance(.milliseconds(60), ticking: false)
    rig.send(from: "a", lines("END"))
    let one = try #require(rig.slowRequests().first)
    #expect(one.unread == .milliseconds(90) && one.queue == .zero)
  }

  @Test func thousandsOfSlowRequestsAreCountedAndAFewReported() {
    let rig = rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a"), rig.key(on: "b"))
    for _ in 0..<4 { rig.say(c, "delete \(b)") }
    for _ in 0..<996 { rig.say(c, "delete \(a)") }
    _ = (rig.asked("a"), rig.asked("b"))
    rig.advance(.milliseconds(60), ticking: false)
    rig.send(from: "b", String(repeating: "DELETED\r\n", count: 4))
    rig.send(from: "a", String(repeating: "DELETED\r\n", count: 996))
    let slow = rig.slowRequests()
    #expect(slow.count == RequestReports.mostSlow && rig.count(.slowRequests) == 1000)
    let of = Dictionary(grouping: slow, by: \.server).mapValues { $0.map(\.count).reduce(0, +) }
    #expect(of == [Fleet.id(of: "a"): 996, Fleet.id(of: "b"): 4])
  }

  @Test func reloadSwitchesTheLogOnAndOff() {
    let rig = rig(over: nil)
    let c = rig.open()
    func ask() {
      rig.say(c, "get k")
      _ = rig.asked("a")
      rig.advance(.milliseconds(60), ticking: false)
      rig.send(from: "a", lines("END"))
    }
    ask()
    #expect(rig.slowRequests().isEmpty)
    // Sent before the log is on: then it is not known when.
    rig.say(c, "get k")
    _ = rig.asked("a")
    var limits = Limits()
    limits.slow = 50_000_000
    rig.apply(["a"], limits: limits)
    rig.say(c, "delete k")
    rig.advance(.milliseconds(60), ticking: false)
    _ = rig.asked("a")
    rig.send(from: "a", lines("END", "DELETED"))
    #expect(rig.slowRequests().map(\.queue) == [nil, .milliseconds(60)])
    rig.apply(["a"])
    ask()
    #expect(rig.slowRequests().isEmpty)
    rig.sweep()
    #expect(rig.marks("a") <= 1)
  }

  // MARK: - Marks

  @Test func marksOfSendsAreBoundedAndStayInOrder() {
    var times = SendTimes()
    for i in 1...10_000 {
      times.note(10)
      times.mark(last: 10, answered: 0, at: Instant(nanoseconds: UInt64(i)))
      #expect(times.marks.count <= SendTimes.most)
    }
    var before: UInt64 = 0
    for end in stride(from: 10, through: 100_000, by: 10) {
      let at = times.time(ofByteBefore: end)?.nanoseconds ?? 0
      // Neighbours were merged: a request seems to be sent with the next ones, never before it was.
      #expect(at >= before && at >= UInt64(end / 10))
      before = at
    }
    #expect(times.time(ofByteBefore: 100_001) == nil)
    times.drop(before: 100_000)
    #expect(times.marks.count == 1)
  }

  @Test func marksAreDroppedAsRepliesArrive() {
    let rig = rig()
    let c = rig.open()
    for _ in 0..<1000 {
      rig.say(c, "get k")
      _ = rig.asked("a")
      rig.advance(.milliseconds(1), ticking: false)
      rig.send(from: "a", lines("END"))
    }
    #expect(rig.marks("a") <= 2)
  }

  @Test func requestSentInPartsWasSentWithItsLastByte() {
    let rig = rig()
    let c = rig.open()
    rig.say(c, "get k", "delete k")
    _ = rig.asked("a", atMost: 5)
    rig.advance(.milliseconds(10), ticking: false)
    _ = rig.asked("a", atMost: 4)
    rig.advance(.milliseconds(10), ticking: false)
    _ = rig.asked("a")
    rig.advance(.milliseconds(60), ticking: false)
    rig.send(from: "a", lines("END", "DELETED"))
    #expect(rig.slowRequests().map(\.queue) == [.milliseconds(10), .milliseconds(20)])
  }
}

extension Rig {
  /// The slow requests since the last call.
  func slowRequests() -> [AnsweredRequest] { worker.dispatcher.common.reports.takeSlow() }

  /// The number of marks of sends on the server's connection.
  func marks(_ name: String) -> Int {
    worker.dispatcher.upstream.connections[connection(name)].queue.sendTimes.marks.count
  }
}
