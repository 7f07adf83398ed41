import TestSupport
import Testing

@testable import Wire

/// A stream that memcached versions parse differently, and the expected parse from each era on.
struct EraCase: CustomTestStringConvertible, Sendable {
  let input: String
  let seen: [Era: [String]]

  init(_ input: String, _ seen: [Era: [String]]) {
    self.input = input
    self.seen = seen
  }

  var testDescription: String { String(escaped(Array(input.utf8)).prefix(70)) }

  func expected(_ era: Era) -> [String] {
    let from = seen.keys.filter { $0 <= era }.max()
    return from.flatMap { seen[$0] } ?? []
  }
}

extension EraCase {
  private static let bad = "CLIENT_ERROR bad command line format"
  private static let invalid = "CLIENT_ERROR invalid flag"
  private static let badFlags = "CLIENT_ERROR invalid or duplicate flag"
  private static let badToken = "CLIENT_ERROR bad token in command line format"
  private static let usage = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"
  private static let badExptime = "CLIENT_ERROR invalid exptime argument"
  private static let badDelta = "CLIENT_ERROR invalid numeric delta argument"
  private static let wrongTokens = "CLIENT_ERROR incorrect number of tokens supplied"
  private static let long = Case.tooLongKey

  static let all: [EraCase] = reads + storage + commands + gets + sets + others

