import Stats
import Testing

@testable import Proxy

/// A quiet `ma` that may create its key, with a fence behind it: `MetaTests.creating` has what is sent and answered.
@Suite struct FencedMetaTests {
  @Test func aServerThatIsQuietAboutCreatedItemsNeedsNoFence() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.accept(rig.connection("a"), version: "1.6.45")
    rig.say(c, "ma k N0 q", "mn")
    #expect(rig.asked("a") == lines("ma k N0 O1"))
    rig.send(from: "a", lines("HD O1"))
    #expect(rig.got(c) == lines("MN"))
  }

  /// A request that may get no reply must be as protected from forged replies as one that does.
  @Test(arguments: [
    lines("MN"), lines("NF O78"), lines("HD O2", "NF O77"), lines("HD", "NF O77"),
    lines("HD O1", "HD O1", "NF O77"),
    lines("VA 1 O1", "5", "NF O77"), lines("ME k exp=-1", "NF O77"),
  ])
  func aFencedMetaReplyIsChecked(_ lie: String) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "ma k N0 q", "mn")
    _ = rig.asked("a")
    rig.send(from: "a", lie)
    rig.advance(.milliseconds(600))
    #expect(rig.got(c).hasPrefix("SERVER_ERROR ringroad: a:11211 "))
    #expect(rig.count(.integrityFailures) == (lie == lines("MN") || lie == lines("NF O78") ? 0 : 1))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// A reply after the deadline is discarded, and the next request gets its own reply.
  @Test func aLateFencedMetaReplyIsDiscarded() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.isAccepting = false
    rig.say(c, "ma k N0 q")
    _ = rig.asked("a")
    rig.advance(.milliseconds(300))
    rig.say(c, "mg k v O4")
    _ = rig.asked("a")
    rig.advance(.milliseconds(200))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    rig.send(from: "a", lines("HD O1"))
    rig.send(from: "a", lines("NF O77"))
    #expect(rig.got(c) == "")
    #expect(rig.count(.lateReplies) == 1)
    rig.send(from: "a", lines("VA 1 O4", "5"))
    #expect(rig.got(c) == lines("VA 1 O4", "5"))
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }
}
