import Bytes
import Testing
import Topology

@testable import Stats

/// Merged counters never fall, whatever the servers do.
struct KnownCountersTests {
  /// The answers of two servers to `stats`, one request after the other.
  private struct Desk {
    var known = KnownCounters()
    var now = Instant(nanoseconds: 1_000_000_000_000)

    /// The merged rows when the servers answer this; nil is no answer.
    mutating func ask(_ answers: [UInt8]?..., asked: Instant? = nil) -> [String] {
      let since = asked ?? now
      now = now.advanced(by: .milliseconds(1))
      var stats = MergedStats(kind: .general, ownPID: 1)
      for (i, answer) in answers.enumerated() {
        var counters = known[ServerID(UInt32(i))] ?? ServerCounters()
        // SAFETY: every byte of an array is initialised.
        if let answer, unsafe stats.add(answer.span.bytes, &counters, asked: since, now: now) {
          known[ServerID(UInt32(i))] = counters
        } else {
          stats.standIn(counters)
        }
      }
      now = now.advanced(by: .seconds(10))
      return lines(stats.rendered(of: answers.count)).filter { $0 != "END" }
    }
  }

  @Test func countersOfAServerThatIsOutStandIn() {
    var desk = Desk()
    let b = answer("STAT cmd_get 300", "STAT curr_items 3", "STAT rusage_user 1.500000")
    #expect(
      desk.ask(answer("STAT cmd_get 700", "STAT curr_items 7", "STAT rusage_user 0.700000"), b) == [
        "STAT cmd_get 1000", "STAT curr_items 10", "STAT rusage_user 2.200000",
        "STAT ringroad_servers_answered 2/2",
      ])
    // Gauges tell what is there now.
    #expect(
      desk.ask(answer("STAT cmd_get 710", "STAT curr_items 8", "STAT rusage_user 0.800000"), nil) == [
        "STAT cmd_get 1010", "STAT curr_items 8", "STAT rusage_user 2.300000",
        "STAT ringroad_servers_answered 1/2",
      ])
    // A half answer is none.
    #expect(
      desk.ask(answer("STAT cmd_get 720"), Array("STAT cmd_get 301\r\n".utf8))[0] == "STAT cmd_get 1020")
    #expect(desk.ask(answer("STAT cmd_get 720"), answer("STAT cmd_get 305"))[0] == "STAT cmd_get 1025")
  }

  @Test func aServerThatNeverAnsweredCountsNothing() {
    var desk = Desk()
    #expect(desk.ask(answer("STAT cmd_get 7"), nil)[0] == "STAT cmd_get 7")
    #expect(desk.ask(answer("STAT cmd_get 7"), answer("STAT cmd_get 5"))[0] == "STAT cmd_get 12")
  }

  @Test func aRestartedServerCountsOnFromWhatItHad() {
    var desk = Desk()
    let a = answer("STAT uptime 100", "STAT cmd_get 700", "STAT get_hits 10")
    #expect(desk.ask(a)[1] == "STAT cmd_get 700")
    // Its hits are above the old ones already, but they are new ones too.
    let restarted = desk.ask(answer("STAT uptime 5", "STAT cmd_get 20", "STAT get_hits 15"))
    #expect(restarted[0...2] == ["STAT uptime 5", "STAT cmd_get 720", "STAT get_hits 25"])
    let later = desk.ask(answer("STAT uptime 15", "STAT cmd_get 21", "STAT get_hits 16"))
    #expect(later[0...2] == ["STAT uptime 15", "STAT cmd_get 721", "STAT get_hits 26"])
    #expect(desk.ask(nil) == ["SERVER_ERROR ringroad: 1 of 1 servers did not answer"])
  }

  /// Its counters were reset by hand.
  @Test func aCounterThatFallsWithoutARestartCountsOn() {
    var desk = Desk()
    _ = desk.ask(answer("STAT uptime 100", "STAT cmd_get 700", "STAT total_connections 3"))
    let rows = desk.ask(answer("STAT uptime 110", "STAT cmd_get 1", "STAT total_connections 4"))
    #expect(rows[1...2] == ["STAT cmd_get 701", "STAT total_connections 4"])
  }

  /// Requests of two clients overlap, and the later answer is merged first.
  @Test func anOvertakenAnswerIsNoRestart() {
    var desk = Desk()
    let asked = desk.now
    #expect(desk.ask(answer("STAT uptime 101", "STAT cmd_get 705"))[1] == "STAT cmd_get 705")
    #expect(
      desk.ask(answer("STAT uptime 100", "STAT cmd_get 700"), asked: asked)[0...1]
        == ["STAT uptime 100", "STAT cmd_get 705"])
    #expect(desk.ask(answer("STAT uptime 111", "STAT cmd_get 706"))[1] == "STAT cmd_get 706")
  }

  @Test func aCounterThatANewVersionLacksStands() {
    var desk = Desk()
    _ = desk.ask(answer("STAT uptime 9", "STAT cmd_get 7", "STAT cmd_touch 5"))
    #expect(
      desk.ask(answer("STAT uptime 1", "STAT cmd_get 1"))[1...2] == ["STAT cmd_get 8", "STAT cmd_touch 5"])
  }

  @Test func unknownRowsAndWordsAreMergedAsBefore() {
    var desk = Desk()
    _ = desk.ask(answer("STAT not_yet_invented 9", "STAT cmd_get 9"), answer("STAT not_yet_invented 1"))
    #expect(
      desk.ask(answer("STAT not_yet_invented 2", "STAT cmd_get slow"), nil)[0...1]
        == ["STAT not_yet_invented 2", "STAT cmd_get slow,9"])
  }

  @Test func serversThatAreNotAskedAreForgotten() {
    var desk = Desk()
    _ = desk.ask(answer("STAT cmd_get 7"), answer("STAT cmd_get 5"))
    desk.known.keep([ServerID(0)])
    #expect(desk.ask(answer("STAT cmd_get 7"), nil)[0] == "STAT cmd_get 7")
  }

  /// Whatever servers send, and whichever answer: no counter ever falls.
  @Test(arguments: 0..<100 as Range<UInt64>)
  func noMergedCounterEverFalls(seed: UInt64) {
    var random = Seeded(seed)
    var desk = Desk()
    var before: [String: UInt64] = [:]
    for _ in 0..<30 {
      func one() -> [UInt8]? {
        guard random.below(3) > 0 else { return nil }
        let uptime = random.below(1000)
        return answer(
          "STAT uptime \(uptime)", "STAT cmd_get \(random.below(1000))", "STAT cmd_set \(random.below(1000))")
      }
      let asked = random.below(2) == 0 ? nil : Instant.origin
      for row in desk.ask(one(), one(), one(), asked: asked) where row.hasPrefix("STAT cmd_") {
        let words = row.split(separator: " ")
        let value = UInt64(words[2]) ?? 0
        #expect(value >= before[String(words[1])] ?? 0)
        before[String(words[1])] = value
      }
    }
  }
}
