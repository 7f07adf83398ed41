import Bytes
import Stats
import Testing

@testable import Proxy

/// `lru_crawler metadump` and `mgdump`: the lists of all servers, one after the other.
@Suite struct KeyDumpTests {
  private static let command = "lru_crawler metadump all"

  private func rig(_ names: [String] = ["a", "b"], _ change: (inout Limits) -> Void = { _ in }) -> Rig {
    var limits = Limits()
    change(&limits)
    return Rig(names, limits: limits)
  }

  /// The private connection on which a server was asked, and what it was asked.
  private func listing(_ rig: Rig) throws -> (connection: Ref<ServerConnection>, asked: String) {
    let asked = rig.privateConnections.map { (connection: $0, asked: rig.asked($0)) }
    return try #require(asked.first { !$0.asked.isEmpty })
  }

  @Test(arguments: [(command, "key=", "END"), ("lru_crawler mgdump hash", "mg ", "EN")])
  func theListsOfAllServersBecomeOne(_ command: String, _ start: String, _ end: String) throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, command, "mn")
    for name in ["one", "two"] {
      let (l, asked) = try listing(rig)
      #expect(asked == lines(command))
      // A partial line is not passed on.
      rig.send(from: l, "\(start)\(name)\n\(start)\(name)")
      #expect(rig.got(c) == "\(start)\(name)\n")
      rig.send(from: l, "-2\n\(end)\r\n")
      #expect(rig.got(c).hasPrefix("\(start)\(name)-2\n"))
    }
    #expect(rig.waiting(for: c) == "")
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// The client's next request is answered behind the list.
  @Test func whatFollowsAListIsAnsweredBehindIt() throws {
    let rig = rig(["a"])
    let c = rig.open()
    rig.say(c, Self.command, "mn")
    #expect(rig.got(c) == "")
    let (l, _) = try listing(rig)
    rig.send(from: l, "END\r\n")
    #expect(rig.got(c) == lines("END", "MN"))
  }

  @Test func noOtherRequestWaitsForAList() throws {
    let rig = rig()
    let (c, other) = (rig.open(), rig.open())
    rig.say(c, Self.command)
    _ = try listing(rig)
    let key = rig.key(on: "a")
    rig.say(other, "get \(key)")
    rig.reply("a", "END")
    #expect(rig.got(other) == lines("END"))
    rig.hangUp(c)
    rig.hangUp(other)
    #expect(rig.leak == nil)
  }

  /// A list with a part missing must not look like a whole one.
  @Test(
    arguments: [
      (
        "ERROR\r\n", "refuses to list its keys: does it know the command, and is its LRU crawler on and idle?"
      ),
      (
        "BUSY currently processing crawler request\r\n",
        "refuses to list its keys: does it know the command, and is its LRU crawler on and idle?"
      ),
      (
        "CLIENT_ERROR lru crawler disabled\r\n",
        "refuses to list its keys: does it know the command, and is its LRU crawler on and idle?"
      ),
    ])
  func aServerThatRefusesEndsTheListWithAnErrorAndTheConnection(_ reply: String, _ words: String) throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, Self.command)
    let (first, _) = try listing(rig)
    rig.send(from: first, "key=x\nEND\r\n")
    let (second, _) = try listing(rig)
    rig.send(from: second, "key=y\n" + reply)
    #expect(rig.got(c) == "key=x\nkey=y\n" + lines("SERVER_ERROR ringroad: b:11211 \(words)"))
    #expect(rig.closed == [c])
    #expect(rig.leak == nil)
  }

  @Test func aServerThatIsOutEndsTheListAtOnce() throws {
    let rig = rig()
    let c = rig.open()
    rig.set(.ejected, "b")
    rig.say(c, Self.command)
    let (l, _) = try listing(rig)
    rig.send(from: l, "END\r\n")
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: b:11211 down"))
    #expect(rig.closed == [c])
  }

  @Test func aServerThatFallsSilentEndsTheListAfterTenSeconds() throws {
    let rig = rig(["a"])
    let c = rig.open()
    rig.say(c, Self.command)
    let (l, _) = try listing(rig)
    rig.send(from: l, "key=x\n")
    for _ in 0..<9 { rig.advance(.seconds(1)) }
    #expect(rig.got(c) == "key=x\n")
    for _ in 0..<2 { rig.advance(.seconds(1)) }
    #expect(rig.got(c) == lines("SERVER_ERROR ringroad: a:11211 timed out"))
    #expect(rig.closed == [c])
  }

  /// A client that reads slowly holds up the server, not the memory.
  @Test func aSlowReaderHoldsUpTheServer() throws {
    let rig = rig(["a"]) { $0.ahead = 200 }
    let c = rig.open()
    rig.say(c, Self.command)
    let (l, _) = try listing(rig)
    rig.send(from: l, String(repeating: "key=\(String(repeating: "k", count: 90))\n", count: 400))
    #expect(rig.pausedConnections == [l])
    _ = rig.got(c)
    #expect(rig.pausedConnections == [])
    rig.send(from: l, "END\r\n")
    #expect(rig.got(c) == lines("END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aClientThatLeavesEndsItsList() throws {
    let rig = rig()
    let c = rig.open()
    rig.say(c, Self.command)
    let (l, _) = try listing(rig)
    rig.hangUp(c)
    rig.tick()
    #expect(!rig.isOpen(connection: l))
    #expect(rig.leak == nil)
  }

  @Test func aListWithoutServersIsEmpty() throws {
    let rig = rig(["a"])
    let c = rig.open()
    rig.say(c, Self.command)
    let (l, _) = try listing(rig)
    rig.send(from: l, "END\r\n")
    #expect(rig.got(c) == lines("END"))
    rig.say(c, "lru_crawler enable", "lru_crawler metadump 1;2", "lru_crawler metadump")
    #expect(rig.got(c).split(separator: "\n").allSatisfy { $0.hasPrefix("CLIENT_ERROR") })
  }
}
