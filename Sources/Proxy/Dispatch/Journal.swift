import Bytes
import Topology

/// The invalidation journal: the keys that each server must delete before it is trusted again. One rule:
///
///     (X, k) is in the journal when X's copy of k must be deleted before X is sent a read of k again
///
/// A key that changes while its owner S is out, on its stand-in T, makes two entries: S's copy is old now, and T's
/// will be once S owns the key again. A change that may or may not have reached X makes one entry.
///
///     lasting   kept until X has deleted them
///     recent    in doubt, on a server that is up: needed only if it goes out soon
///     older     the same, from the period before; dropped at the next `turn`
///
/// One worker owns it. Each server's page is bounded in keys and in bytes; an overflow drops the page's keys and
/// leaves a flag that names their owners on the full ring. Clients read a stand-in's copy only while its key's owner
/// is out of the ring. Keys are as memcached stores them: a key that a meta command wrote in base64 is decoded here.
package struct Journal: Sendable {
  /// Servers that own keys. After a change of the ring the owners are unknown: `areAll`.
  package struct Owners: Sendable, Equatable {
    package private(set) var ids: Set<ServerID> = []
    package private(set) var areAll = false

    package init() {}

    package static var all: Owners {
      var owners = Owners()
      owners.areAll = true
      return owners
    }

    package var isEmpty: Bool { ids.isEmpty && !areAll }

    package func contains(_ id: ServerID) -> Bool { areAll || ids.contains(id) }

    package func contains(where isMeant: (ServerID) -> Bool) -> Bool {
      areAll || ids.contains(where: isMeant)
    }

    package func isCovered(by other: Owners) -> Bool {
      other.areAll || !areAll && ids.isSubset(of: other.ids)
    }

    mutating func insert(_ id: ServerID) {
      if !areAll { ids.insert(id) }
    }

    package mutating func add(_ other: Owners) {
      if areAll { return }
      if other.areAll { self = .all } else { ids.formUnion(other.ids) }
    }

    /// Removes and returns the owners that `mayGo` picks. If `areAll`, the whole set goes when `mayGo(nil)` is true.
    mutating func take(where mayGo: (ServerID?) -> Bool) -> Owners {
      var taken = Owners()
      if areAll {
        if mayGo(nil) { swap(&taken, &self) }
        return taken
      }
      taken.ids = ids.filter(mayGo)
      ids.subtract(taken.ids)
      return taken
    }
  }

  /// Keys to be deleted on one server.
  package struct Entries: Sendable, Equatable {
    package private(set) var keys: Set<[UInt8]> = []
    /// The owners of `keys`, and perhaps of keys that were removed.
    private var owners = Owners()
    /// Owners whose keys overflowed: which of their keys is unknown.
    package private(set) var lost = Owners()
    private(set) var bytes = 0

    package init() {}

    /// Whether there were more than `keys` lists.
    package var hasOverflowed: Bool { !lost.isEmpty }

    package var isEmpty: Bool { keys.isEmpty && !hasOverflowed }

    /// Memory of one key: its bytes, and the overhead of a set element.
    static func cost(_ key: [UInt8]) -> Int { key.count + 64 }

    /// Returns whether the entry is new.
    @discardableResult
    package mutating func insert(_ key: [UInt8], of owner: ServerID) -> Bool {
      guard !lost.contains(owner), keys.insert(key).inserted else { return false }
      owners.insert(owner)
      bytes += Self.cost(key)
      return true
    }

    package mutating func remove(_ key: [UInt8]) {
      if keys.remove(key) != nil { bytes -= Self.cost(key) }
    }

    /// Drops the keys and remembers only their owners.
    package mutating func overflow() {
      lost.add(owners)
      keys = []
      owners = Owners()
      bytes = 0
    }

    /// Marks the keys of all owners as unknown.
    package mutating func overflowAll() {
      owners = .all
      overflow()
    }

    /// Adds the entries that others hold for the same server.
    package mutating func merge(_ other: Entries, mostKeys: Int, mostBytes: Int) {
      lost.add(other.lost)
      owners.add(other.owners)
      if lost.areAll { return overflow() }
      if keys.isEmpty {
        keys = other.keys
        bytes = other.bytes
      } else {
        for key in other.keys where keys.insert(key).inserted { bytes += Self.cost(key) }
      }
      if keys.count > mostKeys || bytes > mostBytes { overflow() }
    }

    /// Replaces known owners by all: the ring has changed.
    package mutating func forgetOwners() {
      if !keys.isEmpty { owners = .all }
      if hasOverflowed { lost = .all }
    }

    /// Removes and returns the keys that `isOrphan` picks.
    mutating func takeKeys(where isOrphan: ([UInt8]) -> Bool) -> Entries {
      var taken = Entries()
      for key in keys where isOrphan(key) {
        taken.keys.insert(key)
        taken.bytes += Self.cost(key)
      }
      if taken.keys.isEmpty { return taken }
      taken.owners = owners
      for key in taken.keys { remove(key) }
      return taken
    }

    /// Removes and returns the overflow flags of the owners that `mayGo` picks.
    package mutating func takeLost(where mayGo: (ServerID?) -> Bool) -> Entries {
      var taken = Entries()
      taken.lost = lost.take(where: mayGo)
      return taken
    }
  }

  private struct Page {
    var lasting = Entries()
    var recent = Entries()
    var older = Entries()

    var isEmpty: Bool { lasting.isEmpty && recent.isEmpty && older.isEmpty }
  }

  /// The result of recording a key.
  package enum Outcome: Equatable, Sendable {
    case added
    /// Already recorded, or covered by an earlier overflow.
    case nothingNew
    /// There was no room: the keys recorded so far were dropped.
    case overflowed
  }

  private var pages: [ServerID: Page] = [:]
  private var turnedAt = Instant.origin

  package init() {}

  /// Whether no server has any entry.
  package var isEmpty: Bool { pages.isEmpty }

  /// Records that a server's copy of a key is not to be trusted. `owner` owns the key on the full ring.
  package mutating func record(
    _ key: [UInt8], of owner: ServerID, against server: ServerID, isLasting: Bool, mostKeys: Int,
    mostBytes: Int
  ) -> Outcome {
    var page = exchange(&pages[server, default: Page()], with: Page())
    defer { pages[server] = page }
    if page.lasting.lost.contains(owner) || page.lasting.keys.contains(key) { return .nothingNew }
    let isNew = isLasting ? page.lasting.insert(key, of: owner) : page.recent.insert(key, of: owner)
    guard isNew else { return .nothingNew }
    let count = page.lasting.keys.count + page.recent.keys.count + page.older.keys.count
    let bytes = page.lasting.bytes + page.recent.bytes + page.older.bytes
    guard count > mostKeys || bytes > mostBytes else { return .added }
    if isLasting { page.lasting.overflow() } else { page.recent.overflow() }
    return .overflowed
  }

  /// The server is out: its entries in doubt become lasting, so that they no longer expire.
  package mutating func keep(_ server: ServerID, mostKeys: Int, mostBytes: Int) {
    guard var page = pages.removeValue(forKey: server) else { return }
    page.lasting.merge(page.recent, mostKeys: mostKeys, mostBytes: mostBytes)
    page.lasting.merge(page.older, mostKeys: mostKeys, mostBytes: mostBytes)
    page.recent = Entries()
    page.older = Entries()
    if !page.isEmpty { pages[server] = page }
  }

  /// Drops entries that have been in doubt for at least `life`, and at most twice that, on servers that stayed up.
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

  /// Removes and returns all entries of a server.
  package mutating func take(_ server: ServerID) -> Entries {
    guard var page = pages.removeValue(forKey: server) else { return Entries() }
    page.lasting.merge(page.recent, mostKeys: .max, mostBytes: .max)
    page.lasting.merge(page.older, mostKeys: .max, mostBytes: .max)
    return page.lasting
  }

  func lastingCount(of server: ServerID) -> Int { pages[server]?.lasting.keys.count ?? 0 }

  /// Calls `body` with each of a server's lasting keys.
  func forEachLasting(of server: ServerID, _ body: ([UInt8]) -> Void) {
    for key in pages[server]?.lasting.keys ?? [] { body(key) }
  }

  /// Removes and returns a server's lasting entries that `isOrphan` picks, and with `withFlags` its overflow flags.
  package mutating func takeLasting(
    _ server: ServerID, withFlags: Bool, where isOrphan: ([UInt8]) -> Bool
  ) -> Entries {
    guard var page = pages.removeValue(forKey: server) else { return Entries() }
    var taken = page.lasting.takeKeys(where: isOrphan)
    let flags = page.lasting.takeLost { _ in withFlags }
    taken.merge(flags, mostKeys: .max, mostBytes: .max)
    if !page.isEmpty { pages[server] = page }
    return taken
  }

  /// The ring of these servers may have changed: the keys' owners are no longer known.
  package mutating func forgetOwners(on servers: [ServerID]) {
    for server in servers {
      pages[server]?.lasting.forgetOwners()
      pages[server]?.recent.forgetOwners()
      pages[server]?.older.forgetOwners()
    }
  }

  /// The server is no longer configured.
  package mutating func forget(_ server: ServerID) { pages.removeValue(forKey: server) }
}
