import Bytes
import Testing

@testable import Bench

/// One connection without a socket: what it asks, and how it judges the replies.
@Suite struct ConversationTests {
  /// A conversation, and the right replies to its requests.
  private final class Rig {
    var run = RunState(keys: KeySpace(seed: 9, sizes: 1...60), count: 100)
    let conversation = Conversation(number: 3)
    private let now = Instant(nanoseconds: 1000)

    /// Asks, and returns the request's bytes.
    func get(_ keys: [UInt32]) -> [UInt8] {
      conversation.get(keys, due: now, now: now, &run)
      return takeOutput()
    }

    func set(_ key: UInt32) -> [UInt8] {
      conversation.set(key, expiry: 60, due: now, now: now, &run)
      return takeOutput()
    }

    private func takeOutput() -> [UInt8] {
      var output = Buffer()
      swap(&output, &conversation.output)
      return (0..<output.count).map { output.readable.byte(at: $0) }
    }

    /// Stores a first version of these keys.
    func fill(_ keys: Range<UInt32>) {
      for key in keys {
        _ = set(key)
        _ = answer("STORED\r\n")
      }
    }

    func answer(_ bytes: [UInt8]) -> Bool { conversation.received(bytes.span.raw, now: now, &run) }

    func answer(_ text: String) -> Bool { answer(Array(text.utf8)) }

    /// A `VALUE` line and its bytes.
    func value(_ key: UInt32, version: UInt32 = 1) -> [UInt8] {
      let value = run.keys.value(of: key, version: version)
      var buffer = Buffer()
      var pool = BufferPool()
      run.keys.append(value, to: &buffer, &pool)
      let bytes = (0..<buffer.count).map { buffer.readable.byte(at: $0) }
      return Array("VALUE \(run.keys.name(of: key)) \(version) \(value.length)\r\n".utf8) + bytes + [13, 10]
    }
  }

  private let end = Array("END\r\n".utf8)

