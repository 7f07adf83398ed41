import Foundation
import Routing
import Settings
import Testing

/// Each key is where the clients and proxies themselves have put it: their recorded answers, for pools written as a user
/// writes them.
///
/// A file `Vectors/NAME.json` of the same form is played if `Vectors/schemes.json` has the lines of a pool for it.
@Suite struct SchemeVectorTests {
  static let schemes: [String: String] = (try? vectors("schemes")) ?? [:]

  @Test(arguments: schemes.keys.sorted())
  func everyKeyIsPlacedAsTheOriginalPlacesIt(name: String) throws {
    let lines = try #require(Self.schemes[name])
    let lists = try vectors("keys", as: [String: [String]].self)
    let file = try vectors(name, as: PlacementVectors.self)
    // Every original can express at least twelve of the fifteen lists of servers; the seven of our own are others.
    #expect(file.cases.count >= (name == "rendezvous" ? 7 : 12))
    for example in file.cases {
      let keys = try #require(lists[example.keys]).map { Array($0.utf8) }
      #expect(keys.count == example.expected.count && keys.count == 300)
      var table = try Self.table(lines, example.servers)
      let alone = keys.map { table.where($0)?.server }
      let together = table.places(of: keys).map { $0?.server }
      #expect(alone == example.expected, "\(example.id)")
      #expect(together == example.expected, "\(example.id), in batches")
      // While another server is out, its own stay where they were.
      let owners = keys.map { key in table.owner(of: key) }
      #expect(owners == example.expected, "\(example.id), owners")
    }
  }

  @Test func everyVectorFileIsPlayed() throws {
    let folder = try #require(Bundle.module.url(forResource: "Vectors", withExtension: nil))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
    let played = Set(Self.schemes.keys)
    #expect(Set(files).subtracting(["keys", "hash-functions", "schemes"]) == played && played.count > 80)
  }

  /// Every placement has recorded answers: its own, or those of the one that it is another name of.
  @Test func everyPlacementIsPlayed() {
    let text = Self.schemes.values.joined(separator: "\n")
    let others: [String: String] = [
      "ketama": "php-ketama", "pylibmc-default": "libmemcached-default",
      "pylibmc-ketama": "libmemcached-ketama",
      "pylibmc-ketama-weighted": "libmemcached-ketama-weighted",
    ]
    for scheme in PlacementScheme.allCases {
      let name = others[scheme.name] ?? scheme.name
      #expect(text.contains("scheme: \(name)") || text.contains("placement: \(name)"), "\(scheme.name)")
    }
  }

  private static func table(_ lines: String, _ servers: [PlacementVectors.Server]) throws -> RoutingTable {
    var text = lines + "\nservers:\n"
    for server in servers {
      let port = server.port.map { ":\($0)" } ?? ""
      let address =
        server.kind == "unix"
        ? "unix:" + server.host
        : server.kind == "ip6" ? "[\(server.host)]\(port)" : server.host + port
      text += "  - {address: \"\(address)\", weight: \(server.weight)"
      if let name = server.name { text += ", name: \"\(name)\"" }
      if let resolved = server.address { text += ", resolved: \"\(resolved)\"" }
      text += "}\n"
    }
    return RoutingTable(try ProxySettings.decode(bytes: Array(text.utf8), file: "pool.yml").routingPlan())
  }
}
