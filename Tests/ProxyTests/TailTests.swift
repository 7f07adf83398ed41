import Bytes
import Stats
import Testing

@testable import Proxy

/// What a worker finds for the tails that are open.
@Suite struct TailTests {
  private func text(_ batch: TailBatch?) -> [String] {
    (batch?.requests ?? []).map { "\($0.verb.word) \($0.printableKey) \($0.result.name)" }
  }

  private func found(_ rig: Rig) -> [UInt64: TailBatch] {
    Dictionary(
      rig.worker.dispatcher.common.reports.takeTailed().map { ($0.tail, $0.batch) },
      uniquingKeysWith: { first, _ in first })
  }

  private func open(_ rig: Rig, _ filters: TailFilter...) {
    rig.worker.dispatcher.common.reports.set(filters, version: 1)
  }

  private func talk(_ rig: Rig, _ c: Ref<Client>) {
    rig.say(c, "get user:1", "set user:2 0 0 1", "x", "delete cart:1", "get a b")
    rig.reply("a", "END", "STORED", "NOT_FOUND", "VALUE b 0 1", "x", "END")
  }

  @Test func everyRequestIsShownWithItsResult() {
    let rig = Rig(["a"])
    let c = rig.open()
    open(rig, TailFilter(id: 7))
    talk(rig, c)
    #expect(
      text(found(rig)[7]) == ["get user:1 miss", "set user:2 stored", "delete cart:1 not_found", "get a hit"])
    #expect(rig.slowRequests().isEmpty && rig.count(.slowRequests) == 0)
  }

  @Test func getsOfOneLineAreShownEach() {
    let rig = Rig(["a"])
    open(rig, TailFilter(id: 1))
    for i in 0..<3 { rig.say(rig.open(), "get k\(i)") }
    rig.reply("a", "VALUE k1 0 1", "x", "END")
    #expect(text(found(rig)[1]) == ["get k0 miss", "get k1 hit", "get k2 miss"])
  }

  @Test func tailsShowWhatTheirFiltersSay() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (a, b) = (rig.key(on: "a", prefix: "user:"), rig.key(on: "b", prefix: "user:"))
    open(
      rig, TailFilter(id: 1, prefix: Array("user:".utf8), server: Fleet.id(of: "a")),
      TailFilter(id: 2, prefix: Array("other".utf8)))
    rig.say(c, "get \(a)", "get \(b)", "get \(rig.key(on: "a"))")
    rig.reply("a", "END")
    rig.reply("a", "END")
    rig.reply("b", "END")
    let found = found(rig)
    #expect(text(found[1]) == ["get \(a) miss"] && found[2] == nil)
  }

  @Test func sampleShowsOneOfANumber() {
    let rig = Rig(["a"])
    let c = rig.open()
    open(rig, TailFilter(id: 1, sample: 10))
    for i in 0..<100 {
      rig.say(c, "delete k\(i)")
      rig.reply("a", "DELETED")
    }
    #expect(found(rig)[1]?.requests.count == 10)
  }

  @Test func requestsOverTheLimitOfASecondAreCounted() {
    let rig = Rig(["a"])
    let c = rig.open()
    open(rig, TailFilter(id: 1))
    for _ in 0..<1500 {
      rig.say(c, "delete k")
      rig.reply("a", "DELETED")
    }
    var batch = found(rig)[1]
    #expect(batch?.requests.count == TailFilter.mostInASecond && batch?.leftOut == 500)
    rig.advance(.seconds(1))
    rig.say(c, "delete k")
    rig.reply("a", "DELETED")
    batch = found(rig)[1]
    #expect(batch?.requests.count == 1 && batch?.leftOut == 0)
  }

  @Test func requestsThatFailAreShown() {
    let rig = Rig(["a"]) { $0.policy.readsOnFailure = .error }
    let c = rig.open()
    open(rig, TailFilter(id: 1))
    rig.say(c, "get k")
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    #expect(text(found(rig)[1]) == ["get k timed_out"])
  }

  @Test func nothingIsFoundWhenNoTailIsOpen() {
    let rig = Rig(["a"])
    let c = rig.open()
    talk(rig, c)
    open(rig, TailFilter(id: 1))
    talk(rig, c)
    open(rig)
    talk(rig, c)
    #expect(found(rig).isEmpty)
    #expect(rig.worker.dispatcher.common.reports.after == .max)
  }

  @Test func slowRequestsAreReportedBesideATail() {
    var limits = Limits()
    limits.slow = 50_000_000
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    open(rig, TailFilter(id: 1))
    rig.say(c, "get k", "delete l")
    _ = rig.asked("a")
    rig.send(from: "a", lines("END"))
    rig.advance(.milliseconds(60), ticking: false)
    rig.send(from: "a", lines("DELETED"))
    #expect(found(rig)[1]?.requests.count == 2)
    #expect(rig.slowRequests().map(\.printableKey) == ["l"] && rig.count(.slowRequests) == 1)
  }
}
