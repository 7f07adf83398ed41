import Bytes
import Testing
import Topology

@testable import Proxy

/// The journal entries of each kind of request while its key's owner is out.
@Suite struct RecordingTests {
  private static let changes: [[String]] = [
    ["set K 0 0 1", "x"], ["set K 0 0 1 noreply", "x"], ["add K 0 0 1", "x"], ["replace K 0 0 1", "x"],
    ["append K 0 0 1", "x"], ["prepend K 0 0 1", "x"], ["cas K 0 0 1 7", "x"], ["delete K"],
    ["delete K noreply"], ["delete K 0"], ["incr K 1"], ["decr K 1 noreply"], ["touch K 10"], ["gat 10 K"],
    ["gats 10 K"], ["gat 10 L K"], ["gats  10  L  K "], ["ms K 1", "x"], ["ms K 1 q", "x"],
    ["ms K 1 ME", "x"],
    ["md K"], ["md K q"], ["md K I T30"], ["ma K"], ["ma K N0 J1 q"], ["mg K v T30"], ["mg K N30 v"],
    ["mg K s v T0 q k O1"],
  ]
  private static let reads: [[String]] = [
    ["get K"], ["gets K"], ["get K L"], ["mg K v"], ["mg K k v t q O9"], ["mg K"], ["me K"],
  ]

  private static func say(_ rig: Rig, _ lines: [String], _ key: String, _ other: String = "none") {
    let text = lines.map {
      $0.split(separator: " ", omittingEmptySubsequences: false)
        .map { $0 == "K" ? key : $0 == "L" ? other : String($0) }.joined(separator: " ")
    }
    rig.send(rig.open(), Runtime.lines(text))
  }

  /// Keeps the rig's `lines` reachable where a parameter has that name.
  private enum Runtime {
    static func lines(_ text: [String]) -> String { text.map { $0 + "\r\n" }.joined() }
  }

  @Test(arguments: changes)
  func aChangeOnAStandInIsRecordedForBothServers(_ lines: [String]) {
    let rig = Rig()
    let key = rig.key(on: "a")
    let other = rig.key(on: "a", 1)
    rig.set(.failFast, "a")
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    Self.say(rig, lines, key, other)
    #expect(rig.held(against: "a").contains(key))
    #expect(rig.held(against: standIn).contains(key))

  }

