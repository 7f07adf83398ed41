/// A line of memcached's `lru_crawler metadump`: a key in URL encoding, and what there is to know of its item.
///
///     key=user%3A1 exp=-1 la=1700000000 cas=1 fetch=no cls=1 size=61
package enum MetadumpLine {
  /// The key and the item's bytes, 0 if they are not given; nil if the line is none, or its key is broken.
  package static func item(_ line: [UInt8]) -> (key: [UInt8], bytes: Int)? {
    guard line.starts(with: "key=".utf8) else { return nil }
    let words = line.split(separator: 32)
    guard let key = words.first.flatMap({ percentDecoded($0.dropFirst(4)) }) else { return nil }
    let size = words.first { $0.starts(with: "size=".utf8) }
    return (key, size.map { number($0.dropFirst(5)) } ?? 0)
  }

  /// The number at the beginning of a text, at most 2^40.
  package static func number(_ text: ArraySlice<UInt8>) -> Int {
    let digits = text.prefix { (48...57).contains($0) }
    return min(Int(String(decoding: digits, as: UTF8.self)) ?? 0, 1 << 40)
  }
}