  static let reads: [EraCase] = [
    EraCase("get a\r\n", [.v1_4: ["get a"]]),
    EraCase(" get a\r\n", [.v1_4: ["get a"], .v1_6_40: ["ERROR"]]),
    EraCase("bget a\r\n", [.v1_4: ["get a"], .v1_6_40: ["ERROR"]]),
    EraCase("get\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase("get a b\0x c\r\n", [.v1_4: ["get a b"], .v1_6_40: ["get a c"]]),
    EraCase("get \0\r\nget b\r\n", [.v1_4: ["ERROR", "get b"], .v1_6_40: ["get", "get b"]]),
    EraCase("gets a\0 b\r\n", [.v1_4: ["gets a"], .v1_6_40: ["gets b"]]),
    EraCase("gat 0 a\0 b\r\n", [.v1_4: ["ERROR"], .v1_5: [bad]]),
    EraCase("get a noreply\r\n", [.v1_4: ["get a noreply"]]),
    EraCase("gat 0 a\r\n", [.v1_4: ["ERROR"], .v1_5: ["gat 0 a"]]),
    EraCase("gats 0 a b\r\n", [.v1_4: ["ERROR"], .v1_5: ["gats 0 a b"]]),
    EraCase("gat 0\r\n", [.v1_4: ["ERROR"], .v1_6_0: ["gat 0"], .v1_6_40: [bad]]),
    EraCase("gat x\r\n", [.v1_4: ["ERROR"], .v1_6_0: [badExptime], .v1_6_40: [bad]]),
    EraCase("gat x a\r\n", [.v1_4: ["ERROR"], .v1_5: [badExptime]]),
    EraCase("gat +1 a\r\n", [.v1_4: ["ERROR"], .v1_5: ["gat 1 a"], .v1_6_40: [badExptime]]),
    EraCase("gat 4000000000 a\r\n", [.v1_4: ["ERROR"], .v1_5: ["gat -294967296 a"], .v1_6_40: [badExptime]]),
    EraCase("gat 007 a\r\n", [.v1_4: ["ERROR"], .v1_5: ["gat 7 a"]]),
  ]

  static let storage: [EraCase] = [
    EraCase("set k 0 0 5\r\nget a\r\n", [.v1_4: ["set k 0 0 5|get a"]]),
    EraCase("set k 0 0 5 x y\r\nget a\r\n", [.v1_4: ["ERROR"], .v1_6_40: ["set k 0 0 5|get a"]]),
    EraCase(
      " set k 0 0 5\r\nget a\r\nmn\r\n",
      [
        .v1_4: ["set k 0 0 5|get a", "ERROR"], .v1_5: ["set k 0 0 5|get a", "EN"],
        .v1_6_0: ["set k 0 0 5|get a", "mn"], .v1_6_40: ["ERROR", "mn"],
      ]),
    EraCase(
      " set k 0 0 5 noreply\r\nget a\r\n",
      [.v1_4: ["quietly set k 0 0 5|get a"], .v1_6_40: ["quietly ERROR"]]),
    EraCase("set k x 0 5\r\nget a\r\nget b\r\n", [.v1_4: [bad, "get b"]]),
    EraCase("set k 0 x 5 noreply\r\nget a\r\nget b\r\n", [.v1_4: ["quietly \(bad)", "get b"]]),
    EraCase("set \(long) 0 0 5\r\nget a\r\nget b\r\n", [.v1_4: [bad, "get b"]]),
    EraCase("set k +1 0 1\r\nx\r\n", [.v1_4: ["set k 1 0 1|x"]]),
    EraCase("set k 0 0 +1\r\nx\r\n", [.v1_4: ["set k 0 0 1|x"], .v1_6_40: [bad]]),
    EraCase("set k 0 0 01\r\nx\r\n", [.v1_4: ["set k 0 0 1|x"]]),
    EraCase("set k 0 0 4294967297\r\nx\r\n", [.v1_4: ["set k 0 0 1|x"], .v1_6_40: [bad, bad]]),
    EraCase(
      "set k 0 0 -\r\n\r\nget a\r\n", [.v1_4: [bad, "ERROR", "get a"], .v1_6_40: ["set k 0 0 0|", "get a"]]),
    EraCase("set k - 0 1\r\nx\r\n", [.v1_4: [bad]]),
    EraCase("set k 0 0 x noreply\r\n", [.v1_4: ["quietly \(bad)"], .v1_6_40: [bad]]),
    EraCase("set k 0 0\r\nget a\r\n", [.v1_4: ["ERROR", "get a"], .v1_6_40: [bad, "get a"]]),
    EraCase("cas k 0 0 5\r\nget a\r\nget b\r\n", [.v1_4: ["ERROR", "get b"], .v1_6_40: [bad, "get b"]]),
    EraCase("cas k 0 0 1 +7\r\nx\r\n", [.v1_4: ["cas k 0 0 1 7|x"], .v1_6_40: [bad]]),
    EraCase(
      "cas k 0 0 1 7 a b noreply\r\nx\r\n",
      [.v1_4: ["cas k 0 0 1 7|x"], .v1_6_0: ["ERROR"], .v1_6_40: ["quietly cas k 0 0 1 7|x"]]),
    EraCase(
      "cas k 0 0 1 7 noreply a b\r\nx\r\n",
      [.v1_4: ["quietly cas k 0 0 1 7|x"], .v1_6_0: ["ERROR"], .v1_6_40: ["cas k 0 0 1 7|x"]]),
    EraCase("set a\tb 0 0 1\r\nx\r\n", [.v1_4: ["set a\\tb 0 0 1|x"]]),
    EraCase("set a\0b 0 0 5\r\nget a\r\nget b\r\n", [.v1_4: [bad, "get b"]]),
  ]

  static let commands: [EraCase] = [
    EraCase("\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase("x\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase("x y\r\n", [.v1_4: ["ERROR"]]),
    EraCase("foo noreply\r\n", [.v1_4: ["ERROR"], .v1_6_40: ["quietly ERROR"]]),
    EraCase("delete k x\r\n", [.v1_4: [usage], .v1_6_40: ["delete k"]]),
    EraCase("delete k a b c d\r\n", [.v1_4: ["ERROR"], .v1_6_40: ["delete k"]]),
    EraCase("delete noreply\r\n", [.v1_4: ["delete noreply"], .v1_6_40: ["quietly delete noreply"]]),
    EraCase("delete\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase("incr k +1\r\n", [.v1_4: ["incr k 1"], .v1_6_40: [badDelta]]),
    EraCase("incr k 1 a b noreply\r\n", [.v1_4: ["ERROR"], .v1_6_40: ["quietly incr k 1"]]),
    EraCase("incr k\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase("touch k 4294967296\r\n", [.v1_4: ["touch k 0"], .v1_6_40: [badExptime]]),
    EraCase("touch k -2147483648\r\n", [.v1_4: ["touch k -2147483648"]]),
    EraCase("touch k -\r\n", [.v1_4: [badExptime], .v1_6_40: ["touch k 0"]]),
    EraCase("incr k -\r\n", [.v1_4: [badDelta]]),
    EraCase(" flush_all\r\n", [.v1_4: ["flush_all"]]),
    EraCase("flush_all 0 noreply noreply\r\n", [.v1_4: ["ERROR"], .v1_6_40: ["quietly flush_all 0"]]),
    EraCase("flush_all 0 0 0\r\n", [.v1_4: ["ERROR"], .v1_6_40: ["flush_all 0"]]),
    EraCase("verbosity x\r\n", [.v1_4: ["verbosity ?"], .v1_6_0: [bad]]),
    EraCase("verbosity\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase("verbosity +1\r\n", [.v1_4: ["verbosity 1"], .v1_6_40: [bad]]),
    EraCase("version x\r\n", [.v1_4: ["ERROR"], .v1_6_0: ["version"]]),
    EraCase("quit x\r\nget a\r\n", [.v1_4: ["ERROR", "get a"], .v1_6_0: ["quit"]]),
    EraCase(" version\r\n", [.v1_4: ["version"], .v1_6_40: ["ERROR"]]),
    EraCase("mn\r\n", [.v1_4: ["ERROR"], .v1_5: ["EN"], .v1_6_0: ["mn"]]),
    EraCase("mn\n", [.v1_4: ["ERROR"], .v1_5: ["EN"], .v1_6_0: ["mn"], .v1_6_40: [bad]]),
  ]

  static let gets: [EraCase] = [
    EraCase("mg a\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [bad], .v1_6_18: ["mg a O7"]]),
    EraCase("mg a v\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: ["mg a v O7"]]),
    EraCase("mg a v t\r\n", [.v1_4: ["ERROR"], .v1_5: [wrongTokens], .v1_6_0: ["mg a v t O7"]]),
    EraCase(
      "mg YQ== b v\r\n",
      [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid], .v1_6_10: ["mg YQ== b v O7"]]),
    EraCase(
      "mg a L1 v\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid], .v1_6_10: ["mg a L1 v O7"]]),
    EraCase(
      "mg a E5\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid], .v1_6_27: ["mg a E5 O7"]]),
    EraCase(
      "mg a S5 v\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: ["mg a S5 v O7"], .v1_6_10: [invalid]]),
    EraCase("mg a -\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid], .v1_6_40: [bad]]),
    EraCase("mg a z\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid]]),
    EraCase(
      "mg a T+5\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: ["mg a T5 O7"], .v1_6_40: [badToken]]),
    EraCase(
      "mg a M12\r\n",
      [
        .v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: ["CLIENT_ERROR incorrect length for M token"],
        .v1_6_40: ["mg a M12 O7"],
      ]),
    EraCase("mg\r\n", [.v1_4: ["ERROR"], .v1_6_40: [bad]]),
    EraCase(
      " mg a v\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: ["mg a v O7"], .v1_6_40: ["ERROR"]]),
    EraCase(
      "mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1 J1\r\n",
      [
        .v1_4: ["ERROR"], .v1_5: [wrongTokens], .v1_6_0: ["CLIENT_ERROR options flags are too long"],
        .v1_6_40: ["mg a v s t c f l h k u N0 T0 R0 C0 P L M1 D1 J1"],
      ]),
    EraCase(
      "me YQ== b\r\n",
      [
        .v1_4: ["ERROR"], .v1_5: ["EN"], .v1_6_0: ["me YQ=="], .v1_6_10: ["me YQ== b b"],
        .v1_6_40: ["me YQ=="],
      ]),
    EraCase(
      "me YQ== b x\r\n", [.v1_4: ["ERROR"], .v1_5: ["EN"], .v1_6_0: ["me YQ=="], .v1_6_10: ["me YQ== b b"]]),
    EraCase("me\r\n", [.v1_4: ["ERROR"], .v1_5: ["EN"], .v1_6_10: [bad]]),
  ]

  static let sets: [EraCase] = [
    // The value is never run as commands, even by a version that does not know the command.
    EraCase(
      "ms k 11\r\nincr evil 1\r\nget b\r\n",
      [
        .v1_4: ["ERROR", "get b"], .v1_5: [badFlags, "get b"], .v1_6_0: [invalid, "get b"],
        .v1_6_10: ["ms k 11 O7|incr evil 1", "get b"],
      ]),
    EraCase(
      "ms k S9\r\nflush_all\r\nget b\r\n",
      [
        .v1_4: ["ERROR", "get b"], .v1_5: [badFlags, "get b"], .v1_6_0: [invalid, "get b"],
        .v1_6_10: [bad, "get b"],
      ]),
    EraCase(
      "ms k T0 S9 q\r\nflush_all\r\nget b\r\n",
      [
        .v1_4: ["ERROR", "get b"], .v1_5: [badFlags, "get b"], .v1_6_0: [invalid, "get b"],
        .v1_6_10: [bad, "get b"],
      ]),
    EraCase(
      "ms k T0 S-9\r\nget b\r\n",
      [
        .v1_4: ["ERROR", "get b"], .v1_5: [badFlags, "get b"],
        .v1_6_0: ["CLIENT_ERROR invalid length", "get b"], .v1_6_10: [bad, "get b"],
      ]),
    EraCase("ms \(long) 5\r\nget a\r\nget b\r\n", [.v1_4: ["ERROR", "get b"], .v1_5: [bad, "get b"]]),
    EraCase(
      "ms k 5 -\r\nget a\r\nget b\r\n",
      [
        .v1_4: ["ERROR", "get b"], .v1_5: [badFlags, "get b"], .v1_6_0: [invalid, "get b"],
        .v1_6_40: [bad, "get b"],
      ]),
    EraCase(
      " ms k 5\r\nget a\r\nget b\r\n",
      [
        .v1_4: ["ERROR", "get b"], .v1_5: [badFlags, "get b"], .v1_6_0: [invalid, "get b"],
        .v1_6_10: ["ms k 5 O7|get a", "get b"], .v1_6_40: ["ERROR", "get b"],
      ]),
    EraCase(
      "ms k 1 MSX\r\nx\r\n",
      [
        .v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid],
        .v1_6_10: ["CLIENT_ERROR incorrect length for M token"], .v1_6_40: ["ms k 1 MSX O7|x"],
      ]),
    EraCase(
      "ms k 1 M\r\nx\r\n",
      [
        .v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: [invalid],
        .v1_6_10: ["CLIENT_ERROR incorrect length for M token"],
        .v1_6_40: ["CLIENT_ERROR invalid mode for ms M token"],
      ]),
    EraCase("ms k\r\nget b\r\n", [.v1_4: ["ERROR", "get b"], .v1_5: [bad, "get b"]]),
  ]

  static let others: [EraCase] = [
    EraCase("md k q\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_0: ["quietly md k O7"]]),
    EraCase("md k z\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_40: [invalid]]),
    EraCase("md k x\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_27: ["md k x O7"]]),
    EraCase("md k Tx\r\n", [.v1_4: ["ERROR"], .v1_5: [badFlags], .v1_6_40: [badToken]]),
    EraCase("ma k\r\n", [.v1_4: ["ERROR"], .v1_6_0: ["ma k O7"]]),
    EraCase("ma k z\r\n", [.v1_4: ["ERROR"], .v1_6_0: [badFlags]]),
    EraCase("ma \(long)\r\n", [.v1_4: ["ERROR"], .v1_6_0: [bad], .v1_6_40: [badFlags]]),
    EraCase("ma k MIx\r\n", [.v1_4: ["ERROR"], .v1_6_0: [badFlags], .v1_6_40: ["ma k MIx O7"]]),
  ]
}

struct EraTests {
  @Test(arguments: EraCase.all)
  func everyEraParsesAnInputAsTheTableSays(one: EraCase) {
    for era in Era.allCases {
      let dialect = Dialect(classic: era, meta: era)
      let seen = Reading.of(Array(one.input.utf8), dialect: dialect)
      // Where 1.6.40 skips a line end, one byte of it remains.
      #expect(seen.map(\.description) == one.expected(era), "\(era): \(one.testDescription)")
      #expect(
        Reading.everySplit(Array(one.input.utf8), dialect: dialect) == nil, "\(era): \(one.testDescription)")
      #expect(
        Invariants.broken(in: Array(one.input.utf8), dialect: dialect) == nil,
        "\(era): \(one.testDescription)")
    }
  }

  /// A newer classic era with an older meta era, as for servers of several versions.
  @Test func metaEraMayBeOlderThanTheClassicEra() {
    let dialect = Dialect(classic: .v1_6_40, meta: .v1_4)
    let seen = Reading.of(Array("ms k 5\r\nget a\r\nmg k v\r\nget b\r\n".utf8), dialect: dialect)
    #expect(seen.map(\.description) == ["ERROR", "ERROR", "get b"])
  }

  @Test(arguments: Era.allCases)
  func randomStreamsKeepTheParserInvariantsInEveryEra(era: Era) {
    var random = Seeded(UInt64(era.rawValue) + 100)
    for _ in 0..<150 {
      let input = Grammar.damaged(Grammar.stream(&random), &random)
      let dialect = Dialect(classic: era, meta: era)
      #expect(Invariants.broken(in: input, dialect: dialect) == nil, "\(escaped(input))")
      #expect(Reading.everySplit(input, maxValue: 100, dialect: dialect) == nil, "\(escaped(input))")
    }
  }

  @Test(arguments: [
    ("VERSION 1.4.39\r\n", Era.v1_4), ("VERSION 1.5.0\r\n", .v1_5), ("VERSION 1.5.22\r\n", .v1_5),
    ("VERSION 1.6.0\r\n", .v1_6_0), ("VERSION 1.6.9\r\n", .v1_6_0), ("VERSION 1.6.10\r\n", .v1_6_10),
    ("VERSION 1.6.17\r\n", .v1_6_10), ("VERSION 1.6.18\r\n", .v1_6_18), ("VERSION 1.6.20\r\n", .v1_6_20),
    ("VERSION 1.6.26\r\n", .v1_6_20), ("VERSION 1.6.27\r\n", .v1_6_27), ("VERSION 1.6.39\r\n", .v1_6_27),
    ("VERSION 1.6.40\r\n", .v1_6_40), ("VERSION 1.7.0\r\n", .v1_6_40), ("VERSION own\r\n", .v1_6_18),
  ])
  func versionReplyDeterminesTheEra(version: String, era: Era) {
    let bytes = Array(version.utf8)
    #expect(Cliff(room: bytes.count).holding(bytes) { Era(version: $0) } == era)
  }
}
