import Foundation
import Testing

extension Integration {
  /// memcached's own tool lists and dumps the keys of the whole cluster.
  @Suite struct KeyDumpTests {
    private static let tool = "/usr/share/memcached/scripts/memcached-tool"

    /// Runs the tool on the proxy; it must end by itself.
    private func run(_ mode: String, _ cluster: Cluster) throws -> String {
      guard FileManager.default.fileExists(atPath: Self.tool) else {
        throw Missing(description: "there is no \(Self.tool): the package memcached has it")
      }
      let directory = try Directory()
      let child = try Child(
        ["/usr/bin/perl", Self.tool, "127.0.0.1:\(cluster.proxy.port)", mode], output: directory.file("out"))
      #expect(child.end(within: .seconds(10)) != nil, "the tool waits for ever")
      return directory.read("out")
    }

    @Test func memcachedToolShowsTheKeysOfAllServers() throws {
      let cluster = try Cluster(servers: 3)
      let client = try cluster.client()
      let keys = (0..<200).map { "tool:\($0)" }
      for key in keys { #expect(try client.set(key, "v\(key)") == "STORED") }
      let lines = try run("keys", cluster).split(separator: "\n").filter { $0.hasPrefix("key=") }
      let listed = lines.compactMap {
        $0.split(separator: " ").first?.dropFirst(4).replacingOccurrences(of: "%3A", with: ":")
      }
      #expect(Set(listed) == Set(keys))
      let dumped = try run("dump", cluster)
      for key in keys { #expect(dumped.contains("add \(key) 0 0 \(key.count + 1)\r\nv\(key)\r\n")) }
    }

    /// A hundred thousand keys, and a reader that takes its time: the list is whole, and costs little memory.
    @Test func aLongListIsWholeForASlowReader() throws {
      let cluster = try Cluster(servers: 2)
      let client = try cluster.client()
      let count = 100_000
      for start in stride(from: 0, to: count, by: 1000) {
        try client.send((start..<start + 1000).map { "set long:\($0) 0 0 1 noreply\r\nx\r\n" }.joined())
      }
      #expect(eventually(within: .seconds(5)) { (try? client.stats()["curr_items"]) == "\(count)" })
      try client.send("lru_crawler metadump all\r\n")
      pause(.milliseconds(500))
      #expect(try cluster.proxy.number("memory_in_use") < 4 << 20)
      var seen = 0
      while true {
        let line = try client.line()
        if line == "END" { break }
        #expect(line.hasPrefix("key=long"))
        seen += 1
      }
      #expect(seen == count)
    }
  }
}
