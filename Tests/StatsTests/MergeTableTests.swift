import Testing

@testable import Stats

/// Compares the table with a second list, written from memcached's documentation. A stat without a special rule here
/// is a counter in `stats`, a counter or a size (sum) in `items` and `slabs`, and is shown once in `settings`.
struct MergeTableTests {
  static let kinds: [StatsKind] = [.general, .settings, .items, .slabs, .sizes, .conns]

  static let special: [(StatsKind, MergeRule, [String])] = [
    (.general, .ownPID, ["pid"]),
    (.general, .smallest, ["uptime"]),
    (.general, .largest, ["time", "hash_power_level", "time_since_server_cert_refresh"]),
    (.general, .lowestVersion, ["version"]),
    (
      .general, .same,
      ["libevent", "pointer_size", "slab_reassign_last_busy_status", "extstore_memory_pressure"]
    ),
    (.general, .countOfSeconds, ["rusage_user", "rusage_system"]),
    (
      .general, .sum,
      [
        "max_connections", "curr_connections", "connection_structures", "response_obj_count",
        "response_obj_bytes", "read_buf_count", "read_buf_bytes", "read_buf_bytes_free", "reserved_fds",
        "proxy_req_active", "proxy_await_active", "limit_maxbytes", "threads", "hash_bytes", "log_watchers",
        "bytes", "curr_items", "slab_global_page_pool", "extstore_pages_free", "extstore_pages_used",
        "extstore_objects_used", "extstore_bytes_used", "extstore_bytes_fragmented",
        "extstore_limit_maxbytes", "extstore_io_queue", "proxy_backend_total",
      ]
    ),
    (.general, .all, ["accepting_conns"]),
    (.general, .any, ["hash_is_expanding", "slab_reassign_running", "lru_crawler_running"]),
    (.settings, .all, ["cas_enabled", "flush_enabled", "dump_enabled"]),
    (.items, .largest, ["items:*:age", "items:*:age_hot", "items:*:age_warm"]),
    (.items, .smallestAboveZero, ["items:*:evicted_time"]),
    (.slabs, .same, ["*:chunk_size", "*:chunks_per_page"]),
    (.slabs, .classesListed, ["active_slabs"]),
    (.sizes, .same, ["sizes_status", "sizes_error"]),
  ]

  /// The values of two servers, and the expected result.
  static func example(_ rule: MergeRule) -> (String, String, String) {
    switch rule {
    case .sum, .count: ("5", "7", "12")
    case .countOfSeconds: ("1.500000", "0.600000", "2.100000")
    case .smallest: ("5", "7", "5")
    case .smallestAboveZero: ("0", "7", "7")
    case .largest: ("5", "7", "7")
    case .lowestVersion: ("1.6.18", "1.6.9", "1.6.9")
    case .ownPID: ("5", "7", "4711")
    case .all: ("1", "0", "0")
    case .any: ("0", "1", "1")
    case .same: ("5", "7", "5,7")
    case .classesListed: ("9", "9", "0")
    case .each: ("5", "7", "5")
    }
  }

  static func expectedRule(_ kind: StatsKind, _ name: String) -> MergeRule {
    if kind == .conns { return .each }
    let named = special.first { $0.0 == kind && $0.2.contains(name) }
    return named?.1 ?? (kind == .settings ? .same : kind == .general ? .count : .sum)
  }

  @Test(arguments: kinds)
  func everyStatIsMergedByTheRuleOfItsKind(_ kind: StatsKind) {
    var seen: Set<String> = []
    for (pattern, rule) in MergeTable.rows(of: kind) {
      #expect(seen.insert(pattern).inserted, "\(pattern) has two rows")
      #expect(rule == Self.expectedRule(kind, pattern), "\(kind) \(pattern)")
      let name = pattern.replacing("*", with: "7")
      #expect(MergeTable.rule(for: name, in: kind) == rule, "\(name) is not found")
      let (first, second, result) = Self.example(rule)
      let output = merged(kind, [answer("STAT \(name) \(first)"), answer("STAT \(name) \(second)")])
      #expect(output.first == "STAT \(name) \(result)", "\(kind)")
    }
    for (k, _, names) in Self.special where k == kind {
      for name in names { #expect(seen.contains(name), "\(name) is missing from the table") }
    }
  }

  @Test func mergeTableHasAsManyRowsAsMemcachedsAnswers() {
    #expect(Self.kinds.map { MergeTable.rows(of: $0).count } == [140, 80, 29, 17, 3, 5])
  }

  static let unknown: [(StatsKind, [String], String)] = [
    (.general, ["3", "4"], "7"),
    (.general, ["fast", "fast"], "fast"),
    (.general, ["fast", "slow"], "fast,slow"),
    (.general, ["3", "slow"], "3,slow"),
    (.settings, ["3", "3"], "3"),
    (.settings, ["3", "4"], "3,4"),
    (.other, ["3", "4"], "7"),
    (.slabs, ["3", "4"], "7"),
  ]

  @Test(arguments: unknown)
  func unknownStatIsMergedByTheDefaultRule(_ kind: StatsKind, _ values: [String], _ expected: String) {
    #expect(MergeTable.rule(for: "not_yet_invented", in: kind) == nil)
    let output = merged(kind, values.map { answer("STAT not_yet_invented \($0)") })
    #expect(output.first == "STAT not_yet_invented \(expected)")
  }

  @Test(arguments: [
    (StatsKind.items, "items:7:age", "items:*:age", UInt64?(7)),
    (.items, "items:x:age", "items:x:age", nil),
    (.items, "7:age", "7:age", nil),
    (.slabs, "12:get_hits", "*:get_hits", 12),
    (.slabs, "active_slabs", "active_slabs", nil),
    (.slabs, ":get_hits", ":get_hits", nil),
    (.sizes, "96", "*", 96),
    (.sizes, "9x", "9x", nil),
    (.general, "7:get_hits", "7:get_hits", nil),
    (.conns, "99999999999999999999999:addr", "*:addr", .max),
  ])
  func statNameHasPatternAndNumber(_ kind: StatsKind, _ name: String, _ text: String, _ number: UInt64?) {
    #expect(MergeTable.pattern(of: name, in: kind).text == text)
    #expect(MergeTable.pattern(of: name, in: kind).number == number)
  }

  @Test(arguments: [
    ([], StatsKind.general), (["items"], .items), (["slabs"], .slabs), (["sizes"], .sizes),
    (["settings"], .settings), (["conns"], .conns), (["reset"], .reset),
    (["detail", "on"], .detailSwitch), (["detail", "off"], .detailSwitch), (["detail"], .detailSwitch),
    (["detail", "dump"], .detailDump), (["cachedump", "1", "10"], .cachedump(limit: 10)),
    (["cachedump", "1", "0"], .cachedump(limit: 0)), (["cachedump"], .cachedump(limit: 0)),
    (["cachedump", "1", "-5"], .cachedump(limit: 0)), (["extstore"], .other), (["Items"], .other),
  ])
  func wordsAfterStatsDetermineTheKind(_ words: [String], _ kind: StatsKind) {
    #expect(StatsKind(words: words) == kind)
  }
}
