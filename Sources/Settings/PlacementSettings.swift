/// The rings that a file may name, in the file's words.
package enum PlacementName: String, CaseIterable, Sendable {
  /// libmemcached's weighted ring of MD5 points; its clients hash keys with MD5.
  case ketama
  /// The same points over twemproxy's labels; keys are hashed with fnv1a_64 unless `hash` says else.
  case twemproxyKetama = "twemproxy-ketama"
}

/// The key hashes that a file may name, in twemproxy's and libmemcached's words.
package enum KeyHashName: String, CaseIterable, Sendable {
  case md5
  case fnv1a64 = "fnv1a_64"
  case fnv164 = "fnv1_64"
  case fnv132 = "fnv1_32"
  case fnv1a32 = "fnv1a_32"
  case oneAtATime = "one_at_a_time"
  case crc16, crc32, crc32a, hsieh, murmur, jenkins
}

/// Two bytes that enclose the part of a key that is hashed, such as `{` and `}`.
package struct HashTag: Equatable, Sendable {
  package var open: UInt8
  package var close: UInt8

  package init(open: UInt8, close: UInt8) {
    self.open = open
    self.close = close
  }

  /// Two visible ASCII characters, or a complaint.
  package static func parse(_ text: String) throws(Complaint) -> HashTag {
    let bytes = Array(text.utf8)
    guard bytes.count == 2, bytes.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw .expected("two visible ASCII characters in quotes", found: quoted(text), hint: #"such as "{}""#)
    }
    return HashTag(open: bytes[0], close: bytes[1])
  }
}

extension HashTag: CustomStringConvertible {
  package var description: String { String(decoding: [open, close], as: UTF8.self) }
}
