import Foundation
import Testing

@testable import Bench

@Suite struct ZipfSamplerTests {
  /// Each key's share is that of Zipf's law, within five standard deviations.
  @Test(arguments: [0, 0.5, 0.99, 1, 1.2, 3])
  func sharesAreThoseOfZipfsLaw(_ exponent: Double) {
    let keys = 50
    let draws = 400_000
    let sampler = ZipfSampler(count: keys, exponent: exponent)
    var random = RandomNumbers(seed: 7)
    var counts = [Int](repeating: 0, count: keys)
    for _ in 0..<draws { counts[sampler.next(&random)] += 1 }
    let weights = (1...keys).map { pow(Double($0), -exponent) }
    let sum = weights.reduce(0, +)
    for k in 0..<keys {
      let share = weights[k] / sum
      let expected = share * Double(draws)
      let deviation = (expected * (1 - share)).squareRoot()
      #expect(
        abs(Double(counts[k]) - expected) <= 5 * deviation + 1, "key \(k): \(counts[k]), not \(expected)")
    }
  }

  @Test(arguments: [0, 0.7, 1, 10])
  func everyNumberIsAKey(_ exponent: Double) {
    var random = RandomNumbers(seed: 1)
    for count in [1, 2, 3, 10_000_000] {
      let sampler = ZipfSampler(count: count, exponent: exponent)
      for _ in 0..<2000 { #expect((0..<count).contains(sampler.next(&random))) }
    }
  }

  @Test func fractionsAndNumbersFillTheirRange() {
    var random = RandomNumbers(seed: 3)
    let fractions = (0..<10_000).map { _ in random.fraction() }
    #expect(fractions.allSatisfy { (0..<1).contains($0) })
    #expect(abs(fractions.reduce(0, +) / 10_000 - 0.5) < 0.02)
    #expect(Set((0..<1000).map { _ in random.below(10) }) == Set(0..<10))
  }
}
