import Testing

/// Faults that the proxy defends against take place, with and without the defence.
@Suite struct CanaryTests {
  private struct Sum {
    var struck = 0
    var violations: [String] = []
  }

  private func run(_ canary: Canary, isDefended: Bool) -> Sum {
    var sum = Sum()
    for seed in 0..<canary.worlds as Range<UInt64> {
      let world = World(seed: seed, weather: canary.weather, canary: canary, isDefended: isDefended)
      world.run()
      if world.strikes > 0 { sum.struck += 1 }
      if let violation = world.violation { sum.violations.append(violation) }
    }
    return sum
  }

  @Test(arguments: Canary.allCases)
  func theProxysDefencePreventsViolations(_ canary: Canary) {
    let sum = run(canary, isDefended: true)
    #expect(sum.struck >= 15)
    #expect(sum.violations.isEmpty)
  }

  /// In at least half of the worlds in which the defence was needed.
  @Test(arguments: Canary.allCases)
  func aMissingDefenceIsDetected(_ canary: Canary) {
    let sum = run(canary, isDefended: false)
    print("without \(canary): \(sum.violations.count) of \(sum.struck), \(sum.violations.first ?? "none")")
    #expect(sum.struck >= 15)
    #expect(sum.violations.count * 2 >= sum.struck)
  }
}
