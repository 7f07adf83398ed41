import Bytes
import Testing
import Wire

@testable import Proxy

/// The queue by itself: what is removed from it, moved and shortened, and which states its check refuses.
@Suite struct RequestQueueTests {
  /// A queue with a `get` of each key, as several clients send them in one turn.
  final class Fixture {
    var queue = RequestQueue()
    var buffers = BufferPool()

    init(_ keys: String...) { for key in keys { get(key) } }

    func get(_ key: String) {
      let text = Array("get \(key)\r\n".utf8)
      // SAFETY: a byte has no padding that could be uninitialised.
      _ = unsafe queue.enqueueGet(
        Ref(1), from: ListenerIndex(), in: PoolIndex(), keyLength: key.utf8.count, text.span.bytes,
        since: .origin, &buffers)
    }

    func delete(_ key: String) {
      var opaque: UInt64 = 0
      _ = queue.enqueueDeletion(
        of: Array(key.utf8), in: PoolIndex(), opaque: &opaque, for: .v1_6_18, since: .origin, &buffers)
    }

    var text: String { queue.text }

    /// What is wrong with the queue; nil if nothing.
    var fault: String? { queue.checkInvariants() }
    var count: Int { queue.legs.count }
    var late: [Int] { [queue.late, queue.lateLength] }
    var front: RequestQueue.Front { queue.front }
    var isUnsentInTime: Bool { queue.isUnsentInTime }
    var first: RequestQueue.Entry? { queue.firstInTime }

    var lengths: [UInt32] { (0..<queue.legs.count).map { queue.legs[$0].length } }

    /// The verbs and keys that a walk meets.
    func walked() -> [String] {
      var at = RequestQueue.Position()
      var all: [String] = []
      while let one = queue.next(&at) {
        let key = queue.text.utf8.dropFirst(one.start + Int(one.leg.keyStart)).prefix(Int(one.leg.keyLength))
        all.append("\(one.index) \(one.leg.verb) \(Substring(key))")
      }
      return all
    }
  }

  @Test func waitingGetsShareALine() {
    let fixture = Fixture("a", "bc", "d")
    #expect(fixture.text == "get a bc d\r\n")
    #expect(fixture.lengths == [5, 3, 4])
    #expect(fixture.walked() == ["0 get a", "1 get bc", "2 get d"])
    #expect(fixture.fault == nil)
  }

  @Test func aGetBehindAnotherCommandBeginsALine() {
    let fixture = Fixture("a")
    fixture.delete("b")
    fixture.get("c")
    #expect(fixture.text == "get a\r\ndelete b\r\nget c\r\n")
    #expect(fixture.walked() == ["0 get a", "1 delete b", "2 get c"])
    #expect(fixture.fault == nil)
  }

  @Test(arguments: [(0, "", "get a bc d\r\n"), (1, "get a bc d\r\n", ""), (12, "get a bc d\r\n", "")])
  func linesThatWereNotBegunAreTakenOut(_ sent: Int, _ left: String, _ taken: String) {
    let fixture = Fixture("a", "bc", "d")
    fixture.queue.noteSent(sent)
    let unsent = Fixture()
    unsent.queue = fixture.queue.takeUnsent(&fixture.buffers)
    #expect(fixture.text == left)
    #expect(unsent.text == taken)
    #expect(fixture.fault == nil)
    #expect(unsent.fault == nil)
    fixture.get("e")
    #expect(fixture.text == left + "get e\r\n")
    #expect(fixture.fault == nil)
  }

  @Test func lateRequestsKeepTheirPlace() throws {
    let fixture = Fixture("a")
    fixture.delete("b")
    fixture.queue.noteSent(7)
    let first = try #require(fixture.first)
    #expect(!fixture.isUnsentInTime)
    fixture.queue.markLate(first.index)
    fixture.queue.passLate()
    #expect(fixture.late == [1, 7])
    #expect(fixture.isUnsentInTime)
    #expect(fixture.fault == nil)
    _ = fixture.queue.takeUnsent(&fixture.buffers)
    #expect(fixture.text == "get a\r\n")
    #expect(fixture.fault == nil)
    fixture.queue.dropFront(&fixture.buffers)
    #expect(fixture.late == [0, 0])
    #expect(fixture.count == 0)
  }

