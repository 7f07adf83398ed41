import Stats
import Testing

@testable import Proxy

/// Journal entries of values not sent on the shared connection: large ones, and those that are too large.
@Suite struct LongRecordingTests {
  private static let long = String(repeating: "v", count: 1000)
  /// `K` is the key, `B` the key in base64.
  private static let uploads = ["set K 0 0 1000", "add K 0 0 1000 noreply", "ms K 1000", "ms B 1000 b q"]
  private static let tooLong = ["set K 0 0 4000", "set K 0 0 4000 noreply", "ms K 4000", "ms B 4000 b"]

  private func rig(_ change: (inout Fleet.Options) -> Void = { _ in }) -> Rig {
    var limits = Limits()
    limits.held = 100
    limits.heldLeast = 100
    limits.ahead = 2000
    limits.maxValue = 2000
    return Rig(limits: limits, change)
  }

  /// A key of three letters needs no padding in base64.
  private func key(on name: String, _ rig: Rig) -> String {
    (100..<999).lazy.map { "\($0)" }.first { rig.owner(of: $0) == name } ?? ""
  }

  private func line(_ template: String, _ key: String) -> String {
    let raw = Array(key.utf8)
    // SAFETY: a byte has no padding that could be uninitialised.
    let letters = (0..<4).map { unsafe Wire64.letter($0, raw.span.bytes, raw.count) }
    let encoded = String(decoding: letters, as: UTF8.self)
    return template.split(separator: " ")
      .map { $0 == "K" ? key : $0 == "B" ? encoded : String($0) }.joined(separator: " ") + "\r\n"
  }

  @Test(arguments: uploads + tooLong)
  func aLargeChangeOnAStandInIsRecordedForBothServers(_ template: String) {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    rig.send(rig.open(), line(template, key) + "v")
    #expect(rig.held(against: "a") == [key])
    #expect(rig.held(against: standIn) == [key])
  }

  @Test(arguments: uploads + tooLong)
  func noLargeChangeIsRecordedWhileAllServersAreUp(_ template: String) {
    let rig = rig()
    rig.send(rig.open(), line(template, key(on: "a", rig)) + "v")
    #expect(rig.count(.journalKeys) == 0)
  }

  /// A value that was refused before it was sent has changed nothing.
  @Test(arguments: uploads)
  func aRefusedUploadIsNotRecorded(_ template: String) {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.set(.failFast, "a")
    rig.send(rig.open(), line(template, key) + "v")
    #expect(rig.held(against: "a") == [])
    #expect(rig.count(.journalKeys) == 0)
  }

  /// A value that is too large deletes its key's old value, which is done when the server returns.
  @Test(arguments: tooLong)
  func theKeyOfATooLargeValueIsDeletedWhenTheServerReturns(_ template: String) {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.set(.failFast, "a")
    rig.send(rig.open(), line(template, key) + "v")
    #expect(rig.held(against: "a") == [key])
    #expect(rig.count(.journalKeys) == 1)
  }

  @Test func aTooLargeAddIsNotRecorded() {
    let rig = rig()
    rig.set(.ejected, "a")
    rig.send(rig.open(), line("add K 0 0 4000", key(on: "a", rig)))
    #expect(rig.count(.journalKeys) == 0)
  }

