import Bytes
import TestSupport
import Testing
import Topology

@testable import Health

struct ServerHealthTests {
  let policy = PoolPolicy()

  @Test(arguments: [
    (ServerFailure.refused, "refused", true), (.unreachable, "unreachable", true),
    (.timedOut, "timed out", false), (.connectionLost, "connection lost", false),
    (.protocolError, "protocol error", false),
  ])
  func onlySomeFailureCausesAreConclusive(_ cause: ServerFailure, _ words: String, _ isEnough: Bool) {
    #expect("\(cause.words)" == words)
    var health = ServerHealth()
    let action = health.failed(cause, at: ms(5), random: least, policy)
    #expect(action == (isEnough ? .takeOut(cause) : .none))
    #expect(health.isUp != isEnough)
  }

  @Test func everyFailureCauseHasItsOwnText() {
    #expect(Set(ServerFailure.faults.map { "\($0.words)" }).count == ServerFailure.faults.count)
  }

  @Test(arguments: [(-1, 1), (0, 1), (1, 1), (2, 2), (3, 3), (10, 10)])
  func consecutiveFailuresTakeAServerOut(_ limit: Int, _ needed: Int) {
    let policy = PoolPolicy(failures: limit)
    var health = ServerHealth()
    for i in 1...needed {
      let action = health.failed(.timedOut, at: ms(UInt64(i)), random: least, policy)
      #expect(action == (i == needed ? .takeOut(.timedOut) : .none))
    }
    #expect(health.state == .down(since: ms(UInt64(needed)), cause: .timedOut))
    #expect(health.nextProbe == ms(UInt64(needed) + 950))
  }

  @Test func serverWithANewAddressStartsWithoutFailures() {
    var health = ServerHealth()
    for i in 1...2 as ClosedRange<UInt64> { _ = health.failed(.timedOut, at: ms(i), random: least, policy) }
    health.moved(at: ms(3))
    #expect(health.failed(.timedOut, at: ms(4), random: least, policy) == .none)
    // If it is out it is probed at once, and its flaps are forgotten.
    _ = health.failed(.refused, at: ms(5), random: least, policy)
    _ = health.probeSucceeded(at: ms(6), random: least, policy)
    _ = health.rejoined(at: ms(7))
    _ = health.failed(.refused, at: ms(8), random: least, policy)
    _ = health.probeSucceeded(at: ms(9), random: least, policy)
    #expect(health.backoff.flaps == 1)
    #expect(health.state == .confirming(since: ms(8), cause: .refused, answers: 1))
    health.moved(at: ms(20))
    #expect(health.state == .down(since: ms(8), cause: .refused))
    #expect(health.nextProbe == ms(20))
    #expect(health.probeSucceeded(at: ms(21), random: least, policy) == .rejoin)
    // A rejoin in progress is not affected.
    let next = health.nextProbe
    health.moved(at: ms(22))
    #expect(health.nextProbe == next)
    #expect(health.rejoined(at: ms(23)) == .bringBack)
  }

  @Test func answerBetweenFailuresResetsTheCount() {
    var health = ServerHealth()
    for i in 0..<20 as Range<UInt64> {
      let first = health.failed(.timedOut, at: ms(10 * i), random: least, policy)
      let second = health.failed(.connectionLost, at: ms(10 * i + 1), random: least, policy)
      #expect(first == .none && second == .none)
      health.answered(at: ms(10 * i + 2))
    }
    #expect(health.isUp)
  }

  @Test func answerBeforeAFailureDoesNotResetTheCount() {
    var health = ServerHealth()
    for i in 0..<3 as Range<UInt64> {
      _ = health.failed(.timedOut, at: ms(100 + i), random: least, policy)
      health.answered(at: ms(100 + i))
    }
    #expect(!health.isUp)
  }

  /// A server that failed at 0 and has flapped `flaps` times before.
  func down(flaps: Int = 0) -> ServerHealth {
    var health = ServerHealth()
    for _ in 0..<flaps {
      _ = health.failed(.refused, at: ms(0), random: least, policy)
      for _ in 0..<3 { _ = health.probeSucceeded(at: ms(0), random: least, policy) }
      _ = health.rejoined(at: ms(0))
    }
    _ = health.failed(.refused, at: ms(0), random: least, policy)
    #expect(health.backoff.flaps == UInt64(flaps))
    return health
  }

  @Test func serverReturnsAfterAProbeAndARejoin() {
    var health = down()
    let probed = health.probeSucceeded(at: ms(900), random: least, policy)
    #expect(probed == .rejoin)
    #expect(health.state == .rejoining(since: ms(0), cause: .refused))
    #expect(!health.isUp)
    let rejoined = health.rejoined(at: ms(950))
    #expect(rejoined == .bringBack)
    #expect(health.isUp)
    #expect(health.nextProbe == .never)
  }

