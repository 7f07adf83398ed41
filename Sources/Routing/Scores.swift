import Bytes
import Glibc

/// Rendezvous hashing as clients do it: each server has a score for each key, and the highest wins. O(servers).
package struct Scores: Equatable, Sendable {
  enum Kind: Sendable {
    /// MurmurHash3 of `node-key`; of equal scores the greater label wins.
    case pymemcache
    /// A mix of MurmurHash64A of both, as a number in double precision; of equal scores the later server wins.
    case mcrouter
    /// The same as a chance, with weights; of equal scores the earlier server wins.
    case mcrouterWeighted
  }

  let kind: Kind
  private let labels: [[UInt8]]
  private let hashes: [UInt64]
  private let weights: [Double]

  var count: Int { labels.count }

  init(_ kind: Kind, _ input: PlacementInput) {
    self.kind = kind
    labels = input.labels.map { Array($0.utf8) }
    hashes = labels.map { hashMurmur64A($0.span.raw, from: 0, count: $0.count, seed: 4_193_360_111) }
    let largest = Double(max(1, input.servers.map(\.weight).max() ?? 1))
    weights = input.servers.map { Double($0.weight) / largest }
  }

  /// The server with the highest score of those that are not out.
  func server(of bytes: RawSpan, from: Int, count: Int, excluding excluded: [Bool]) -> Int {
    switch kind {
    case .pymemcache: byMurmur3(bytes, from: from, count: count, excluded)
    case .mcrouter, .mcrouterWeighted: byMix(bytes, from: from, count: count, excluded)
    }
  }

  private func isOut(_ i: Int, _ excluded: [Bool]) -> Bool { i < excluded.count && excluded[i] }

  private func byMurmur3(_ bytes: RawSpan, from: Int, count: Int, _ excluded: [Bool]) -> Int {
    var (best, highest): (Int?, UInt32) = (nil, 0)
    var text = KeyText()
    for i in labels.indices where !isOut(i, excluded) {
      text.keep(first: 0)
      text.append(labels[i])
      text.append(UInt8(ascii: "-"))
      for k in from..<from &+ count { text.append(bytes.byte(at: k)) }
      let score = hashMurmur3(text.raw, from: 0, count: text.count, seed: 0)
      if let old = best,
        score < highest || score == highest && !labels[old].lexicographicallyPrecedes(labels[i])
      {
        continue
      }
      (best, highest) = (i, score)
    }
    return best ?? 0
  }

  private func byMix(_ bytes: RawSpan, from: Int, count: Int, _ excluded: [Bool]) -> Int {
    let key = hashMurmur64A(bytes, from: from, count: count, seed: 2_718_281_828)
    var (best, highest): (Int?, Double) = (nil, 0)
    for i in labels.indices where !isOut(i, excluded) {
      let mixed = hash128to64(upper: hashes[i], lower: key)
      if kind == .mcrouter {
        if best == nil || Double(mixed) >= highest { (best, highest) = (i, Double(mixed)) }
      } else {
        let chance = Double(mixed & (1 << 53 - 1)) / 0x1p53
        let score = weights[i] * (1 / -log(chance))
        if best == nil || score > highest { (best, highest) = (i, score) }
      }
    }
    return best ?? 0
  }
}
