import Foundation
import Testing

@testable import Proxy

/// One request, one reply: where requests are routed, and that replies return in order.
@Suite struct ForwardingTests {
  @Test func aRequestReachesTheKeysServerAndItsAnswerTheClient() {
    let rig = Rig()
    let c = rig.open()
    let key = rig.key(on: "b")
    rig.say(c, "get \(key)")
    #expect(rig.asked("b") == lines("get \(key)"))
    #expect(rig.asked("a") == "")
    rig.reply("b", "VALUE \(key) 7 3", "abc", "END")
    #expect(rig.got(c) == lines("VALUE \(key) 7 3", "abc", "END"))
  }

  /// A request, the bytes sent to the server, and a reply that is forwarded unchanged.
  static let requests: [(said: String, sent: String, reply: String)] = [
    ("get k", "get k\r\n", "END\r\n"),
    ("gets k", "gets k\r\n", "VALUE k 1 2 99\r\nhi\r\nEND\r\n"),
    ("gat 10 k", "gat 10 k\r\n", "VALUE k 1 0\r\n\r\nEND\r\n"),
    ("gats 0 k", "gats 0 k\r\n", "VALUE k 1 2 18446744073709551615\r\nhi\r\nEND\r\n"),
    ("set k 5 0 2\r\nhi", "set k 5 0 2\r\nhi\r\n", "STORED\r\n"),
    ("set k 5 -1 0\r\n", "set k 5 -1 0\r\n\r\n", "STORED\r\n"),
    ("add k 0 0 2\r\nhi", "add k 0 0 2\r\nhi\r\n", "NOT_STORED\r\n"),
    ("replace k 0 0 2\r\nhi", "replace k 0 0 2\r\nhi\r\n", "NOT_STORED\r\n"),
    ("append k 0 0 2\r\nhi", "append k 0 0 2\r\nhi\r\n", "STORED\r\n"),
    ("prepend k 0 0 2\r\nhi", "prepend k 0 0 2\r\nhi\r\n", "STORED\r\n"),
    ("cas k 0 0 2 77\r\nhi", "cas k 0 0 2 77\r\nhi\r\n", "EXISTS\r\n"),
    ("delete k", "delete k\r\n", "DELETED\r\n"),
    ("delete k 0", "delete k\r\n", "NOT_FOUND\r\n"),
    // A server that takes the last word for the noreply option would not reply.
    ("delete noreply", "delete noreply 0\r\n", "DELETED\r\n"),
    ("delete noreply 0", "delete noreply 0\r\n", "NOT_FOUND\r\n"),
    ("touch k 30\rx", "touch k 30\r\n", "TOUCHED\r\n"),
    ("get k\0x", "get k\r\n", "END\r\n"),
    ("get k \rx", "get k\r\n", "END\r\n"),
    ("incr k 5", "incr k 5\r\n", "6\r\n"),
    ("decr k 5", "decr k 5\r\n", "1 \r\n"),
    ("touch k 30", "touch k 30\r\n", "TOUCHED\r\n"),
    ("  get   k  ", "get k\r\n", "END\r\n"),
    ("set  k +5 0 2\r\nhi", "set k 5 0 2\r\nhi\r\n", "STORED\r\n"),
    ("get k", "get k\r\n", "SERVER_ERROR out of memory\r\n"),
    ("incr k 1", "incr k 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"),
  ]

