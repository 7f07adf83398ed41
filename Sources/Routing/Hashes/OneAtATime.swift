import Bytes

/// Bob Jenkins's one-at-a-time hash without a seed, over signed bytes: libmemcached's default.
func hashOneAtATime(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var hash: UInt32 = 0
  for i in from..<from &+ count {
    hash &+= bytes.byte(at: i).signExtended
    hash &+= hash &<< 10
    hash ^= hash &>> 6
  }
  hash &+= hash &<< 3
  hash ^= hash &>> 11
  hash &+= hash &<< 15
  return hash
}
