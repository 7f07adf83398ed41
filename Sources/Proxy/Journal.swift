import Bytes

/// What each server must forget before it is trusted again. One rule:
///
///     (X, k) is in the journal when X's copy of k must be deleted before X is asked for k again
///
/// A key that changes while its owner S is out, on its stand-in T, makes two entries: S's copy is of yesterday,
/// and T's will be once S owns the key again. A change that may or may not have reached X makes one entry.
///
///     lasting   kept until X has deleted them
///     recent    in doubt, on a server that is up: of use only if it goes out soon
///     older     the same, of the time before; dropped at the next turn of the page
///
/// One worker owns it. Each server's page is bounded, in keys and in bytes; what goes beyond costs the page
/// its keys and leaves a flag: too much to be known. Keys are as memcached stores them, so what a meta command
/// wrote in base64 stands here decoded.
package struct Journal: Sendable {
  /// Keys to be deleted on one server.
  package struct Entries: Sendable, Equatable {
    package var keys: Set<[UInt8]> = []
    /// More than these: which ones is not known.
    package var hasOverflowed = false
    private(set) var bytes = 0

    package init() {}

    package var isEmpty: Bool { keys.isEmpty && !hasOverflowed }

    /// What a key takes: its bytes, and what a set needs to hold it.
    static func cost(_ key: [UInt8]) -> Int { key.count + 64 }

    /// Returns whether the key is new here.
    @discardableResult
    package mutating func insert(_ key: [UInt8]) -> Bool {
      guard !hasOverflowed, keys.insert(key).inserted else { return false }
      bytes += Self.cost(key)
      return true
    }

    package mutating func remove(_ key: [UInt8]) {
      if keys.remove(key) != nil { bytes -= Self.cost(key) }
    }

    /// Too many: from now on nothing is known but that.
    package mutating func overflow() {
      self = Entries()
      hasOverflowed = true
    }

    /// Takes over what others hold against the same server.
    package mutating func merge(_ other: Entries, mostKeys: Int, mostBytes: Int) {
      if other.hasOverflowed { return overflow() }
      if keys.isEmpty && !hasOverflowed {
        self = other
      } else {
        for key in other.keys { insert(key) }
      }
      if keys.count > mostKeys || bytes > mostBytes { overflow() }
    }
  }

  private struct Page {
    var lasting = Entries()
    var recent = Entries()
    var older = Entries()

    var isEmpty: Bool { lasting.isEmpty && recent.isEmpty && older.isEmpty }
  }

  /// What became of a key.
  package enum Outcome: Equatable, Sendable {
    case added
    /// Known already, or lost in an overflow long ago.
    case nothingNew
    /// There was no room, and what was known is not any more.
    case overflowed
  }

  private var pages: [UInt32: Page] = [:]
  private var turnedAt = Instant.origin

  package init() {}

  /// Whether anything is held against any server.
  package var isEmpty: Bool { pages.isEmpty }

  /// Notes that a server's copy of a key is not to be trusted.
  package mutating func record(
    _ key: [UInt8], against server: UInt32, isLasting: Bool, mostKeys: Int, mostBytes: Int
  ) -> Outcome {
    var page = exchange(&pages[server, default: Page()], with: Page())
    defer { pages[server] = page }
    if page.lasting.hasOverflowed || page.lasting.keys.contains(key) { return .nothingNew }
    let isNew = isLasting ? page.lasting.insert(key) : page.recent.insert(key)
    guard isNew else { return .nothingNew }
    let count = page.lasting.keys.count + page.recent.keys.count + page.older.keys.count
    let bytes = page.lasting.bytes + page.recent.bytes + page.older.bytes
    guard count > mostKeys || bytes > mostBytes else { return .added }
    if isLasting { page.lasting.overflow() } else { page.recent.overflow() }
    return .overflowed
  }

  /// The server is out: what is in doubt on it is not forgotten by time any more.
  package mutating func keep(_ server: UInt32, mostKeys: Int, mostBytes: Int) {
    guard var page = pages.removeValue(forKey: server) else { return }
    page.lasting.merge(page.recent, mostKeys: mostKeys, mostBytes: mostBytes)
    page.lasting.merge(page.older, mostKeys: mostKeys, mostBytes: mostBytes)
    page.recent = Entries()
    page.older = Entries()
    if !page.isEmpty { pages[server] = page }
  }

  /// Drops what has been in doubt for at least `life`, and at most twice that, on servers that stayed up.
  package mutating func turn(now: Instant, life: Duration) {
    guard now.since(turnedAt) >= life else { return }
    turnedAt = now
    for server in Array(pages.keys) {
      guard var page = pages.removeValue(forKey: server) else { continue }
      page.older = page.recent
      page.recent = Entries()
      if !page.isEmpty { pages[server] = page }
    }
  }

  /// Gives away all that is held against a server.
  package mutating func take(_ server: UInt32) -> Entries {
    guard var page = pages.removeValue(forKey: server) else { return Entries() }
    page.lasting.merge(page.recent, mostKeys: .max, mostBytes: .max)
    page.lasting.merge(page.older, mostKeys: .max, mostBytes: .max)
    return page.lasting
  }

  /// Shows a server's lasting entries one by one.
  func visit(lastingOf server: UInt32, _ body: ([UInt8]) -> Void) {
    for key in pages[server]?.lasting.keys ?? [] { body(key) }
  }

  /// Gives away those of a server's lasting entries that `isStray` picks; an overflow always is.
  package mutating func takeLasting(_ server: UInt32, where isStray: ([UInt8]) -> Bool) -> Entries {
    guard var page = pages.removeValue(forKey: server) else { return Entries() }
    var taken = Entries()
    if page.lasting.hasOverflowed {
      swap(&taken, &page.lasting)
    } else {
      for key in page.lasting.keys where isStray(key) { taken.insert(key) }
      for key in taken.keys { page.lasting.remove(key) }
    }
    if !page.isEmpty { pages[server] = page }
    return taken
  }

  /// The server is configured no more.
  package mutating func forget(_ server: UInt32) { pages.removeValue(forKey: server) }
}
