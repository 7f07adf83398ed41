import Testing

@testable import Console

@Suite struct FigureTests {
  @Test(
    arguments: [
      (nil, "-"), (0, "0"), (0.01, "<0.1"), (0.5, "0.5"), (3, "3"), (9.94, "9.9"), (9.96, "10"),
      (999.4, "999"),
      (999.6, "1.00k"), (12_345, "12.3k"), (999_499, "999k"), (1_234_567, "1.23M"), (5e9, "5.00G"),
      (1e18, ">999G"),
      (-1, "-"), (.nan, "-"), (.infinity, "-"),
    ] as [(Double?, String)])
  func amountsAreShort(_ value: Double?, _ text: String) { #expect(amount(value) == text) }

  @Test(
    arguments: [
      (nil, "-"), (0, "0us"), (0.000_001, "1us"), (0.000_999_4, "999us"), (0.000_999_6, "1.00ms"),
      (0.0123, "12.3ms"),
      (0.999_6, "1.00s"), (12.34, "12.3s"), (1e9, ">9999s"), (-1, "-"),
    ] as [(Double?, String)])
  func latenciesHaveTheirUnit(_ value: Double?, _ text: String) { #expect(latency(value) == text) }

  @Test(
    arguments: [
      (nil, "-"), (0, "0%"), (0.000_1, "<.1%"), (0.5, "50.0%"), (0.999_9, "99.9%"), (1, "100%"), (2, "200%"),
      (1e9, "9900%"),
    ] as [(Double?, String)])
  func onlyAllIsAHundredPercent(_ value: Double?, _ text: String) { #expect(share(value) == text) }

  @Test(
    arguments: [(0, "0B"), (999, "999B"), (1023, "1.00KiB"), (12_582_912, "12.0MiB"), (1e30, "-")]
      as [(Double, String)])
  func sizesHaveTheirUnit(_ value: Double, _ text: String) {
    if value < 1e18 { #expect(size(value) == text) } else { #expect(size(value).hasSuffix("PiB")) }
  }

  @Test func timesAreRoundedDown() {
    #expect(
      [0, 59.9, 60, 3599, 7200, 172_800, 1e12].map(age) == ["0s", "59s", "1m", "59m", "2h", "2d", "999d"])
    #expect([5, 65, 3700, 93_784].map(span) == ["5s", "1m 5s", "1h 1m", "1d 2h"])
    #expect(age(.nan) == "-" && span(.infinity) == "-" && age(-5) == "0s")
  }

  @Test func noFigureIsWiderThanItsColumn() {
    for exponent in -12...18 {
      for digit in 1...99 {
        let value = Double(digit) / 9.9 * (exponent < 0 ? 1 / power(-exponent) : power(exponent))
        #expect(amount(value).count <= 5 && latency(value).count <= 6 && share(value).count <= 5, "\(value)")
        #expect(age(value).count <= 4)
        if exponent < 15 { #expect(size(value).count <= 7, "\(value)") }
      }
    }
  }

  private func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { value, _ in value * 10 } }

  @Test func barShowsTheShareAgainstTheIdeal() {
    #expect(Glyphs.unicode.bar(0.5, ideal: 0.5) == "███│   ")
    #expect(Glyphs.unicode.bar(1, ideal: 0.5) == "███│███")
    #expect(Glyphs.unicode.bar(9, ideal: 0.5) == "███│███")
    #expect(Glyphs.unicode.bar(0, ideal: 0.5) == "   │   ")
    #expect(Glyphs.unicode.bar(0.25, ideal: 0.5) == "█▌ │   ")
    #expect(Glyphs.ascii.bar(0.75, ideal: 0.5) == "###|#= ")
    #expect(Glyphs.ascii.bar(nil, ideal: 0.5) == "       ")
    #expect(Glyphs.ascii.bar(0.5, ideal: 0) == "       ")
  }

  @Test func graphHasALineForEachEighth() {
    #expect(Glyphs.unicode.graph([nil, 0, 1, 4, 8, 9], highest: 8, lines: 1) == [" ·▁▄██"])
    #expect(Glyphs.unicode.graph([nil, 0, 1, 4, 8], highest: 8, lines: 2) == ["    █", " ·▂██"])
    #expect(Glyphs.ascii.graph([0, 1, 8], highest: 8, lines: 1) == ["._#"])
    #expect(Glyphs.ascii.graph([0, 0], highest: 0, lines: 1) == [".."])
  }
}