  @Test func aRequestThatIsMovedGetsALineOfItsOwn() throws {
    let fixture = Fixture("a", "bc", "d")
    var at = RequestQueue.Position()
    var other = RequestQueue()
    while let one = fixture.queue.next(&at) {
      other.enqueue(one.leg, copiedFrom: fixture.queue.bytes.readable, at: one.start, &fixture.buffers)
    }
    fixture.queue = other
    #expect(fixture.text == "get a\r\nget bc\r\nget d\r\n")
    #expect(fixture.fault == nil)
  }

  @Test func aQueueIsMovedAsAWhole() {
    let fixture = Fixture("a", "b")
    let waiting = fixture.queue.takeAll()
    #expect(fixture.count == 0)
    fixture.delete("c")
    fixture.queue.append(waiting, &fixture.buffers)
    #expect(fixture.text == "delete c\r\nget a b\r\n")
    #expect(fixture.walked() == ["0 delete c", "1 get a", "2 get b"])
    #expect(fixture.fault == nil)
  }

  @Test func aRequestAnsweredEarlyStaysUntilItIsSent() {
    let fixture = Fixture("abcdefgh")
    fixture.queue.noteSent(3)
    fixture.queue.dropFront(&fixture.buffers)
    #expect(fixture.front == .answered)
    #expect(fixture.count == 1)
    #expect(fixture.fault == nil)
    fixture.queue.noteSent(11)
    fixture.queue.dropAnswered(&fixture.buffers)
    #expect(fixture.front == .plain)
    #expect(fixture.count == 0)
    #expect(fixture.fault == nil)
  }

  @Test func readsAreCountedFromTheLastWrite() {
    let fixture = Fixture("a")
    fixture.delete("b")
    fixture.get("c")
    fixture.get("d")
    let (reads, isAllReads) = (fixture.queue.readsAtTheEnd, fixture.queue.hasOnlyReadsBehindFront)
    #expect(reads == 2)
    #expect(!isAllReads)
    let (owesDeletion, hasWrite) = (fixture.queue.hasPromisedDeletion, fixture.queue.hasUnansweredWrite)
    #expect(owesDeletion)
    #expect(hasWrite)
  }

  /// Every state that the check must refuse, and a word of what it says.
  @Test(arguments: [
    ("bytes sent", "sent"), ("a byte too many", "belong to no leg"),
    ("a leg too long", "behind the last byte"),
    ("no line end", "ends with byte"), ("a lost flag", "begins with byte"), ("late", "legs late"),
    ("not marked late", "counted as late"), ("late bytes", "bytes late"),
    ("a key too long", "within its key"),
    ("an open line", "open line"), ("answered", "not on its way"), ("a miss too many", "legs missed"),
  ])
  func aBrokenInvariantIsFound(_ fault: String, _ word: String) throws {
    let fixture = Fixture("a", "bc")
    switch fault {
    case "bytes sent": fixture.queue.sent = 11
    case "a byte too many": fixture.queue.bytes.append(" ", &fixture.buffers)
    case "a leg too long": fixture.queue.legs[1].length += 1
    case "no line end": fixture.queue.bytes.overwrite(at: 9, "x")
    case "a lost flag":
      fixture.queue.legs[0].isContinuedByNext = false
      fixture.queue.legs[1].continuesPreviousLine = false
      fixture.queue.bytes.overwrite(at: 4, "\n")
    case "late": fixture.queue.late = 3
    case "not marked late":
      fixture.queue.late = 1
      fixture.queue.lateLength = 5
    case "late bytes":
      fixture.queue.markLate(0)
      fixture.queue.late = 1
    case "a key too long": fixture.queue.legs[1].keyLength = 9
    case "an open line": fixture.queue.lineLength = 9
    case "answered":
      fixture.queue.sent = 10
      fixture.queue.front = .answered
    case "a miss too many": fixture.queue.missed = 3
    default: Issue.record("no such fault")
    }
    let text = try #require(fixture.fault)
    #expect(text.contains(word), "\(text)")
  }
}

extension RequestQueue {
  fileprivate var text: String { string(bytes.readable, from: 0) }
}
