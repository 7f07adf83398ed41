import Bytes

/// Paul Hsieh's SuperFastHash, with an initial value of zero instead of the length, as in twemproxy and libhashkit.
///
/// Only the last byte of a three-byte tail is sign-extended.
func hashHsieh(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
  var hash: UInt32 = 0
  var i = from
  for _ in 0..<count / 4 {
    let word = bytes.halfWord(at: i)
    hash &+= word & 0xffff
    hash = hash &<< 16 ^ ((word &>> 16) &<< 11 ^ hash)
    hash &+= hash &>> 11
    i &+= 4
  }
  switch count & 3 {
  case 3:
    hash &+= UInt32(bytes.byte(at: i)) | UInt32(bytes.byte(at: i &+ 1)) &<< 8
    hash ^= hash &<< 16
    hash ^= bytes.byte(at: i &+ 2).signExtended &<< 18
    hash &+= hash &>> 11
  case 2:
    hash &+= UInt32(bytes.byte(at: i)) | UInt32(bytes.byte(at: i &+ 1)) &<< 8
    hash ^= hash &<< 11
    hash &+= hash &>> 17
  case 1:
    hash &+= UInt32(bytes.byte(at: i))
    hash ^= hash &<< 10
    hash &+= hash &>> 1
  default: break
  }
  hash ^= hash &<< 3
  hash &+= hash &>> 5
  hash ^= hash &<< 4
  hash &+= hash &>> 17
  hash ^= hash &<< 25
  hash &+= hash &>> 6
  return hash
}
