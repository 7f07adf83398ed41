import Bytes
import Testing

@testable import Proxy

/// With many clients, replies are held for a moment, so that later ones leave with the same send.
@Suite struct HoldingTests {
  private static let patience: UInt64 = 100_000

  /// The clients that the edge would send to in this turn.
  private func flushed(_ rig: Rig) -> [Ref<Client>] {
    var clients: [Ref<Client>] = []
    rig.worker.dispatcher.downstream.takeHeld()
    while let c = rig.worker.nextClientToFlush(holding: Self.patience, now: rig.now) { clients.append(c) }
    return clients
  }

  private func holds(_ rig: Rig) -> Bool { rig.worker.dispatcher.downstream.holdsAnswers }

  private func rigWithHalfAnAnswer(_ value: String = "") -> (Rig, Ref<Client>) {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    let (first, second) = (rig.key(on: "a"), rig.key(on: "b"))
    rig.say(c, "get \(first)", "get \(second)")
    if value.isEmpty {
      rig.reply("a", "END")
    } else {
      rig.reply("a", "VALUE \(first) 0 \(value.utf8.count)", value, "END")
    }
    return (rig, c)
  }

  @Test func repliesAreHeldUntilTheClientsOtherRepliesArrive() {
    let (rig, c) = rigWithHalfAnAnswer()
    #expect(flushed(rig).isEmpty)
    #expect(holds(rig))
    rig.reply("b", "END")
    #expect(flushed(rig) == [c])
    #expect(!holds(rig))
    #expect(rig.got(c) == lines("END", "END"))
  }

  @Test func repliesAreHeldNoLongerThanTheHoldTime() {
    let (rig, c) = rigWithHalfAnAnswer()
    #expect(flushed(rig).isEmpty)
    rig.advance(.microseconds(99), ticking: false)
    #expect(flushed(rig).isEmpty)
    rig.advance(.microseconds(1), ticking: false)
    #expect(flushed(rig) == [c])
    #expect(rig.got(c) == lines("END"))
    rig.reply("b", "END")
    #expect(flushed(rig) == [c])
  }

  @Test func aLargeReplyIsNotHeld() {
    let (rig, c) = rigWithHalfAnAnswer(String(repeating: "v", count: 20_000))
    #expect(flushed(rig) == [c])
    #expect(!holds(rig))
  }

  @Test func heldRepliesOfAClientThatLeavesAreDiscarded() {
    let (rig, c) = rigWithHalfAnAnswer()
    #expect(flushed(rig).isEmpty)
    rig.hangUp(c)
    rig.reply("b", "END")
    #expect(flushed(rig).isEmpty)
    #expect(!holds(rig))
    #expect(rig.leak == nil)
  }
}