  @Test(arguments: requests)
  func aRequestAndItsReplyAreForwarded(_ row: (said: String, sent: String, reply: String)) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, row.said)
    #expect(rig.asked("a") == row.sent)
    rig.send(from: "a", row.reply)
    #expect(rig.got(c) == row.reply)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  /// Runs of gets are routed together. Each get reaches its key's server in order, whatever is between them; adjacent
  /// gets are merged into one line, as long as that is short.
  @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 33, 100], [0, 1, 7])
  func everyGetOfARunReachesItsKeysServer(count: Int, setsEvery: Int) {
    let rig = Rig()
    let c = rig.open()
    var said: [(line: String, owner: String)] = []
    for i in 0..<count {
      let key = "run:\(i):" + String(repeating: "k", count: i * 7 % 90)
      let isSet = setsEvery > 0 && i % (setsEvery + 1) == setsEvery
      said.append((isSet ? "set \(key) 0 0 1\r\nv" : "get \(key)", rig.owner(of: key)))
    }
    rig.send(c, lines(said.map(\.line)))
    for name in ["a", "b", "c"] {
      var expected: [String] = []
      for (line, owner) in said where owner == name {
        if let last = expected.last, last.hasPrefix("get"), line.hasPrefix("get"), last.utf8.count + 2 < 1024
        {
          expected[expected.count - 1] += line.dropFirst(3)
        } else {
          expected.append(line)
        }
      }
      #expect(rig.asked(name) == lines(expected))
      for line in expected { rig.reply(name, line.hasPrefix("set") ? "STORED" : "END") }
    }
    #expect(rig.got(c) == lines(said.map { $0.line.hasPrefix("set") ? "STORED" : "END" }))
    let gets = said.count { $0.line.hasPrefix("get") }
    #expect(rig.count(.getRequests) == gets && rig.count(.keysRequested) == gets)
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aRunOfGetsStopsAtTheClientsRequestLimit() {
    var limits = Limits()
    limits.clientRequests = 21
    let rig = Rig(["a", "b", "c"], limits: limits)
    let c = rig.open()
    rig.send(c, lines((0..<50).map { "get key-\($0)" }))
    #expect(rig.count(.getRequests) == 21)
    #expect(rig.paused == [c])
  }

  @Test(arguments: requests)
  func requestsAndRepliesInSingleBytesAreForwarded(_ row: (said: String, sent: String, reply: String)) {
    let rig = Rig(["a"])
    let c = rig.open()
    var sent = ""
    for byte in lines(row.said).utf8 {
      rig.send(c, String(decoding: [byte], as: UTF8.self))
      sent += rig.asked("a", atMost: 1)
    }
    while true {
      let more = rig.asked("a", atMost: 1)
      if more.isEmpty { break }
      sent += more
    }
    #expect(sent == row.sent)
    var got = ""
    for byte in row.reply.utf8 {
      rig.send(from: "a", String(decoding: [byte], as: UTF8.self))
      got += rig.got(c, atMost: 1)
    }
    while !rig.waiting(for: c).isEmpty { got += rig.got(c, atMost: 1) }
    #expect(got == row.reply)
  }

  @Test func repliesAreReturnedInRequestOrder() {
    let rig = Rig()
    let c = rig.open()
    let (a, b, d) = (rig.key(on: "a"), rig.key(on: "b"), rig.key(on: "c"))
    rig.say(c, "get \(a)", "get \(b)", "get \(d)")
    rig.reply("c", "VALUE \(d) 0 1", "3", "END")
    rig.reply("b", "VALUE \(b) 0 1", "2", "END")
    #expect(rig.waiting(for: c) == "")
    rig.reply("a", "VALUE \(a) 0 1", "1", "END")
    #expect(
      rig.got(c)
        == lines(
          "VALUE \(a) 0 1", "1", "END", "VALUE \(b) 0 1", "2", "END", "VALUE \(d) 0 1", "3", "END"))
  }

  @Test func clientsThatShareAServerConnectionGetTheirOwnReplies() {
    let rig = Rig(["a"])
    let first = rig.open()
    let second = rig.open()
    rig.say(first, "get one")
    rig.say(second, "get two", "get three")
    rig.say(first, "delete four")
    #expect(rig.asked("a") == lines("get one two three", "delete four"))
    rig.reply("a", "VALUE one 0 1", "1", "VALUE three 0 1", "3", "END", "NOT_FOUND")
    #expect(rig.got(first) == lines("VALUE one 0 1", "1", "END", "NOT_FOUND"))
    #expect(rig.got(second) == lines("END", "VALUE three 0 1", "3", "END"))
  }

  @Test func aValueMayContainProtocolText() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, "set k 0 0 9\r\n\r\nEND\r\nxx\r\nget k\r\n")
    #expect(rig.asked("a") == "set k 0 0 9\r\n\r\nEND\r\nxx\r\nget k\r\n")
    rig.send(from: "a", "STORED\r\nVALUE k 0 9\r\n\r\nEND\r\nxx\r\nEND\r\n")
    #expect(rig.got(c) == "STORED\r\nVALUE k 0 9\r\n\r\nEND\r\nxx\r\nEND\r\n")
  }

  /// A bad request and its answer; the requests behind it still work.
  static let refusals: [(said: String, answer: String)] = [
    ("\r\n", "ERROR\r\n"),
    ("get\r\n", "ERROR\r\n"),
    ("nonsense k\r\n", "ERROR\r\n"),
    ("get \(String(repeating: "x", count: 251))\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ("set k 0 0 x\r\n", "CLIENT_ERROR bad command line format\r\n"),
    ("set k 0 0 2\r\nhixy", "CLIENT_ERROR bad data chunk\r\n"),
    ("incr k x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n"),
    ("touch k x\r\n", "CLIENT_ERROR invalid exptime argument\r\n"),
    (
      "delete k 5\r\n",
      "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
    ),
    (
      "shutdown\r\n",
      "CLIENT_ERROR ringroad does not pass this command on: ask the server itself\r\n"
    ),
    ("mn\r\n", "MN\r\n"),
    ("verbosity 1\r\n", "OK\r\n"),
  ]

  @Test(arguments: refusals)
  func theProxysOwnAnswersKeepTheirPlace(_ row: (said: String, answer: String)) {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.send(c, "get one\r\n" + row.said + "get two\r\n")
    #expect(rig.asked("a") == lines("get one two"))
    #expect(rig.waiting(for: c) == "", "the first request is not answered yet")
    rig.reply("a", "VALUE two 0 1", "2", "END")
    #expect(rig.got(c) == "END\r\n" + row.answer + lines("VALUE two 0 1", "2", "END"))
    rig.hangUp(c)
    #expect(rig.leak == nil)
  }

  @Test func aTooLargeValueIsDiscardedAndItsKeyDeleted() {
    var limits = Limits()
    limits.maxValue = 10
    let rig = Rig(["a"], limits: limits)
    let c = rig.open()
    rig.send(c, "set k 0 0 11\r\nhello")
    rig.send(c, " world\r\nget k\r\n")
    #expect(rig.got(c) == "SERVER_ERROR object too large for cache\r\n")
    #expect(rig.asked("a") == lines("delete k", "get k"))
  }

  @Test func anHTTPClientIsClosed() {
    let rig = Rig(["a"])
    let c = rig.open()
    rig.say(c, "GET / HTTP/1.1", "set k 0 0 1", "x")
    #expect(rig.closed == [c])
    #expect(rig.asked("a") == "")
  }

  @Test func aClientsRequestsToOneServerAlwaysTakeTheSameConnection() {
    let rig = Rig(["a"]) { $0.connections = 3 }
    let clients = (0..<6).map { _ in rig.open() }
    for round in 0..<3 {
      for c in clients { rig.say(c, "set k\(c) 0 0 1", "\(round)") }
    }
    let connections = rig.connections("a")
    let texts = connections.map { rig.asked($0) }
    for c in clients {
      let rounds = (0..<3).map { lines("set k\(c) 0 0 1", "\($0)") }
      let places = rounds.map { round in texts.firstIndex { $0.contains(round) } }
      #expect(places.allSatisfy { $0 == Int(c.index) % 3 })
      let text = texts[Int(c.index) % 3]
      let order = rounds.compactMap { text.range(of: $0)?.lowerBound }
      #expect(order.count == 3 && order == order.sorted())
    }
  }
}