  @Test func serverThatFlappedMustAnswerSeveralProbesInARow() {
    var health = down(flaps: 2)
    let one = health.probeSucceeded(at: ms(1000), random: least, policy)
    let two = health.probeSucceeded(at: ms(2000), random: least, policy)
    #expect(one == .none && two == .none)
    #expect(health.state == .confirming(since: ms(0), cause: .refused, answers: 2))
    #expect(health.nextProbe == ms(2950))
    health.probeFailed(at: ms(3000), random: least, policy)
    #expect(health.state == .down(since: ms(0), cause: .refused))
    for i in 0..<3 as Range<UInt64> {
      let action = health.probeSucceeded(at: ms(4000 + i), random: least, policy)
      #expect(action == (i == 2 ? .rejoin : .none))
    }
  }

  @Test func failedRejoinCountsAsAFailedProbe() {
    var health = down()
    _ = health.probeSucceeded(at: ms(900), random: least, policy)
    health.rejoinFailed(at: ms(1000), random: least, policy)
    #expect(health.state == .down(since: ms(0), cause: .refused))
    #expect(health.nextProbe == ms(1000).advanced(by: .microseconds(1_425_000)))
    let late = health.rejoined(at: ms(1001))
    #expect(late == .none && !health.isUp)
  }

  @Test(arguments: ServerFailure.faults)
  func onlyServersThatKeepProbesWaitingAreProbedLessOften(_ cause: ServerFailure) {
    let wait = cause == .refused || cause == .unreachable ? 950 : 1425
    var health = down()
    for i in 1...10 as ClosedRange<UInt64> {
      let now = ms(1000 * i)
      health.probeFailed(cause, at: now, random: least, policy)
      if i == 1 || cause.isConclusive { #expect(health.nextProbe == now.advanced(by: .milliseconds(wait))) }
    }
    #expect(cause.isConclusive || health.nextProbe.since(ms(10_000)).ms > 20_000)
  }

  @Test func failuresOfAServerThatIsOutAreIgnored() {
    var health = down()
    let before = health
    for cause in ServerFailure.faults {
      let action = health.failed(cause, at: ms(500), random: most, policy)
      #expect(action == .none)
    }
    #expect(health == before)
    health.answered(at: ms(600))
    #expect(!health.isUp, "a late reply is no probe")
  }

  @Test func failureFromBeforeTheServersReturnIsIgnored() {
    var health = down()
    _ = health.probeSucceeded(at: ms(900), random: least, policy)
    _ = health.rejoined(at: ms(1000))
    let late = health.failed(.refused, at: ms(999), random: least, policy)
    #expect(late == .none && health.isUp)
    let fresh = health.failed(.refused, at: ms(1000), random: least, policy)
    #expect(fresh == .takeOut(.refused) && health.backoff.flaps == 1)
  }

  @Test func resultOfAProbeThatWasNotSentIsIgnored() {
    var health = ServerHealth()
    let action = health.probeSucceeded(at: ms(1), random: least, policy)
    health.probeFailed(at: ms(1), random: least, policy)
    health.probeSent(at: ms(1), policy)
    health.rejoinFailed(at: ms(1), random: least, policy)
    let rejoined = health.rejoined(at: ms(1))
    #expect(action == .none && rejoined == .none)
    #expect(health == ServerHealth())
  }

  @Test func probeWithALostResultIsRepeated() {
    var health = down()
    health.probeSent(at: ms(950), policy)
    #expect(health.nextProbe == ms(30_950))
    _ = health.probeSucceeded(at: ms(1000), random: least, policy)
    #expect(health.nextProbe == ms(31_000), "so is one whose rejoin never ends")
  }

  /// Up for a second each time, then out: the first wait doubles up to the longest. After an hour without failures
  /// the flaps are forgotten.
  @Test func flapDampingGrowsAndDecays() {
    var health = ServerHealth()
    var now: UInt64 = 0
    var waits: [UInt64] = []
    for round in 0..<9 {
      _ = health.failed(.refused, at: ms(now), random: least, policy)
      waits.append(health.nextProbe.since(ms(now)).ms)
      while !health.isUp {
        now = health.nextProbe.nanoseconds / 1_000_000
        if health.probeSucceeded(at: ms(now), random: least, policy) == .rejoin {
          _ = health.rejoined(at: ms(now))
        }
      }
      now += round == 7 ? 3_600_000 : 1000
    }
    #expect(waits == [950, 1900, 3800, 7600, 15_200, 28_500, 28_500, 28_500, 950])
  }
}
