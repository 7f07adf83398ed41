import Stats
import TestSupport
import Testing

struct MergedStatsTests {
  @Test func mergedRowsFollowTheOrderOfTheFirstServer() {
    let output = merged(
      .general,
      [
        answer("STAT pid 1", "STAT curr_items 5", "STAT cmd_get 1"),
        answer("STAT cmd_get 2", "STAT new_one 9", "STAT curr_items 7"),
      ], of: 3)
    #expect(
      output == [
        "STAT pid 4711", "STAT curr_items 12", "STAT cmd_get 3", "STAT new_one 9",
        "STAT ringroad_servers_answered 2/3", "END",
      ])
  }

  @Test func slabClassOfOneServerIsSortedIntoTheMergedRows() {
    let output = merged(
      .slabs,
      [
        answer("STAT 1:get_hits 1", "STAT 8:get_hits 2", "STAT active_slabs 2", "STAT total_malloced 10"),
        answer("STAT 5:get_hits 3", "STAT 8:get_hits 4", "STAT active_slabs 2", "STAT total_malloced 20"),
      ])
    #expect(
      output == [
        "STAT 1:get_hits 1", "STAT 5:get_hits 3", "STAT 8:get_hits 6", "STAT active_slabs 3",
        "STAT total_malloced 30", "END",
      ])
  }

  @Test func itemSizesAreSortedAndSummed() {
    let output = merged(.sizes, [answer("STAT 96 3", "STAT 320 1"), answer("STAT 128 1", "STAT 96 4")])
    #expect(output.prefix(3) == ["STAT 96 7", "STAT 128 1", "STAT 320 1"])
  }

  @Test func connectionsOfDifferentServersHaveDifferentNumbers() {
    let one = answer("STAT 23:addr tcp:a", "STAT 24:addr tcp:b", "STAT 24:state conn_read")
    let output = merged(.conns, [one, one, one])
    #expect(
      output == [
        "STAT 23:addr tcp:a", "STAT 24:addr tcp:b", "STAT 24:state conn_read",
        "STAT 48:addr tcp:a", "STAT 49:addr tcp:b", "STAT 49:state conn_read",
        "STAT 73:addr tcp:a", "STAT 74:addr tcp:b", "STAT 74:state conn_read",
        "END",
      ])
  }

  @Test func connectionsShowWhoseTheyAre() {
    var stats = MergedStats(kind: .conns, ownPID: 1)
    stats.add([
      ConnectedClient(
        address: "tcp:10.0.0.7:4711", listener: "tcp:10.0.0.1:11211", state: .waitingForServers,
        idleSeconds: 3, worker: 0),
      ConnectedClient(
        address: "unix:/run/r", listener: "unix:/run/r", state: .reading, idleSeconds: nil, worker: 1),
    ])
    let one = answer("STAT 23:addr tcp:a", "STAT 23:state conn_read", "STAT 24:addr tcp:b")
    for label in ["10.0.0.2:11211", "cache b"] {
      // SAFETY: every byte of an array is initialised.
      unsafe stats.add(one.span.bytes, of: label)
    }
    #expect(
      lines(stats.rendered(of: 2)) == [
        "STAT 1:addr tcp:10.0.0.7:4711", "STAT 1:listen_addr tcp:10.0.0.1:11211",
        "STAT 1:state conn_io_queue", "STAT 1:secs_since_last_cmd 3", "STAT 1:worker 0",
        "STAT 2:addr unix:/run/r", "STAT 2:listen_addr unix:/run/r", "STAT 2:state conn_read",
        "STAT 2:worker 1",
        "STAT 26:server 10.0.0.2:11211", "STAT 26:addr tcp:a", "STAT 26:state conn_read",
        "STAT 27:server 10.0.0.2:11211", "STAT 27:addr tcp:b",
        "STAT 51:server cache_b", "STAT 51:addr tcp:a", "STAT 51:state conn_read",
        "STAT 52:server cache_b", "STAT 52:addr tcp:b", "END",
      ])
  }

  /// collectd drops a row of more than three words; pymemcache takes the third word for the value.
  @Test func listOfDifferentValuesHasNoBlanks() {
    let values = (1...20).map { answer("STAT tcpport \(11210 + $0)", "STAT inter a b\($0)") }
    for row in merged(.settings, values).dropLast() {
      #expect(row.split(separator: " ").count == 3, "\(row)")
    }
    #expect(
      merged(.settings, Array(values[..<2]))[..<2] == ["STAT tcpport 11211,11212", "STAT inter a_b1,a_b2"])
    // A value on which all servers agree is shown as they write it.
    #expect(merged(.settings, [values[0], values[0]])[1] == "STAT inter a b1")
    #expect(merged(.settings, values)[0].hasSuffix(",11226,..."))
  }

  /// python-memcached's `get_slab_stats` splits each name at its colons and fails on a name without one.
  @Test(arguments: [
    (StatsKind.items, "items:1:number"), (.slabs, "1:chunk_size"), (.sizes, "96"), (.conns, "23:addr"),
  ])
  func numberedStatsHaveNoAdditionalRows(kind: StatsKind, name: String) {
    var limits = MergeLimits()
    limits.rows = 1
    let two = answer("STAT \(name) 1", "STAT 2:of:more 1")
    #expect(merged(kind, [two], of: 2, limits: limits) == ["STAT \(name) 1", "END"])
  }

  @Test func statValueMayContainSpacesOrBeMissing() {
    let output = merged(.general, [answer("STAT a b c", "STAT d", "STAT e ")])
    #expect(output.prefix(3) == ["STAT a b c", "STAT d ", "STAT e "])
  }

  @Test func cachedumpListsItemsOfAllServersUpToTheLimit() {
    let one = answer("ITEM a [3 b; 0 s]", "ITEM b [3 b; 0 s]")
    let two = answer("ITEM c [3 b; 0 s]")
    #expect(
      merged(.cachedump(limit: 0), [one, two])
        == ["ITEM a [3 b; 0 s]", "ITEM b [3 b; 0 s]", "ITEM c [3 b; 0 s]", "END"])
    #expect(merged(.cachedump(limit: 2), [one, two]) == ["ITEM a [3 b; 0 s]", "ITEM b [3 b; 0 s]", "END"])
  }

  static let longKey = String(repeating: "k", count: 250)

  @Test(arguments: [
    ("ITEM k [0 b; 18446744073709551615 s]", true), ("ITEM \(longKey) [1 b; 0 s]", true),
    ("ITEM a\tb\u{1}\u{7f}ü [1 b; 0 s]", true), ("ITEM [1 [1 b; 0 s]", true),
    ("ITEM k\(longKey) [1 b; 0 s]", false), ("ITEM  [1 b; 0 s]", false), ("ITEM a b [1 b; 0 s]", false),
    ("ITEM a\rb [1 b; 0 s]", false), ("ITEM a\0b [1 b; 0 s]", false), ("ITEM a", false), ("ITEM a [", false),
    ("ITEM a [1 b; 0 s] ", false), ("ITEM a [1 b; 0 s", false), ("ITEM a [1 b; s]", false),
    ("ITEM a [ b; 0 s]", false), ("ITEM a [-1 b; 0 s]", false), ("ITEM a [1 b;0 s]", false),
    ("ITEM a [1 b; ", false), ("ITEM a [1", false), ("item a [1 b; 0 s]", false), ("END", false), ("", false),
    ("VALUE a 0 1", false), ("STAT a 1", false),
  ])
  func cachedumpListsOnlyTextKeys(_ row: String, _ isListed: Bool) {
    let output = merged(.cachedump(limit: 0), [answer("ITEM a [1 b; 0 s]", row)])
    #expect(output.count == (isListed ? 3 : 2))
    #expect(!isListed || output[1] == row)
  }

  @Test func detailDumpIsSummedByPrefix() {
    let output = merged(
      .detailDump,
      [
        answer("PREFIX user get 5 hit 3 set 2 del 0", "PREFIX  get 1 hit 0 set 0 del 0"),
        answer(
          "PREFIX page get 1 hit 1 set 1 del 1", "PREFIX user get 1 hit 1 set 1 del 18446744073709551615"),
        answer("PREFIX user get 1 hit 1 set 1 del 1", "PREFIX user get x hit 1 set 1 del 1", "STAT a 1"),
      ])
    #expect(
      output == [
        "PREFIX user get 7 hit 5 set 4 del 18446744073709551615", "PREFIX  get 1 hit 0 set 0 del 0",
        "PREFIX page get 1 hit 1 set 1 del 1", "END",
      ])
  }

  @Test(arguments: [
    (StatsKind.reset, ["RESET\r\n", "RESET\r\n"], "RESET"),
    (.reset, ["RESET\n", "RESET\r\n"], "RESET"),
    (.reset, ["RESET\r\n", "ERROR\r\n"], "SERVER_ERROR ringroad: 1 of 2 servers did not answer"),
    (.reset, ["RESET\r\n", "RESET"], "SERVER_ERROR ringroad: 1 of 2 servers did not answer"),
    (.reset, ["OK\r\n", "RESET\r\nRESET\r\n"], "SERVER_ERROR ringroad: 2 of 2 servers did not answer"),
    (.detailSwitch, ["OK\r\n", "OK\r\n"], "OK"),
    (
      .detailSwitch, ["CLIENT_ERROR usage: stats detail on|off|dump\r\n", "ERROR\r\n"],
      "CLIENT_ERROR usage: stats detail on|off|dump"
    ),
    (.other, ["ERROR\r\n", "ERROR\r\n"], "ERROR"),
    (.general, ["", "junk\r\n"], "SERVER_ERROR ringroad: 2 of 2 servers did not answer"),
    (.general, ["STAT a 1\r\n", "END"], "SERVER_ERROR ringroad: 2 of 2 servers did not answer"),
    (.general, ["STAT a ENDEND\r\n", "XEND\r\n"], "SERVER_ERROR ringroad: 2 of 2 servers did not answer"),
    (.cachedump(limit: 1), ["CLIENT_ERROR bad command line\r\n"], "CLIENT_ERROR bad command line"),
  ])
  func oneLineStatsAnswersAreMergedIntoOneLine(_ kind: StatsKind, _ answers: [String], _ expected: String) {
    #expect(merged(kind, answers.map { Array($0.utf8) }) == [expected])
  }

  @Test func statsResetWithoutServersIsAnError() {
    #expect(merged(.reset, []) == ["SERVER_ERROR ringroad: 0 of 0 servers did not answer"])
  }

  @Test func errorOfOneServerDoesNotHideRowsOfOthers() {
    let output = merged(.general, [Array("SERVER_ERROR out of memory\r\n".utf8), answer("STAT cmd_get 1")])
    #expect(output == ["STAT cmd_get 1", "STAT ringroad_servers_answered 1/2", "END"])
  }

  @Test func truncatedStatsAnswerIsNotMerged() {
    let whole = answer("STAT cmd_get 1", "STAT cmd_set 2")
    for cut in 0..<whole.count {
      var stats = MergedStats(kind: .general, ownPID: 1)
      let isTaken = stats.take(Array(whole[..<cut]))
      #expect(!isTaken, "cut at \(cut)")
      #expect(stats.answered == 0)
    }
    var stats = MergedStats(kind: .general, ownPID: 1)
    let isTaken = stats.take(whole)
    #expect(isTaken)
  }

  @Test func malformedStatsLinesAreDroppedAndCounted() {
    let output = merged(.general, [answer("STAT cmd_get 1", "VALUE x 0 0", "STAT", "STAT ", "STAT  1", "")])
    #expect(
      output == [
        "STAT cmd_get 1", "STAT ringroad_servers_answered 1/1", "STAT ringroad_rows_dropped 5", "END",
      ])
  }

  @Test func controlBytesInAStatCannotFormALine() {
    let output = merged(.general, [answer("STAT a\rEND 1\u{0}2", "STAT b \u{7f}\r")])
    #expect(output.prefix(2) == ["STAT a?END 1?2", "STAT b ??"])
  }

  @Test func mergeLimitsBoundRowsBytesAndLines() {
    var limits = MergeLimits()
    limits.rows = 2
    let rows = answer("STAT a 1", "STAT b 2", "STAT c 3")
    #expect(
      merged(.general, [rows, rows], limits: limits) == [
        "STAT a 2", "STAT b 4", "STAT ringroad_servers_answered 2/2", "STAT ringroad_rows_dropped 2", "END",
      ])
    limits = MergeLimits()
    limits.bytes = 16
    #expect(
      merged(.general, [rows], limits: limits) == [
        "STAT a 1", "STAT b 2", "STAT ringroad_servers_answered 1/1", "STAT ringroad_rows_dropped 1", "END",
      ])
    limits = MergeLimits()
    limits.line = 8
    #expect(merged(.general, [answer("STAT a 1", "STAT a 11")], limits: limits)[0] == "STAT a 1")
    limits.line = 17
    limits.rows = 1
    let items = answer("ITEM a [1 b; 0 s]", "ITEM b [1 b; 0 s]")
    #expect(merged(.cachedump(limit: 0), [items, items], limits: limits) == ["ITEM a [1 b; 0 s]", "END"])
    #expect(merged(.conns, [answer("STAT 1:a", "STAT 2:b")], limits: limits)[0] == "STAT 1:a ")
  }

  /// Answers made of relevant pieces, shuffled and damaged: for any input the output is whole lines of the right
  /// shape with one terminator.
  @Test(arguments: 0..<200 as Range<UInt64>)
  func hostileServerAnswersNeverBreakTheMergedAnswer(seed: UInt64) {
    var random = Seeded(seed)
    let kinds: [StatsKind] = [
      .general, .items, .slabs, .sizes, .settings, .conns, .reset, .detailSwitch, .detailDump,
      .cachedump(limit: 3), .other,
    ]
    let pieces = [
      "STAT ", "STAT pid 1", "END\r\n", "END", "\r\n", "\n", "\r", "\0", " ", "items:", "1:", ":", "9",
      "18446744073709551615", "-1", "1.5", "rusage_user ", "uptime ", "version 1.", "PREFIX a get 1",
      " hit 1 set 1 del 1", "ITEM k [1 b]", "RESET\r\n", "OK\r\n", "ERROR\r\n", "SERVER_ERROR x\r\n",
      "\u{ff}",
    ]
    for kind in kinds {
      var stats = MergedStats(kind: kind, ownPID: 1)
      for _ in 0..<4 {
        var bytes: [UInt8] = []
        for _ in 0..<random.below(40) { bytes += pieces[random.below(pieces.count)].utf8 }
        for _ in 0..<random.below(3) where !bytes.isEmpty {
          bytes[random.below(bytes.count)] = UInt8(random.below(256))
        }
        if random.below(4) > 0 { bytes += "\r\nEND\r\n".utf8 }
        stats.take(bytes)
      }
      let output = stats.rendered(of: 4)
      let shown = lines(output)
      #expect(!output.contains(0))
      #expect(shown.filter { $0 == "END" }.count <= 1)
      for (i, line) in shown.enumerated() {
        #expect(!line.contains("\r") && !line.contains("\n"))
        let isLast = i == shown.count - 1
        let isRow = line.hasPrefix("STAT ") || line.hasPrefix("ITEM ") || line.hasPrefix("PREFIX ")
        #expect(isRow != isLast, "seed \(seed) \(kind): \(line)")
      }
    }
  }
}

/// Random numbers determined by a seed (xorshift).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
}

struct ServersListingTests {
  @Test func statsServersHasABlockForEveryServer() {
    var listing = ServersListing()
    listing.take(label: "10.0.0.1:11211", bytes: answer("STAT pid 1", "STAT cmd_get 12"))
    listing.add(label: "cache b", failure: "timed out")
    listing.take(label: "c\r\n", bytes: Array("ERROR\r\n".utf8))
    #expect(
      lines(listing.rendered()) == [
        "STAT 10.0.0.1:11211:pid 1", "STAT 10.0.0.1:11211:cmd_get 12",
        "STAT cache_b:ringroad_error timed out", "STAT c__:ringroad_error no stats in its answer", "END",
      ])
  }

  @Test func statsServersAnswerIsBounded() {
    var limits = MergeLimits()
    limits.rows = 2
    var listing = ServersListing(limits: limits)
    listing.take(label: "a", bytes: answer("STAT x 1", "STAT y 1", "STAT z 1"))
    #expect(lines(listing.rendered()) == ["STAT a:x 1", "STAT a:y 1", "END"])
  }
}
