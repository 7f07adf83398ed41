import Foundation
import Glibc
import Testing

extension Integration {
  /// Common client libraries in everyday use.
  @Suite struct LibraryTests {
    @Test(arguments: ["pymemcache", "pymemcache-pool", "pylibmc", "python-memcached"])
    func clientLibraryWorksAsWithAMemcached(library: String) throws {
      let cluster = try Cluster(servers: 3)
      let output = try Directory()
      let script = Programs.root + "/Tests/IntegrationTests/Clients/everyday.py"
      let child = try Child(
        [Programs.python(), script, library, String(cluster.proxy.port)], output: output.file("out"))
      let end = child.end(within: .seconds(30))
      #expect(end == .exited(0), "\(output.read("out"))")
      #expect(output.read("out").contains("checks passed"))
      #expect(try cluster.proxy.number("client_errors") == 0)
      #expect(try cluster.proxy.number("integrity_failures") == 0)
    }
  }
}
