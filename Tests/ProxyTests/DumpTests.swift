import Testing

@testable import Proxy

/// `stats` dumps that print raw keys: no bytes of a key are taken for another reply.
@Suite struct DumpTests {
  /// The fence sent behind a dump; the rig's secret is 77.
  static let fence = lines("md 77 O77")
  static let met = lines("NF O77")

  @Test func aDumpRequestIsSentWithAFence() {
    let rig = Rig(["a", "b"])
    let c = rig.open()
    rig.say(c, "stats cachedump 1 3", "stats detail dump")
    for name in ["a", "b"] {
      #expect(
        rig.asked(name) == lines("stats cachedump 1 3") + Self.fence + lines("stats detail dump") + Self.fence
      )
    }
    rig.send(from: "a", lines("ITEM x [1 b; 0 s]", "ITEM y [2 b; 9 s]", "END") + Self.met)
    rig.send(from: "b", lines("ITEM z [1 b; 0 s]", "ITEM u [1 b; 0 s]", "END") + Self.met)
    #expect(rig.got(c) == lines("ITEM x [1 b; 0 s]", "ITEM y [2 b; 9 s]", "ITEM z [1 b; 0 s]", "END"))
    rig.send(from: "a", lines("PREFIX p get 1 hit 1 set 1 del 0", "END") + Self.met)
    rig.send(from: "b", lines("PREFIX p get 1 hit 0 set 1 del 0", "END") + Self.met)
    #expect(rig.got(c) == lines("PREFIX p get 2 hit 1 set 2 del 0", "END"))
    #expect(rig.count(.integrityFailures) == 0)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Servers since 1.6.40 accept prefixes of these names, and print the same keys.
  @Test(arguments: ["stats c 1 0", "stats cachedum 1 0", "stats d d", "stats detai dum"])
  func aDumpRequestedByAPrefixOfItsNameHasAFence(_ request: String) {
    let rig = Rig(["a"], isAccepting: false)
    let (c, d) = (rig.open(), rig.open())
    rig.accept(rig.connection("a"), version: "1.6.45")
    rig.say(c, request)
    rig.say(d, "get k")
    #expect(rig.asked("a") == lines(request) + Self.fence + lines("get k"))
    rig.send(
      from: "a", lines("ITEM x [1 b; 0 s]", "END", "VALUE k 0 5", "FALSE", "END") + Self.met + lines("END"))
    #expect(rig.got(d) == lines("END"))
    #expect(rig.count(.integrityFailures) == 0)
  }

  /// Older servers do not, and a newer one beside them is not sent such a request.
  @Test(arguments: ["stats c 1 0", "stats d d", "stats det on"])
  func aDumpByAPrefixOfItsNameIsAnErrorWithOldServers(_ request: String) {
    let rig = Rig(["a", "b"], isAccepting: false)
    let c = rig.open()
    rig.accept(rig.connection("a"), version: "1.6.18")
    rig.accept(rig.connection("b"), version: "1.6.45")
    rig.say(c, request)
    #expect(rig.asked("a") + rig.asked("b") == "")
    #expect(rig.got(c) == lines("ERROR"))
  }

  /// Bytes in a key that would be taken for replies without a fence.
  static let forged = [
    "x [1 b; 0 s]\r\nEND\r\nVALUE k 0 5\r\nFALSE\r\nEND",
    "\r\nEND\r\nNF O1\r\nVALUE k 0 5\r\nFALSE\r\nEND\r\n",
    "END\r\nNF O\r\nVALUE k 0 5\r\nFALSE\r\nEND\r\nNF O7\r\nNF O777\r\nNF",
    "ERROR\r\nSERVER_ERROR out of memory\r\nNF Q77\r\n\n\n",
    "md 77 O78\r\nNFO77",
  ]

