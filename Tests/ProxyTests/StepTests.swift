import Testing
import Topology
import Wire

@testable import Proxy

/// What follows from each outcome, under each rule: `Step.swift` has no other input.
@Suite struct StepTests {
  /// Every pair of failure rules.
  private static let policies: [(reads: FailureAnswer, writes: FailureAnswer)] = [
    (.miss, .miss), (.miss, .error), (.error, .miss), (.error, .error),
  ]

  private static func rules(_ reads: FailureAnswer, _ writes: FailureAnswer) -> RequestPolicy {
    var policy = PoolPolicy()
    policy.readsOnFailure = reads
    policy.writesOnFailure = writes
    return RequestPolicy(policy)
  }

  @Test(arguments: [Verb.Kind.read, .write, .other], [true, false])
  func aFailureIsAMissOnlyIfThatIsTrueAndWanted(_ kind: Verb.Kind, _ isTrue: Bool) {
    for (reads, writes) in Self.policies {
      let step = Exchange.step(kind, after: .failed(isTrue: isTrue), Self.rules(reads, writes))
      let isMiss =
        switch kind {
        case .read: reads == .miss
        case .write: isTrue && writes == .miss
        case .other: false
        }
      #expect(step == .say(isMiss ? .miss : .error), "reads \(reads), writes \(writes)")
    }
  }

  @Test(
    arguments: [
      (LegOutcome.replied, Step.answer), (.stale, .ask(.same)), (.unspoken, .say(.refusal)),
      (.large(isRepeatable: true, fits: true), .ask(.inTurn)),
      (.large(isRepeatable: true, fits: false), .ask(.inTurn)),
      (.large(isRepeatable: false, fits: true), .wait),
      (.large(isRepeatable: false, fits: false), .say(.error)),
    ] as [(LegOutcome, Step)])
  func otherOutcomesHaveOneStepUnderAllRules(_ outcome: LegOutcome, _ step: Step) {
    for kind in [Verb.Kind.read, .write, .other] {
      for (reads, writes) in Self.policies {
        #expect(Exchange.step(kind, after: outcome, Self.rules(reads, writes)) == step)
      }
    }
  }

  @Test(
    arguments: [
      (0, false, false, Step.answer), (0, true, false, .ask(.inTurn)), (1, false, false, .wait),
      (1, true, false, .wait), (0, false, true, .ask(.rest)), (0, true, true, .ask(.rest)),
      (1, false, true, .ask(.rest)), (1, true, true, .ask(.rest)),
    ] as [(Int, Bool, Bool, Step)])
  func aFanOutWaitsForItsLastLeg(_ pending: Int, _ hasDeferred: Bool, _ hasRest: Bool, _ step: Step) {
    var fanOut = FanOut()
    fanOut.pending = pending
    fanOut.hasDeferred = hasDeferred
    #expect(fanOut.step(hasRest: hasRest) == step)
  }

  /// memcached's words for a key that does not exist, by command; nil where a failure is always an error.
  @Test(
    arguments: [
      (Verb.get, "END\r\n"), (.gets, "END\r\n"), (.gat, "END\r\n"), (.gats, "END\r\n"), (.metaGet, "EN"),
      (.metaDebug, "EN"), (.set, "NOT_STORED\r\n"), (.add, "NOT_STORED\r\n"), (.cas, "NOT_FOUND\r\n"),
      (.delete, "NOT_FOUND\r\n"), (.incr, "NOT_FOUND\r\n"), (.touch, "NOT_FOUND\r\n"), (.metaSet, "NS"),
      (.metaDelete, "NF"), (.metaArithmetic, "NF"), (.flushAll, nil), (.version, nil), (.stats, nil),
    ] as [(Verb, String?)])
  func aMissHasTheWordsOfItsCommand(_ verb: Verb, _ words: String?) {
    var leg = Leg()
    leg.verb = verb
    #expect(leg.missLine.map(\.description) == words)
  }
}