  @Test(arguments: tooLong)
  func anUnansweredDeleteForATooLargeValueIsInDoubt(_ template: String) {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.send(rig.open(), line(template, key))
    _ = rig.asked("a")
    rig.lose("a")
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == [key])
  }

  enum End: CaseIterable { case lost, late, ejected, garbage }

  @Test(arguments: uploads, End.allCases)
  func anUnansweredUploadIsInDoubt(_ template: String, _ end: End) throws {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.send(rig.open(), line(template, key) + Self.long.prefix(500))
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(
      rig.worker.dispatcher.streams[rig.worker.dispatcher.upstream.connections[own].stream].client.slot,
      Self.long.dropFirst(500) + "\r\n")
    _ = rig.asked(own)
    #expect(rig.count(.journalKeys) == 0)
    switch end {
    case .lost: rig.lose(connection: own)
    case .late: rig.advance(.milliseconds(600))
    case .ejected: rig.set(.failFast, "a")
    case .garbage: rig.send(from: own, lines("VALUE x 0 1", "x"))
    }
    #expect(!rig.privateConnections.contains(own))
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == [key])
  }

  /// Half a value is never stored; a whole one may be, whether its client has left or not.
  @Test(arguments: [false, true])
  func onlyACompleteUploadOfAClientThatLeftIsInDoubt(_ isWhole: Bool) throws {
    let rig = rig()
    let key = key(on: "a", rig)
    let c = rig.open()
    rig.send(c, line("set K 0 0 1000", key) + Self.long.prefix(500))
    if isWhole { rig.send(c, Self.long.dropFirst(500) + "\r\n") }
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.hangUp(c)
    if isWhole { rig.lose(connection: own) }
    rig.set(.failFast, "a")
    #expect(rig.held(against: "a") == (isWhole ? [key] : []))
    #expect(rig.leak == nil)
  }

  @Test func anAnsweredUploadIsNotRecorded() throws {
    let rig = rig()
    let c = rig.open()
    rig.send(c, line("set K 0 0 1000", key(on: "a", rig)) + Self.long.prefix(500))
    rig.send(c, Self.long.dropFirst(500) + "\r\n")
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    rig.send(from: own, lines("STORED"))
    #expect(rig.got(c) == lines("STORED"))
    #expect(rig.count(.journalKeys) == 0)
  }

  // MARK: - Uploads that take long

  /// An upload may take longer than the time after which stand-ins are cleaned: it must not end on one.
  @Test(arguments: uploads)
  func anUploadToAStandInEndsWhenTheOwnerIsBack(_ template: String) throws {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    let c = rig.open()
    rig.send(c, line(template, key) + Self.long.prefix(500))
    let own = try #require(rig.privateConnections.first)
    _ = rig.asked(own)
    // As in a return: the entries are taken, then no worker uses the stand-in any more.
    #expect(rig.held(against: "a") == [key] && rig.held(against: standIn) == [key])
    rig.set(.failFast, "a")
    #expect(rig.privateConnections.isEmpty)
    #expect(rig.effects.contains(.disconnect(connection: own)))
    let told = "SERVER_ERROR ringroad: \(standIn):11211 connection lost\r\n"
    #expect(rig.got(c) == (template.hasSuffix("noreply") ? "" : told))
    #expect(rig.orphans() == [standIn: [key]])
    // The rest of the value is discarded, and the client stays connected.
    rig.send(c, Self.long.dropFirst(500) + "\r\nmn\r\n")
    #expect(rig.got(c) == lines("MN"))
  }

  @Test func anUploadToAnUnaffectedOwnerContinues() throws {
    let rig = rig()
    rig.set(.ejected, "a")
    let c = rig.open()
    rig.send(c, line("set K 0 0 1000", key(on: "b", rig)) + Self.long.prefix(500))
    let own = try #require(rig.privateConnections.first)
    rig.set(.failFast, "a")
    rig.set(.up, "a")
    rig.set(.ejected, "c")
    #expect(rig.privateConnections == [own])
  }

  @Test func anUploadWithoutAJournalContinues() throws {
    let rig = rig { $0.isJournaled = false }
    let key = key(on: "a", rig)
    rig.set(.ejected, "a")
    rig.send(rig.open(), line("set K 0 0 1000", key) + Self.long.prefix(500))
    let own = try #require(rig.privateConnections.first)
    rig.set(.up, "a")
    #expect(rig.privateConnections == [own])
  }

  @Test func aReloadWhileAServerIsOutEndsUploadsWhoseKeyMoves() throws {
    let rig = rig()
    let key = key(on: "a", rig)
    rig.set(.ejected, "a")
    let standIn = rig.owner(of: key)
    rig.send(rig.open(), line("set K 0 0 1000", key) + Self.long.prefix(500))
    #expect(rig.privateConnections.count == 1)
    // The test's plan has all servers up.
    rig.apply(["a", "b", "c"])
    #expect(rig.privateConnections.isEmpty)
    #expect(rig.orphans() == [standIn: [key]])
  }
}
