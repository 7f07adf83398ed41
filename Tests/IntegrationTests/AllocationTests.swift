import Foundation
import Net
import Testing

extension Integration {
  /// The request path takes its memory from pools: once warm, it never calls the allocator.
  @Suite struct AllocationTests {
    /// A proxy that counts every allocation of the whole process.
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
        // Until the pools have the memory that this kind of request needs.
        for _ in 0..<50 { try run() }
        // Once a second the control thread checks the file, which may allocate without any request; a request path
        // that allocates would show in each of these five measurements.
        var least = UInt64.max
        for _ in 0..<5 where least > 0 {
          let before = try counted.allocations()
          for _ in 0..<50 { try run() }
          least = min(least, try counted.allocations() - before)
        }
        #expect(least == 0, "\(name): \(least) allocations")
      }
    }

    /// Checks the counter itself: a request known to allocate increases it.
    @Test func allocationCounterSeesKnownAllocations() throws {
      let counted = try Counted()
      let client = try counted.cluster.client()
      _ = try client.stats()
      let before = try counted.allocations()
      _ = try client.stats()
      #expect(try counted.allocations() > before)
    }
  }
}
