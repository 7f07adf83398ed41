/// How a pool's keys are divided among its servers while all of them are in: the plain value that workers make their
/// lookups from. Servers are positions in the pool's list.
package enum Layout: Equatable, Sendable {
  /// Points around a circle of 32-bit hashes, sorted: a key belongs to the first at or after its hash.
  case ring([ContinuumPoint])
  /// A key belongs to the entry at its hash modulo the number of entries.
  case modulo([UInt16])
  /// Lamping and Veach's jump hash over the servers.
  case jump(servers: Int)
  /// mcrouter's tree of coins.
  case furc(Furc)
  /// Each server has a score for each key; the highest wins.
  case scores(Scores)
  /// A table that the top bits of the hash index.
  case slots(SlotTable)

  /// The servers that own some keys. O(points), or O(servers).
  package var owners: Set<Int> {
    switch self {
    case .ring(let points): Set(points.lazy.map { Int($0.server) })
    case .modulo(let list): Set(list.lazy.map { Int($0) })
    case .jump(let servers): Set(0..<servers)
    case .furc(let furc): furc.owners
    case .scores(let scores): Set(0..<scores.count)
    case .slots(let table): Set(table.owners.lazy.map { Int($0) })
    }
  }

  /// Whether a server that is out leaves its keys to a ring of stand-ins, because the layout has no next server.
  var needsStandIns: Bool {
    switch self {
    case .modulo, .jump, .furc: true
    case .ring, .scores, .slots: false
    }
  }
}