  @Test(arguments: reads)
  func aReadIsNotRecorded(_ lines: [String]) {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.ejected, "a")
    Self.say(rig, lines, key, rig.key(on: "b"))
    #expect(rig.count(.journalKeys) == 0)
  }

  @Test(arguments: changes)
  func nothingIsRecordedWhileAllServersAreUp(_ lines: [String]) {
    let rig = Rig()
    Self.say(rig, lines, rig.key(on: "a"), rig.key(on: "b"))
    #expect(rig.count(.journalKeys) == 0)
  }

  @Test(arguments: changes)
  func aChangeOnTheKeysOwnerIsNotRecorded(_ lines: [String]) {
    let rig = Rig()
    let (key, other) = (rig.key(on: "b"), rig.key(on: "b", 1))
    rig.set(.ejected, "a")
    Self.say(rig, lines, key, other)
    #expect(rig.count(.journalKeys) == 0)
  }

  private static let removals: [[String]] = [
    ["delete K"], ["delete K noreply"], ["delete K 0"], ["md K"], ["md K q"], ["md K I T30"],
    ["set K 0 -1 1", "x"], ["cas K 0 -1 1 7", "x"], ["touch K -1"], ["touch K -1 noreply"], ["gat -1 K"],
    ["ms K 1 T-1", "x"], ["ma K T-1 q"], ["mg K T-1 q"],
  ]

  /// A request refused before it was sent has changed nothing: the value is good, and stays.
  @Test(
    arguments: changes.filter { !$0[0].contains("L") && !$0[0].hasPrefix("delete") && !$0[0].hasPrefix("md") }
  )
  func aRefusedChangeIsNotRecorded(_ lines: [String]) {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.failFast, "a")
    Self.say(rig, lines, key)
    #expect(rig.held(against: "a") == [])
    #expect(rig.count(.journalKeys) == 0)
  }

  /// A refused delete is done when the server returns, and so is a write that was to expire its key at once.
  @Test(arguments: removals, [true, false])
  func aRefusedRemovalIsRecorded(_ lines: [String], _ isMiss: Bool) {
    let rig = Rig { $0.writesMissOnFailure = isMiss }
    let key = rig.key(on: "a")
    rig.set(.failFast, "a")
    Self.say(rig, lines, key)
    #expect(rig.held(against: "a") == [key])
  }

  /// If a stand-in says that it changed nothing, it did not; but a delete concerns the owner's copy as well.
  @Test(
    arguments: [
      (["add K 0 0 1", "x"], "NOT_STORED", false), (["replace K 0 0 1", "x"], "NOT_STORED", false),
      (["append K 0 0 1", "x"], "NOT_STORED", false), (["cas K 0 0 1 7", "x"], "EXISTS", false),
      (["cas K 0 0 1 7", "x"], "NOT_FOUND", false), (["incr K 1"], "NOT_FOUND", false),
      (["incr K 1 noreply"], "CLIENT_ERROR cannot increment or decrement non-numeric value", false),
      (["touch K 9"], "NOT_FOUND", false), (["gat 9 K"], "END", false),
      (["ms K 1 ME", "x"], "NS O1", false), (["ma K"], "NF O1", false), (["md K C7"], "EX O1", false),
      (["mg K T30 v"], "EN O1", false),
      (["set K 0 0 1", "x"], "STORED", true), (["add K 0 0 1 noreply", "x"], "STORED", true),
      (["set K 0 0 1", "x"], "SERVER_ERROR out of memory storing object", true),
      (["incr K 1"], "7", true), (["touch K 9"], "TOUCHED", true),
      (["delete K"], "NOT_FOUND", true), (["delete K noreply"], "DELETED", true), (["md K"], "NF O1", true),
      (["ms K 1", "x"], "HD O1", true), (["mg K T30"], "HD O1", true),
    ] as [([String], String, Bool)])
  func aStandInsReplyDecidesWhetherAChangeIsRecorded(_ lines: [String], _ reply: String, _ isNoted: Bool) {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    Self.say(rig, lines, key)
    rig.reply(standIn, reply)
    #expect(rig.held(against: "a") == (isNoted ? [key] : []))
    #expect(rig.held(against: standIn) == (isNoted ? [key] : []))
  }

  /// Of several keys, those that were found.
  @Test func theHitsOfAGatOfSeveralKeysAreRecorded() {
    let rig = Rig()
    let (key, other) = (rig.key(on: "a"), rig.key(on: "a", 1))
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    guard rig.owner(of: other) == standIn else { return }
    rig.say(rig.open(), "gat 9 \(key) \(other)")
    rig.reply(standIn, "VALUE \(other) 0 1", "x", "END")
    #expect(rig.held(against: "a") == [other])
  }

  /// Requests that a stand-in has not answered when the ring changes are recorded as if they were done.
  @Test func requestsInFlightToAStandInAreRecordedWhenTheOwnerReturns() {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    rig.say(rig.open(), "set \(key) 0 0 1", "x")
    _ = rig.asked(standIn)
    rig.set(.returning, "a")
    #expect(rig.held(against: "a") == [key])
    rig.reply(standIn, "STORED")
    rig.set(.up, "a")
    #expect(rig.orphans() == [standIn: [key]])
  }

  @Test(arguments: reads)
  func aRefusedReadIsNotRecorded(_ lines: [String]) {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.failFast, "a")
    Self.say(rig, lines, key, rig.key(on: "a", 1))
    #expect(rig.count(.journalKeys) == 0)
  }

  /// Its server may have done it, or may still do it.
  @Test(arguments: changes)
  func aChangePastItsDeadlineIsInDoubt(_ lines: [String]) {
    let rig = Rig()
    let (key, other) = (rig.key(on: "a"), rig.key(on: "a", 1))
    Self.say(rig, lines, key, other)
    _ = rig.asked("a")
    rig.advance(.milliseconds(600))
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a").contains(key))
  }

  @Test(arguments: changes)
  func aChangeOnALostConnectionIsInDoubt(_ lines: [String]) {
    let rig = Rig()
    let (key, other) = (rig.key(on: "a"), rig.key(on: "a", 1))
    Self.say(rig, lines, key, other)
    _ = rig.asked("a")
    rig.lose("a")
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a").contains(key))
  }

  @Test(arguments: changes)
  func aChangeInFlightWhenAServerGoesOutIsInDoubt(_ lines: [String]) {
    let rig = Rig()
    let (key, other) = (rig.key(on: "a"), rig.key(on: "a", 1))
    Self.say(rig, lines, key, other)
    _ = rig.asked("a")
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a").contains(key))
  }

  /// An unsent change has changed nothing; a delete is done later.
  @Test(arguments: changes)
  func ofUnsentChangesOnlyDeletesAreRecordedWhenAServerGoesOut(_ lines: [String]) {
    let rig = Rig()
    let (key, other) = (rig.key(on: "a"), rig.key(on: "a", 1))
    Self.say(rig, lines, key, other)
    rig.set(.failFast, "a")
    let isDelete = lines[0].hasPrefix("delete") || lines[0].hasPrefix("md")
    #expect(rig.held(against: "a") == (isDelete ? [key] : []))
  }

  @Test(arguments: reads)
  func readsAreNeverInDoubt(_ lines: [String]) {
    let rig = Rig()
    Self.say(rig, lines, rig.key(on: "a"), rig.key(on: "a", 1))
    _ = rig.asked("a")
    rig.advance(.milliseconds(600))
    rig.lose("a")
    #expect(rig.count(.journalKeys) == 0)
  }

  @Test func entriesInDoubtOnAServerThatStaysUpExpire() {
    let rig = Rig()
    rig.sweep()
    rig.say(rig.open(), "delete \(rig.key(on: "a"))")
    _ = rig.asked("a")
    rig.advance(.milliseconds(600))
    #expect(rig.count(.journalKeys) == 1)
    for _ in 0..<25 {
      rig.advance(.seconds(1))
      rig.sweep()
    }
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == [])
  }

  @Test func base64KeysAreRecordedDecoded() {
    let rig = Rig()
    let keys = (0..<200).map { "bin \($0)" }
    let encoded = { (key: String) in
      let raw = Array(key.utf8)
      // SAFETY: a byte has no padding that could be uninitialised.
      return String(
        decoding: (0..<((raw.count + 2) / 3 * 4)).map {
          unsafe Wire64.letter($0, raw.span.bytes, raw.count)
        }, as: UTF8.self)
    }
    rig.set(.ejected, "a")
    let c = rig.open()
    for key in keys { rig.say(c, "md \(encoded(key)) b q") }
    let held = rig.held(against: "a")
    #expect(held.count > 20 && Set(held).isSubset(of: keys))
  }

  /// Server a is out, its stand-in has the key; the stand-in goes out, the last server has it; the stand-in returns.
  @Test func aSecondStandInsCopyIsAnOrphanWhenTheFirstReturns() {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.ejected, "a")
    let first = rig.owner(of: key)
    rig.say(rig.open(), "delete \(key)")
    rig.set(.ejected, first)
    let second = rig.owner(of: key)
    #expect(Set(["a", first, second]).count == 3)
    rig.say(rig.open(), "delete \(key)")
    #expect(rig.held(against: first) == [key])
    #expect(rig.held(against: "a") == [key])
    // The first stand-in is back, a is not: the second one's copy is an orphan.
    rig.set(.up, first)
    #expect(rig.orphans() == [second: [key]])
    #expect(rig.orphans() == [:])
  }

  @Test func copiesInUseAreNotOrphans() {
    let rig = Rig()
    let key = rig.key(on: "a")
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    rig.say(rig.open(), "delete \(key)")
    #expect(rig.orphans() == [:])
    rig.set(.failFast, "a")
    #expect(rig.orphans() == [standIn: [key]])
  }

  @Test func aPoolWithRejoinAsIsKeepsNoJournal() {
    let rig = Rig { $0.isJournaled = false }
    let key = rig.key(on: "a")
    rig.set(.failFast, "a")
    rig.say(rig.open(), "delete \(key)")
    rig.set(.ejected, "a")
    rig.say(rig.open(), "delete \(key)")
    #expect(rig.count(.journalKeys) == 0)
  }

  @Test func aRemovedServersEntriesAreDropped() {
    let rig = Rig()
    rig.set(.ejected, "a")
    let c = rig.open()
    for n in 0..<20 { rig.say(c, "delete k\(n)") }
    rig.apply(["b", "c"])
    #expect(rig.held(against: "a") == [])
  }

  @Test func theJournalIsBounded() {
    var limits = Limits()
    limits.journalKeys = 5
    let rig = Rig(limits: limits)
    rig.set(.ejected, "a")
    let c = rig.open()
    for n in 0..<100 { rig.say(c, "delete k\(n)") }
    #expect(rig.worker.takeEntries(Fleet.id(of: "a")).hasOverflowed)
    #expect(rig.count(.journalOverflows) >= 1)
  }

  /// Why an overflow flag concerns only its owners: while a server is in the ring no other is sent its keys,
  /// whichever servers are out.
  @Test func onlyAnEjectedServersKeysAreOnOtherServers() {
    let names = ["a", "b", "c", "d", "e"]
    let rig = Rig(names)
    let keys = (0..<400).map { "k\($0)" }
    let owners = keys.map(rig.owner)
    for set in 1..<31 {
      for (i, name) in names.enumerated() { rig.set(set >> i & 1 == 1 ? .ejected : .up, name) }
      for (key, owner) in zip(keys, owners) {
        let isOut = set >> (names.firstIndex(of: owner) ?? 9) & 1 == 1
        #expect((rig.owner(of: key) == owner) == !isOut)
      }
    }
  }

  /// After servers go out together a worker knows the same as after they go one by one: where keys are, and that
  /// changes must be recorded.
  @Test func serversThatGoOutTogetherEqualServersThatGoOneByOne() {
    let names = ["a", "b", "c", "d", "e"]
    let (together, oneByOne) = (Rig(names), Rig(names))
    let (c, d) = (together.open(), oneByOne.open())
    let keys = (0..<200).map { "k\($0)" }
    let words: [ServerStatus] = [.up, .failFast, .ejected]
    for round in 0..<81 {
      let statuses = names.dropLast().enumerated().map { i, name in
        let power = [1, 3, 9, 27][i]
        return (name: name, status: words[(round * 7 + 5) % 81 / power % 3])
      }
      together.set(statuses)
      for (name, status) in statuses { oneByOne.set(status, name) }
      #expect(keys.map(together.owner) == keys.map(oneByOne.owner))
      together.say(c, "delete k\(round)")
      oneByOne.say(d, "delete k\(round)")
      for name in names {
        #expect(together.asked(name) == oneByOne.asked(name))
        let id = Fleet.id(of: name)
        #expect(together.worker.takeEntries(id) == oneByOne.worker.takeEntries(id))
      }
    }
  }

  /// Two owners, and one stand-in with too many keys of each.
  @Test func overflowFlagsAreTakenWhicheverServerIsOut() {
    var limits = Limits()
    limits.journalKeys = 4
    let rig = Rig(limits: limits)
    rig.set(.ejected, "a")
    rig.set(.ejected, "b")
    let c = rig.open()
    for n in 0..<60 { rig.say(c, "delete k\(n)") }
    rig.set(.up, "a")
    let found = rig.worker.takeOrphans(of: [Fleet.id(of: "c")])
    #expect(found[Fleet.id(of: "c")]?.lost.ids == [Fleet.id(of: "a"), Fleet.id(of: "b")])
    #expect(rig.worker.takeOrphans(of: [Fleet.id(of: "c")]).isEmpty)
  }

  @Test func anOverflowCountsForAllOwnersAfterAReload() {
    var limits = Limits()
    limits.journalKeys = 4
    let rig = Rig(limits: limits)
    rig.set(.ejected, "a")
    let c = rig.open()
    for n in 0..<60 { rig.say(c, "delete k\(n)") }
    rig.apply(["a", "b", "c"], limits: limits)
    #expect(rig.worker.takeEntries(Fleet.id(of: "b")).lost.areAll)
  }
}

/// Base64 letters, computed without the code under test.
enum Wire64 {
  private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func letter(_ i: Int, _ raw: RawSpan, _ count: Int) -> UInt8 {
    let bit = i % 4 * 6
    let group = i / 4 * 3
    if group + bit / 8 >= count { return 61 }
    var block = 0
    for j in 0..<3 { block = block << 8 | (group + j < count ? Int(raw.byte(at: group + j)) : 0) }
    return letters[block >> (18 - bit) & 63]
  }
}

extension Rig {
  /// Removes and returns the keys that the journal holds for a server.
  func held(against name: String) -> [String] {
    worker.takeEntries(Fleet.id(of: name)).keys.map { String(decoding: $0, as: UTF8.self) }.sorted()
  }

  func orphans() -> [String: [String]] {
    var found: [String: [String]] = [:]
    for (id, entries) in worker.takeOrphans(of: ["a", "b", "c"].map(Fleet.id)) {
      found[Fleet.name(of: id)] = entries.keys.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }
    return found
  }
}
