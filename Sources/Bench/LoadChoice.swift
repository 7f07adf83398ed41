import Bytes
import Settings

/// Chooses the next request of a run: read or write, and its keys.
struct LoadChoice {
  private let writes: Int
  private let multiget: Int
  private let keys: Int
  private let sampler: ZipfSampler
  private var random: RandomNumbers
  private var filled = 0
  /// The keys of the last get; kept for its memory.
  private var chosen: [UInt32] = []

  init(_ options: BenchOptions, seed: UInt64) {
    writes = options.writes
    multiget = options.multiget
    keys = options.keys
    sampler = ZipfSampler(count: options.keys, exponent: options.zipf)
    random = RandomNumbers(seed: seed)
  }

  /// Whether every key has been given out to be filled in.
  var isFilled: Bool { filled == keys }

  /// The next key to fill in; nil after the last.
  mutating func nextToFill() -> UInt32? {
    guard filled < keys else { return nil }
    filled += 1
    return UInt32(filled - 1)
  }

  /// Writes the next request to a connection.
  mutating func request(
    on conversation: Conversation, due: Instant, now: Instant, expiry: Int, _ run: inout RunState
  ) {
    if writes > 0 && random.below(100) < writes {
      let key = UInt32(sampler.next(&random))
      return conversation.set(key, expiry: expiry, due: due, now: now, &run)
    }
    chosen.removeAll(keepingCapacity: true)
    run.versions.beginMultiget()
    for _ in 0..<multiget { chosen.append(run.versions.choose(near: sampler.next(&random))) }
    conversation.get(chosen, due: due, now: now, &run)
  }
}
