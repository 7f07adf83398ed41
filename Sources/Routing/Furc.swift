import Bytes

/// mcrouter's Ch3: a walk through a tree of coin tosses, which are the bits of a stream of hashes of the key.
package struct Furc: Equatable, Sendable {
  enum Kind: Sendable {
    /// Ch3: all servers alike.
    case plain
    /// WeightedCh3: a server is refused with a chance that its weight decides, and the key is hashed again with a salt.
    case rejecting
    /// weightedFurcHash: the same, and the walk is continued in the same stream.
    case weighted
  }

  let kind: Kind
  let count: Int
  /// For each server, the limit of a 32-bit number below which it is accepted; `max` accepts without drawing one.
  private let limits: [UInt64]

  /// The number of walks before a key goes to the last server drawn.
  private static var tries: Int { 32 }

  init(_ kind: Kind, weights: [UInt32]) {
    self.kind = kind
    count = weights.count
    let largest = Double(max(1, weights.max() ?? 1))
    limits = weights.map { weight in
      let share = Double(weight) / largest
      return share == 1 && kind == .weighted ? .max : UInt64(share * 4_294_967_295)
    }
  }

  /// The servers that own keys. Of few weights the smallest may never be accepted.
  var owners: Set<Int> { Set((0..<count).filter { limits[$0] > 0 }) }

  /// The server of the key at `from ..< from + count`.
  func server(of bytes: RawSpan, from: Int, count length: Int) -> Int {
    guard count > 1 else { return 0 }
    switch kind {
    case .plain: return hashFurc(bytes, from: from, count: length, buckets: count)
    case .rejecting: return byRejection(bytes, from: from, count: length)
    case .weighted: return byWeight(bytes, from: from, count: length)
    }
  }

  private func byRejection(_ bytes: RawSpan, from: Int, count length: Int) -> Int {
    var text = KeyText()
    for i in from..<from &+ length { text.append(bytes.byte(at: i)) }
    var server = 0
    for turn in 0..<Self.tries {
      text.keep(first: length)
      if turn > 0 {
        // The salt is a counter from 0, its digits in reverse.
        var rest = turn &- 1
        repeat {
          text.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10))
          rest /= 10
        } while rest > 0
      }
      server = hashFurc(text.raw, from: 0, count: text.count, buckets: count)
      let draw = hashSpooky32(text.raw, from: 0, count: text.count, seed: 0xface_2014)
      if UInt64(draw) < limits[server] { return server }
    }
    return server
  }

  private func byWeight(_ bytes: RawSpan, from: Int, count length: Int) -> Int {
    var bits = FurcBits(bytes, from: from, count: length)
    var (start, draw): (Int, UInt32) = (0, 0)
    for _ in 0..<Self.tries {
      let server = bits.walk(from: &start, buckets: count)
      if limits[server] == .max { return server }
      draw = bits.number(at: start)
      if UInt64(draw) < limits[server] { return server }
    }
    return Int(draw) % count
  }
}
