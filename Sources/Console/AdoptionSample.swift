import Bytes
import Routing
import Settings

/// Keys of a cluster, each with the server that it was read from.
struct AdoptionSample {
  /// In the order in which they were given.
  let servers: [ServerSettings]
  /// The placement, hash and tag that a file gives them, which are tried first; nil without a file.
  var own: PoolSettings?
  /// The address of each server in numbers, if it is known.
  let ips: [String?]
  /// In turn from each server, so that any first part of them is of all servers.
  private(set) var keys: [[UInt8]] = []
  /// For each key, the position of its server.
  private(set) var owners: [Int] = []

  /// The most keys in all; more would tell no more.
  static let most = 100_000

  init(servers: [ServerSettings], ips: [String?]? = nil, keys lists: [[[UInt8]]]) {
    self.servers = servers
    self.ips = ips ?? servers.map { _ in nil }
    for turn in 0..<(lists.map(\.count).max() ?? 0) {
      for (server, list) in lists.enumerated() where turn < list.count && keys.count < Self.most {
        keys.append(list[turn])
        owners.append(server)
      }
    }
  }

  /// The number of servers with any keys.
  var serversWithKeys: Int { Set(owners).count }

  /// Whether some keys have a part in this tag.
  func has(_ tag: HashTag) -> Bool {
    keys.contains { tag.hashed(in: $0.span.raw, from: 0, count: $0.count).count < $0.count }
  }

  /// Whether mcrouter would hash only a part of some keys.
  var hasRoutingKeys: Bool {
    let mark = Array("|#|".utf8)
    return keys.contains { key in
      key.first == UInt8(ascii: "/")
        || key.indices.contains { key[$0...].starts(with: mark) }
    }
  }
}