  @Test(arguments: forged)
  func noBytesOfADumpedKeyAreTakenForAnotherReply(_ key: String) {
    let dump = "ITEM a [1 b; 0 s]\r\nITEM \(key) [0 b; 0 s]\r\nITEM z [1 b; 0 s]\r\nEND\r\n"
    let answer = dump + Self.met + lines("VALUE k 0 4", "true", "END")
    for size in [1, 7, 20, answer.utf8.count] {
      let rig = Rig(["a"])
      let (c, d) = (rig.open(), rig.open())
      rig.say(c, "stats cachedump 1 0")
      rig.say(d, "get k")
      _ = rig.asked("a")
      var rest = Array(answer.utf8)[...]
      while !rest.isEmpty {
        rig.send(from: "a", String(decoding: rest.prefix(size), as: UTF8.self))
        rest = rest.dropFirst(size)
      }
      #expect(rig.got(d) == lines("VALUE k 0 4", "true", "END"))
      let got = rig.got(c)
      #expect(got.hasPrefix(lines("ITEM a [1 b; 0 s]")) && got.hasSuffix(lines("ITEM z [1 b; 0 s]", "END")))
      for line in got.split(separator: "\r\n").dropLast() {
        #expect(line.hasPrefix("ITEM ") && line.hasSuffix(" s]"), "\(line)")
      }
      #expect(rig.count(.integrityFailures) == 0)
      for one in [c, d] { rig.hangUp(one) }
      #expect(rig.leak == nil)
    }
  }

  @Test func aLateDumpIsDiscardedUpToItsFence() {
    let rig = Rig(["a"])
    // The server is slow on all connections.
    rig.isAccepting = false
    let (c, d) = (rig.open(), rig.open())
    rig.say(c, "stats cachedump 1 0")
    _ = rig.asked("a")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: 1 of 1 servers did not answer"))
    rig.say(d, "get k")
    _ = rig.asked("a")
    rig.send(from: "a", lines("ITEM x [1 b; 0 s]", "END", "VALUE k 0 1", "x", "END") + Self.met)
    #expect(rig.waiting(for: d) == "")
    rig.send(from: "a", lines("END"))
    #expect(rig.got(d) == lines("END"))
    #expect(rig.count(.lateReplies) == 1)
  }

  @Test func aDumpWithoutItsFenceTimesOut() {
    let rig = Rig(["a"])
    let connection = rig.connection("a")
    let c = rig.open()
    rig.say(c, "stats cachedump 1 0")
    rig.reply("a", "ITEM x [1 b; 0 s]", "END", "NF O78")
    #expect(rig.waiting(for: c) == "")
    rig.advance(.milliseconds(500))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: 1 of 1 servers did not answer"))
    rig.advance(.milliseconds(500))
    #expect(rig.effects.contains(.disconnect(connection: connection)))
  }

  @Test func anEndlessDumpIsCutOff() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "stats cachedump 1 0")
    _ = rig.asked("a")
    let row = String(repeating: "ITEM x [1 b; 0 s]\r\n", count: 60_000)
    for _ in 0..<8 { rig.send(from: "a", row) }
    #expect(rig.count(.integrityFailures) == 1)
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: 1 of 1 servers did not answer"))
  }

  @Test func aServersErrorToADumpIsForwarded() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "stats cachedump 1 0")
    rig.reply("a", "CLIENT_ERROR stats cachedump not allowed", "NF O77")
    #expect(rig.got(c) == lines("CLIENT_ERROR stats cachedump not allowed"))
  }

  @Test func aDumpIsNotSentToAServerWithoutMetaCommands() {
    let rig = Rig(["a"], isAccepting: false)
    let c = rig.open()
    rig.accept(rig.connection("a"), version: "1.5.22")
    rig.say(c, "stats cachedump 1 0", "get k")
    #expect(rig.asked("a") == lines("get k"))
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: 1 of 1 servers did not answer"))
    rig.send(from: "a", lines("END"))
    #expect(rig.got(c) == lines("END"))
  }
}
