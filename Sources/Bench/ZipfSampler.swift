import Glibc

/// Chooses key numbers by Zipf's law: key k, counted from 1, with a probability in proportion to 1 / k^exponent.
///
/// Rejection-inversion by Hörmann and Derflinger: no table, and about one try for each number.
struct ZipfSampler {
  private let count: Int
  private let exponent: Double
  /// The integral's value at 1.5, less the first key's share; and at the end.
  private let low: Double
  private let high: Double
  private let margin: Double

  init(count: Int, exponent: Double) {
    self.count = count
    self.exponent = exponent
    low = Self.integral(1.5, exponent) - 1
    high = Self.integral(Double(count) + 0.5, exponent)
    margin = 2 - Self.inverse(Self.integral(2.5, exponent) - pow(2, -exponent), exponent)
  }

  /// A number from 0 to `count` - 1; lower numbers are more frequent, unless the exponent is 0.
  func next(_ random: inout RandomNumbers) -> Int {
    if exponent == 0 { return random.below(count) }
    while true {
      let u = high + random.fraction() * (low - high)
      let x = Self.inverse(u, exponent)
      let k = min(max(x.rounded(), 1), Double(count))
      if k - x <= margin || u >= Self.integral(k + 0.5, exponent) - pow(k, -exponent) {
        return Int(k) - 1
      }
    }
  }

  /// The integral of x^-exponent.
  private static func integral(_ x: Double, _ exponent: Double) -> Double {
    let logarithm = log(x)
    return ratio((1 - exponent) * logarithm, expm1) * logarithm
  }

  /// Its inverse.
  private static func inverse(_ y: Double, _ exponent: Double) -> Double {
    exp(ratio(max(-1, y * (1 - exponent)), log1p) * y)
  }

  /// `f(x) / x` for a function that is nearly x near zero.
  private static func ratio(_ x: Double, _ f: (Double) -> Double) -> Double {
    abs(x) > 1e-8 ? f(x) / x : 1
  }
}

/// A fast random number generator (SplitMix64), which needs no system call for each number.
struct RandomNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mix(state)
  }

  /// A number whose every bit depends on every bit of `value`.
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A number from 0 to `n` - 1.
  mutating func below(_ n: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(max(1, n))).high) }

  /// A number from 0 to less than 1.
  mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }
}
