import Foundation
import Net
import Testing

extension Integration {
  /// The path of a request takes its memory from pools: once warm, it never asks the allocator.
  @Suite struct AllocationTests {
    /// The proxy with every allocation of the whole process counted.
    private final class Counted {
      let cluster: Cluster
      let directory: Directory

      init() throws {
        let directory = try Directory()
        self.directory = directory
        let library = directory.file("malloc_count.so")
        let compiler = try Child(
          ["clang", "-O1", "-shared", "-fPIC", "-o", library, Self.source], output: directory.file("clang"))
        guard compiler.end(within: .seconds(30)) == .exited(0) else {
          throw Missing(description: "clang: \(directory.read("clang"))")
        }
        cluster = try Cluster(
          options: "threads: 1",
          environment: ["LD_PRELOAD=\(library)", "MALLOC_COUNT_FILE=\(directory.file("count"))"])
      }

      private static let source = Programs.root + "/Tests/IntegrationTests/Support/malloc_count.c"

      func allocations() throws -> UInt64 {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.file("count")))
        try #require(bytes.count >= 8)
        return bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      }
    }

    @Test func requestsInSteadyStateAllocateNothing() throws {
      let counted = try Counted()
      let client = try counted.cluster.client()
      let keys = (0..<64).map { "key:\($0)" }
      for key in keys { try #require(try client.set(key, "a value of \(key)") == "STORED") }
      let gets = keys.map { "get \($0)\r\n" }
      let kinds: [(String, () throws -> Void)] = [
        ("gets of one key, one by one", { for key in keys { _ = try client.get(key) } }),
        (
          "gets of one key, 64 at once",
          {
            try client.send(gets.joined())
            for _ in keys { _ = try client.values() }
          }
        ),
        ("gets of 24 keys", { _ = try client.get(Array(keys.prefix(24))) }),
        ("sets", { for key in keys { _ = try client.set(key, "another value of \(key)") } }),
        ("deletes and misses", { for key in keys { _ = try client.ask("delete no:\(key)") } }),
      ]
      for (name, run) in kinds {
        // Until the pools have what this kind of request needs.
        for _ in 0..<50 { try run() }
        // The control thread looks after the file once a second, which is nobody's request: a path that
        // allocated would show in every one of these.
        var least = UInt64.max
        for _ in 0..<5 where least > 0 {
          let before = try counted.allocations()
          for _ in 0..<50 { try run() }
          least = min(least, try counted.allocations() - before)
        }
        #expect(least == 0, "\(name): \(least) allocations")
      }
    }

    /// The count itself: what is known to allocate is seen.
    @Test func whatAllocatesIsCounted() throws {
      let counted = try Counted()
      let client = try counted.cluster.client()
      _ = try client.stats()
      let before = try counted.allocations()
      _ = try client.stats()
      #expect(try counted.allocations() > before)
    }
  }
}
