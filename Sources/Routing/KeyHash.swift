/// The hash function that turns a key into its 32-bit position on the ring.
///
/// The cluster's existing clients determine which one to use: `md5` for libmemcached and PHP in ketama mode,
/// `fnv1a_64` for twemproxy. The names are those of twemproxy's and ringroad's configuration files. All agree bit for
/// bit with the named libraries on x86-64, where `char` is signed.
@usableFromInline @frozen
package enum KeyHash: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case md5
  case fnv1a64
  case fnv64
  case fnv1a32
  case fnv32
  case oneAtATime
  case crc16
  case crc32
  case crc32a
  case hsieh
  case murmur
  case murmur3
  case jenkins
  case xxh3
  /// Java's `String.hashCode`, and the FNV hashes over the UTF-16 units of a key, as spymemcached has them.
  case java, javaFNV64, javaFNV1a64, javaFNV32, javaFNV1a32
  /// The lower 31 bits of the CRC-32, and 64-bit MurmurHash2: mcrouter's.
  case crc31, murmur64a

  /// Those that a configuration file can name; the others belong to placements without a choice.
  package static let offered = allCases.filter { $0 != .crc31 && $0 != .murmur64a }

  /// Those of libhashkit and twemproxy.
  package static let commonCases: [KeyHash] = [
    .md5, .fnv1a64, .fnv64, .fnv1a32, .fnv32, .oneAtATime, .crc16, .crc32, .crc32a, .hsieh, .murmur, .murmur3,
    .jenkins,
  ]

  /// Its name in a configuration file.
  package var name: String {
    switch self {
    case .md5: "md5"
    case .fnv1a64: "fnv1a_64"
    case .fnv64: "fnv1_64"
    case .fnv1a32: "fnv1a_32"
    case .fnv32: "fnv1_32"
    case .oneAtATime: "one_at_a_time"
    case .crc16: "crc16"
    case .crc32: "crc32"
    case .crc32a: "crc32a"
    case .hsieh: "hsieh"
    case .murmur: "murmur"
    case .murmur3: "murmur3"
    case .jenkins: "jenkins"
    case .xxh3: "xxh3"
    case .java: "java"
    case .javaFNV64: "java_fnv1_64"
    case .javaFNV1a64: "java_fnv1a_64"
    case .javaFNV32: "java_fnv1_32"
    case .javaFNV1a32: "java_fnv1a_32"
    case .crc31: "crc31"
    case .murmur64a: "murmur64a"
    }
  }

  /// The hash with this name in a configuration file; nil if there is none.
  package init?(name: String) {
    guard let hash = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = hash
  }

  /// The hash of bytes `from ..< from + count`, which must lie in `bytes`. Allocates nothing.
  @inlinable @inline(__always)
  package func hash(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
    switch self {
    case .md5:
      precondition(from >= 0 && count >= 0 && count <= bytes.byteCount &- from)
      return hashMD5(bytes, from: from, count: count)
    case .fnv1a64: return hashFNV1a64(bytes, from: from, count: count)
    default: return hashOtherwise(bytes, from: from, count: count)
    }
  }

  /// The rarely used hashes, out of line to keep the two common ones small.
  @inline(never) @usableFromInline
  func hashOtherwise(_ bytes: RawSpan, from: Int, count: Int) -> UInt32 {
    switch self {
    case .md5: hashMD5(bytes, from: from, count: count)
    case .fnv1a64: hashFNV1a64(bytes, from: from, count: count)
    case .fnv64: hashFNV64(bytes, from: from, count: count)
    case .fnv1a32: hashFNV1a32(bytes, from: from, count: count)
    case .fnv32: hashFNV32(bytes, from: from, count: count)
    case .oneAtATime: hashOneAtATime(bytes, from: from, count: count)
    case .crc16: hashCRC16(bytes, from: from, count: count)
    case .crc32: hashCRC32Folded(bytes, from: from, count: count)
    case .crc32a: hashCRC32(bytes, from: from, count: count)
    case .hsieh: hashHsieh(bytes, from: from, count: count)
    case .murmur: hashMurmur2(bytes, from: from, count: count)
    case .murmur3: hashMurmur3(bytes, from: from, count: count)
    case .jenkins: hashJenkins(bytes, from: from, count: count)
    case .xxh3: UInt32(truncatingIfNeeded: hashXXH3(bytes, from: from, count: count, seed: 0))
    case .java: hashJavaString(bytes, from: from, count: count)
    case .javaFNV64: hashJavaFNV64(bytes, from: from, count: count)
    case .javaFNV1a64: hashJavaFNV1a64(bytes, from: from, count: count)
    case .javaFNV32: hashJavaFNV32(bytes, from: from, count: count)
    case .javaFNV1a32: hashJavaFNV1a32(bytes, from: from, count: count)
    case .crc31: hashCRC32(bytes, from: from, count: count) & 0x7fff_ffff
    case .murmur64a:
      UInt32(truncatingIfNeeded: hashMurmur64A(bytes, from: from, count: count, seed: 4_193_360_111))
    }
  }
}

// A byte as libhashkit and twemproxy read it where `char` is signed: for bytes from 0x80 up, all higher bits are
// ones.

extension UInt8 {
  @inlinable var signExtended: UInt32 {
    @inline(__always) get { UInt32(truncatingIfNeeded: Int8(bitPattern: self)) }
  }
}
