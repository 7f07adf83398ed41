/// A reproducible random number generator: the same seed gives the same numbers (SplitMix64).
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5678_9abc_def1 }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// From 0 to `n` - 1.
  mutating func below(_ n: Int) -> Int { n <= 1 ? 0 : Int(truncatingIfNeeded: next() % UInt64(n)) }

  mutating func within(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }

  /// Whether an event happens that has this probability, in thousandths.
  mutating func happens(_ permille: Int) -> Bool { permille > 0 && below(1000) < permille }

  mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
