import Settings

/// One reply of a memcached that lists keys, read line by line. Keeps at most `limit` keys.
///
///     lru_crawler metadump all     key=user%3A1 exp=-1 la=1700000000 cas=1 fetch=no cls=1 size=61
///     stats cachedump 1 100        ITEM user:1 [5 b; 0 s]
///     stats items                  STAT items:1:number 5
struct KeyDump {
  /// Why nothing more of a reply is read.
  enum End: Equatable {
    /// The server has sent all of it.
    case whole
    /// There are as many keys as wanted.
    case enough
    /// The server refuses, in these words.
    case refused(String)
  }

  /// An encoded key has at most 750 bytes, and numbers follow it.
  static let longestLine = 2048
  private static let refusals = [
    "ERROR", "CLIENT_ERROR", "SERVER_ERROR", "BUSY", "BADCLASS", "NOTSTARTED", "DENIED",
  ]

  private let limit: Int
  private(set) var keys: [[UInt8]] = []
  /// Each key's bytes: of its item, or of its value where only that is said.
  private(set) var sizes: [Int] = []
  /// The number of items in each slab class that has some.
  private(set) var classes: [(id: Int, items: Int)] = []
  private(set) var end: End?

  init(limit: Int) { self.limit = limit }

  /// Takes a line without its line end. Lines of other kinds are ignored, as are those after the end.
  mutating func take(_ line: [UInt8]) {
    guard end == nil else { return }
    if line == Array("END".utf8) {
      end = .whole
    } else if line.starts(with: "key=".utf8) {
      if line.count <= Self.longestLine, let item = MetadumpLine.item(line) { add(item.key, item.bytes) }
    } else if line.starts(with: "ITEM ".utf8) {
      let words = line.dropFirst(5)
      if line.count <= Self.longestLine, let bracket = Self.lastBracket(in: words) {
        add(Array(words[..<bracket]), MetadumpLine.number(words[(bracket + 2)...]))
      }
    } else if line.starts(with: "STAT items:".utf8) {
      addClass(String(decoding: line.dropFirst(11), as: UTF8.self))
    } else if let word = line.split(separator: 32, maxSplits: 1).first,
      Self.refusals.contains(String(decoding: word, as: UTF8.self))
    {
      end = .refused(printable(String(decoding: line.prefix(100), as: UTF8.self)))
    }
  }

  private mutating func add(_ key: [UInt8], _ bytes: Int) {
    guard (1...250).contains(key.count) else { return }
    keys.append(key)
    sizes.append(bytes)
    if keys.count >= limit { end = .enough }
  }

  private mutating func addClass(_ text: String) {
    let words = text.split { $0 == ":" || $0 == " " }
    // memcached has at most 64 classes, and 256 lists of their items.
    guard words.count == 3, words[1] == "number", let id = Int(words[0]), (1...255).contains(id),
      let items = Int(words[2]), items > 0, classes.count < 256
    else { return }
    classes.append((id, items))
  }

  /// Where ` [` begins that nothing but the item's size and time follows.
  private static func lastBracket(in words: ArraySlice<UInt8>) -> Int? {
    words.indices.last {
      words[$0] == UInt8(ascii: " ") && $0 + 1 < words.endIndex && words[$0 + 1] == UInt8(ascii: "[")
    }
  }
}
