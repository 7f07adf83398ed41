import Testing

@testable import Bench

@Suite struct FiguresTests {
  @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_002_003, "1,002,003"), (-4500, "-4,500")])
  func numbersHaveCommas(_ number: Int, _ text: String) { #expect(Figures.grouped(number) == text) }

  @Test(
    arguments: [
      (0, "0.00 us"), (900, "0.90 us"), (9_994, "9.99 us"), (9_996, "10.0 us"), (123_456, "123 us"),
      (1_049_000, "1.05 ms"), (99_960_000, "100 ms"), (1_000_000_000, "1.00 s"),
      (4_398_000_000_000, "4398 s"),
    ] as [(UInt64, String)])
  func timesHaveThreeDigitsAndAUnit(_ nanoseconds: UInt64, _ text: String) {
    #expect(Figures.time(nanoseconds) == text)
  }

  @Test func sharesAreWholeOnlyIfNothingIsMissing() {
    #expect(Figures.share(5, of: 5) == "100%" && Figures.share(999_999, of: 1_000_000) == "99.99%")
    #expect(Figures.share(1, of: 3) == "33.33%" && Figures.share(0, of: 0) == "0%")
  }

  @Test func decimalsNeverTrap() {
    #expect(Figures.decimal(.infinity, places: 1) == "0.0" && Figures.decimal(.nan, places: 0) == "0")
    #expect(Figures.decimal(-0.04, places: 1) == "0.0" && Figures.decimal(-1.25, places: 1) == "-1.3")
  }
}
