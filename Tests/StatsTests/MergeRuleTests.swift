import Testing

@testable import Stats

struct MergeRuleTests {
  static let cases: [(MergeRule, [String], String)] = [
    (.sum, ["5"], "5"),
    (.sum, ["5", "7", "0"], "12"),
    (.sum, ["18446744073709551615", "1"], "18446744073709551615"),
    (.sum, ["99999999999999999999999", "1"], "18446744073709551615"),
    (.sum, ["5", "many"], "5,many"),
    (.sum, ["-1", "5"], "-1,5"),
    (.sum, ["+1", "+1"], "+1"),
    (.sum, ["", "5"], ",5"),
    (.count, ["5", "7", "0"], "12"),
    (.count, ["5", "a few"], "5,a_few"),
    (.countOfSeconds, ["0.000000", "0.010845"], "0.010845"),
    (.countOfSeconds, ["1.999999", "2.000002"], "4.000001"),
    (.countOfSeconds, ["1", "0.5"], "1.500000"),
    (.countOfSeconds, ["99999999999999999999.5", "1.0"], "18446744073709.551615"),
    (.countOfSeconds, ["1.0000001", "1.0"], "1.0000001,1.0"),
    (.countOfSeconds, ["1.-5", "1.0"], "1.-5,1.0"),
    (.smallest, ["90", "12", "400"], "12"),
    (.smallest, ["0", "12"], "0"),
    (.smallestAboveZero, ["0", "12", "7", "0"], "7"),
    (.smallestAboveZero, ["0", "0"], "0"),
    (.largest, ["90", "400", "12"], "400"),
    (.lowestVersion, ["1.6.18", "1.6.9", "1.6.21"], "1.6.9"),
    (.ownPID, ["1", "2"], "4711"),
    (.all, ["1", "1"], "1"),
    (.all, ["1", "0", "1"], "0"),
    (.all, ["yes", "no"], "no"),
    (.all, ["on", "on"], "on"),
    (.all, ["yes", "perhaps"], "yes,perhaps"),
    (.any, ["0", "0"], "0"),
    (.any, ["0", "1", "0"], "1"),
    (.same, ["2.1.12-stable", "2.1.12-stable"], "2.1.12-stable"),
    (.same, ["64", "32", "64"], "64,32"),
    (.same, ["", ""], ""),
    (.classesListed, ["2", "2"], "3"),
    (.each, ["tcp:1"], "tcp:1"),
  ]

  @Test(arguments: cases)
  func everyMergeRuleMergesItsValues(_ rule: MergeRule, _ values: [String], _ expected: String) {
    var row = MergedRow(name: "x", rule: rule, number: nil)
    for value in values { row.add(value) }
    #expect(row.value(ownPID: 4711, classes: 3) == expected)
  }

  @Test func everyMergeRuleHasATestCase() {
    for rule in MergeRule.allCases { #expect(Self.cases.contains { $0.0 == rule }) }
  }

  @Test func orderOfServersDoesNotChangeAMergedNumber() {
    for (rule, values, expected) in Self.cases where !expected.contains(",") {
      guard rule != .all, rule != .any else { continue }
      var row = MergedRow(name: "x", rule: rule, number: nil)
      for value in values.reversed() { row.add(value) }
      #expect(row.value(ownPID: 4711, classes: 3) == expected, "\(rule) \(values)")
    }
  }

  @Test func mergedListEndsAfterSixteenDifferentValues() {
    var row = MergedRow(name: "x", rule: .same, number: nil)
    for i in 0..<1000 { row.add(String(i)) }
    #expect(row.value(ownPID: 1, classes: 0) == (0..<16).map(String.init).joined(separator: ",") + ",...")
  }
}

struct ServerVersionTests {
  @Test(arguments: [
    (["1.6.18", "1.6.9", "1.4.25-foo"], "1.4.25-foo"),
    (["1.6.18", "1.6.9"], "1.6.9"),
    (["1.6.9", "1.6.18"], "1.6.9"),
    (["1.10.0", "1.9.9"], "1.9.9"),
    (["1.6.18_8_gabc", "1.6.18"], "1.6.18"),
    (["1.6.0", "1.6.0-rc1", "1.6.0-rc2"], "1.6.0-rc1"),
    (["1.6", "1.6.0"], "1.6"),
    (["1.6.0", "1.6"], "1.6.0"),
    (["unknown", "1.6.1"], "1.6.1"),
    (["unknown", "other"], "unknown"),
    (["99999999999999999999999.1", "2"], "2"),
    (["", "1.2"], "1.2"),
    ([".5", "7"], "7"),
  ])
  func lowestVersionIsTheOldestRelease(_ versions: [String], _ expected: String) {
    #expect(lowestVersion(versions) == expected)
  }

  @Test func lowestOfNoVersionsIsNil() { #expect(lowestVersion([]) == nil) }
}