  @Test func requestsAreMemcachedsTextProtocol() {
    let rig = Rig()
    let get = rig.get([1, 99])
    #expect(
      String(decoding: get, as: UTF8.self)
        == "get \(rig.run.keys.name(of: 1)) \(rig.run.keys.name(of: 99))\r\n")
    let set = rig.set(5)
    let length = rig.run.keys.value(of: 5, version: 1).length
    #expect(set.starts(with: Array("set \(rig.run.keys.name(of: 5)) 1 60 \(length)\r\n".utf8)))
    #expect(Array(set.suffix(length + 2)) == Array(rig.value(5).suffix(length + 2)))
  }

  @Test func rightRepliesAreCounted() {
    let rig = Rig()
    rig.fill(0..<10)
    _ = rig.get([1, 50, 2])
    _ = rig.set(4)
    _ = rig.get([3])
    let isUnderstood = rig.answer(
      rig.value(1) + rig.value(2) + end + Array("STORED\r\n".utf8) + rig.value(3) + end)
    #expect(isUnderstood && rig.conversation.inFlight == 0)
    let tally = rig.run.tally
    #expect(tally.hits == 3 && tally.misses == 1 && tally.reads == 2 && tally.writes == 11)
    #expect(tally.mismatches == 0 && tally.requests == 13 && tally.stale == 0)
  }

  @Test func repliesMayBeSplitAnywhere() {
    let rig = Rig()
    rig.fill(0..<3)
    let reply = rig.value(1) + rig.value(0) + end
    for cut in 1..<reply.count {
      _ = rig.get([1, 0])
      let isUnderstood = rig.answer(Array(reply[..<cut])) && rig.answer(Array(reply[cut...]))
      #expect(isUnderstood && rig.conversation.inFlight == 0)
    }
    #expect(rig.run.tally.mismatches == 0 && rig.run.tally.hits == 2 * (reply.count - 1))
  }

  /// Every byte of a value, its length and its version.
  @Test func everyCorruptedByteOfAReplyIsAMismatchOrAMiss() {
    let rig = Rig()
    rig.fill(0..<3)
    let reply = rig.value(1) + end
    for i in reply.indices {
      let fresh = Rig()
      fresh.fill(0..<3)
      _ = fresh.get([1])
      var bytes = reply
      bytes[i] ^= 0x41
      _ = fresh.answer(bytes)
      // A wrong length may leave the reply unfinished, as one that never comes.
      let isNoticed = fresh.run.tally.mismatches > 0 || fresh.conversation.inFlight > 0
      #expect(isNoticed, "byte \(i)")
    }
  }

  @Test func describedMismatchNamesKeyAndOffsetButNoValue() {
    let rig = Rig()
    rig.fill(0..<3)
    _ = rig.get([2])
    var bytes = rig.value(2)
    bytes[bytes.count - 3] ^= 1
    let isUnderstood = rig.answer(bytes + end)
    let length = rig.run.keys.value(of: 2, version: 1).length
    #expect(isUnderstood && rig.run.tally.mismatches == 1)
    let name = rig.run.keys.name(of: 2)
    #expect(rig.run.tally.examples == ["connection 3: \(name): byte \(length - 1) of \(length) differs"])
  }

  @Test(arguments: [
    ("another key", "which this get did not ask for"), ("twice", "a second value in one reply"),
    ("stored", "STORED as the reply to a get"), ("future", "version 2, which was never written"),
    ("foreign", "a key that is none of this run's"), ("not stored", "NOT_STORED as the reply to a get"),
  ])
  func wrongReplyToAGetIsAMismatchAndTheNextReplyIsRead(_ kind: String, _ words: String) {
    let rig = Rig()
    rig.fill(0..<4)
    _ = rig.get([1])
    _ = rig.get([2])
    let wrong: [UInt8] =
      switch kind {
      case "another key": rig.value(3) + end
      case "twice": rig.value(1) + rig.value(1) + end
      case "stored": Array("STORED\r\n".utf8)
      case "future": rig.value(1, version: 2) + end
      case "foreign": Array("VALUE ringroad-bench:ffffffff:00000001 1 1\r\na\r\nEND\r\n".utf8)
      default: Array("NOT_STORED\r\n".utf8)
      }
    let isUnderstood = rig.answer(wrong + rig.value(2) + end)
    #expect(isUnderstood && rig.conversation.inFlight == 0)
    #expect(rig.run.tally.mismatches == 1 && rig.run.tally.examples[0].contains(words))
    #expect(rig.run.tally.misses == 0)
  }

  @Test func swappedRepliesOfTwoGetsAreTwoMismatches() {
    let rig = Rig()
    rig.fill(0..<3)
    _ = rig.get([1])
    _ = rig.get([2])
    let isUnderstood = rig.answer(rig.value(2) + end + rig.value(1) + end)
    #expect(isUnderstood && rig.run.tally.mismatches == 2)
  }

  @Test func endAsTheReplyToASetIsAMismatch() {
    let rig = Rig()
    _ = rig.set(1)
    #expect(rig.answer("END\r\n"))
    #expect(rig.run.tally.mismatches == 1)
  }

  @Test(arguments: ["HTTP/1.1 200 OK\r\n", "VALUE x\r\n", "\r\n"])
  func lineThatIsNoReplyEndsTheConversation(_ line: String) {
    let rig = Rig()
    _ = rig.get([1])
    #expect(!rig.answer(line))
    #expect(rig.run.tally.mismatches == 1)
  }

  @Test func bytesWithoutARequestEndTheConversation() {
    let rig = Rig()
    #expect(!rig.answer("END\r\n"))
    #expect(rig.run.tally.examples == ["connection 3: bytes that answer no request"])
  }

  @Test func errorsAreCountedByTheirTextAndAreNoMismatches() {
    let rig = Rig()
    rig.fill(0..<3)
    for _ in 0..<3 {
      _ = rig.get([1, 2])
      #expect(rig.answer(rig.value(1) + Array("SERVER_ERROR timed out\r\n".utf8)))
    }
    _ = rig.set(1)
    #expect(rig.answer("NOT_STORED\r\n"))
    #expect(rig.run.tally.errors == ["SERVER_ERROR timed out": 3, "NOT_STORED": 1])
    #expect(rig.run.tally.mismatches == 0 && rig.run.tally.misses == 0)
  }

  @Test func kindsOfErrorsAreBounded() {
    var tally = Tally()
    for i in 0..<1000 { tally.note(error: "SERVER_ERROR \(i)") }
    #expect(tally.errors.count == 21 && tally.errorCount == 1000 && tally.errors["other errors"] == 980)
  }

  @Test func replacedVersionCountsAsStaleAndAsAHit() {
    let rig = Rig()
    for _ in 0..<2 { rig.fill(1..<2) }
    _ = rig.get([1])
    #expect(rig.answer(rig.value(1, version: 1) + end))
    #expect(rig.run.tally.stale == 1 && rig.run.tally.hits == 1 && rig.run.tally.mismatches == 0)
  }

  @Test func abandonedRequestsAreCountedWithTheirAge() {
    let rig = Rig()
    rig.run.isMeasuring = true
    _ = rig.get([1])
    _ = rig.set(1)
    rig.conversation.abandon(now: Instant(nanoseconds: 5_001_000), &rig.run)
    #expect(rig.run.tally.unanswered == 2 && rig.conversation.inFlight == 0)
    #expect(rig.run.sinceSent.total == 2 && rig.run.sinceSent.maximum == 5_000_000)
  }
}
