import Bytes

// Bob Jenkins's SpookyHash, version 2: mcrouter's WeightedCh3 draws a key's chance of each server from it.

/// SpookyHashV2::Hash32: the low half of the first word of the 128-bit hash.
func hashSpooky32(_ bytes: RawSpan, from: Int, count: Int, seed: UInt32) -> UInt32 {
  let key = bytes.rest(from: from).first(count)
  let seed = UInt64(seed)
  return UInt32(truncatingIfNeeded: count < 192 ? hashShort(key, seed: seed) : hashLong(key, seed: seed))
}

/// What the algorithm adds where it has no data.
private let filler: UInt64 = 0xdead_beef_dead_beef

// MARK: Up to 191 bytes: four words of state, 32 bytes a step

private func hashShort(_ key: RawSpan, seed: UInt64) -> UInt64 {
  let count = key.byteCount
  var a = seed
  var b = seed
  var c = filler
  var d = filler
  var i = 0
  var left = count
  while left >= 16 {
    c &+= key.word(at: i)
    d &+= key.word(at: i &+ 8)
    mix(&a, &b, &c, &d)
    // The second half of a step is only added: the next step, or the end, mixes it.
    if left >= 32 {
      a &+= key.word(at: i &+ 16)
      b &+= key.word(at: i &+ 24)
    }
    i &+= 32
    left &-= 32
  }
  let rest = count & 15
  d &+= UInt64(truncatingIfNeeded: count) &<< 56
  if rest >= 8 {
    c &+= key.word(at: count &- rest)
    d &+= key.lastBytes(rest &- 8, endingAt: count, keyStart: 0)
  } else if rest > 0 {
    c &+= key.lastBytes(rest, endingAt: count, keyStart: 0)
  } else {
    c &+= filler
    d &+= filler
  }
  finish(&a, &b, &c, &d)
  return a
}

private func mix(_ a: inout UInt64, _ b: inout UInt64, _ c: inout UInt64, _ d: inout UInt64) {
  turn(&c, by: 50, adding: d, into: &a)
  turn(&d, by: 52, adding: a, into: &b)
  turn(&a, by: 30, adding: b, into: &c)
  turn(&b, by: 41, adding: c, into: &d)
  turn(&c, by: 54, adding: d, into: &a)
  turn(&d, by: 48, adding: a, into: &b)
  turn(&a, by: 38, adding: b, into: &c)
  turn(&b, by: 37, adding: c, into: &d)
  turn(&c, by: 62, adding: d, into: &a)
  turn(&d, by: 34, adding: a, into: &b)
  turn(&a, by: 5, adding: b, into: &c)
  turn(&b, by: 36, adding: c, into: &d)
}

@inline(__always)
private func turn(_ x: inout UInt64, by n: UInt64, adding y: UInt64, into z: inout UInt64) {
  x = x.rotated(by: n) &+ y
  z ^= x
}

private func finish(_ a: inout UInt64, _ b: inout UInt64, _ c: inout UInt64, _ d: inout UInt64) {
  join(&d, &c, by: 15)
  join(&a, &d, by: 52)
  join(&b, &a, by: 26)
  join(&c, &b, by: 51)
  join(&d, &c, by: 28)
  join(&a, &d, by: 9)
  join(&b, &a, by: 47)
  join(&c, &b, by: 54)
  join(&d, &c, by: 32)
  join(&a, &d, by: 25)
  join(&b, &a, by: 63)
}

@inline(__always)
private func join(_ x: inout UInt64, _ y: inout UInt64, by n: UInt64) {
  x ^= y
  y = y.rotated(by: n)
  x &+= y
}

// MARK: 192 bytes and more: twelve words of state, 96 bytes a step

/// Few keys are this long, so the twelve lines of each step are a loop.
@inline(never)
private func hashLong(_ key: RawSpan, seed: UInt64) -> UInt64 {
  let count = key.byteCount
  let mixTurns: InlineArray<12, UInt64> = [11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46]
  let endTurns: InlineArray<12, UInt64> = [44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54]
  var state = InlineArray<12, UInt64> { $0 % 3 == 2 ? filler : seed }
  var i = 0
  while i &+ 96 <= count {
    for k in 0..<12 {
      let before = (k &+ 11) % 12
      let second = (k &+ 2) % 12
      state[k] &+= key.word(at: i &+ k &* 8)
      state[second] ^= state[(k &+ 10) % 12]
      state[before] ^= state[k]
      state[k] = state[k].rotated(by: mixTurns[k])
      state[before] &+= state[(k &+ 1) % 12]
    }
    i &+= 96
  }
  // The rest, padded with zeros to 96 bytes. The last of these is the number of bytes that are not padding.
  let rest = count &- i
  for k in 0..<rest &>> 3 { state[k] &+= key.word(at: i &+ k &* 8) }
  state[rest &>> 3] &+= key.lastBytes(rest & 7, endingAt: count, keyStart: 0)
  state[11] &+= UInt64(truncatingIfNeeded: rest) &<< 56
  for _ in 0..<3 {
    for k in 0..<12 {
      let before = (k &+ 11) % 12
      let next = (k &+ 1) % 12
      let second = (k &+ 2) % 12
      state[before] &+= state[next]
      state[second] ^= state[before]
      state[next] = state[next].rotated(by: endTurns[k])
    }
  }
  return state[0]
}
