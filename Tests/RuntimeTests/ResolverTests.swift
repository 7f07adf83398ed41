import Bytes
import Net
import Synchronization
import Testing

@testable import Runtime

@Suite struct ResolverTests {
  /// The results so far, once there are `count` of them or after ten seconds.
  private func answers(_ resolver: Resolver, _ count: Int) -> [String: Result<[Address], ResolveError>] {
    var found: [String: Result<[Address], ResolveError>] = [:]
    let deadline = Clock.now().advanced(by: .seconds(10))
    while found.count < count, Clock.now() < deadline {
      for answer in resolver.answers.take() { found[answer.host] = answer.result }
      Clock.pause(nanoseconds: 1_000_000)
    }
    return found
  }

  @Test func resolverAnswersEveryLookup() throws {
    let address = try #require(Address(ip: "10.0.0.1", port: 0))
    let resolver = try Resolver { host in
      host == "bad" ? .failure(ResolveError(host: host, code: -2)) : .success([address])
    }
    for i in 0..<50 { resolver.ask("host\(i)") }
    resolver.ask("bad")
    let found = answers(resolver, 51)
    #expect(found.count == 51)
    #expect(found["bad"] == .failure(ResolveError(host: "bad", code: -2)))
    #expect(found["host49"] == .success([address]))
  }

  /// A zone with name servers that do not answer delays neither the caller nor lookups in other zones.
  @Test func silentLookupDoesNotDelayOtherLookups() throws {
    let gate = Semaphore()
    let begun = Atomic<Int>(0)
    let resolver = try Resolver { host in
      if host.hasPrefix("silent") {
        begun.add(1, ordering: .relaxed)
        gate.wait()
      }
      return .success([])
    }
    let start = Clock.now()
    for i in 0..<(Resolver.most - 1) { resolver.ask("silent\(i)") }
    for i in 0..<10 { resolver.ask("host\(i)") }
    #expect(Clock.now().since(start) < .seconds(1))
    let found = answers(resolver, 10)
    #expect(found.count == 10 && found.keys.allSatisfy { $0.hasPrefix("host") })
    #expect(begun.load(ordering: .relaxed) == Resolver.most - 1)
    for _ in 0..<Resolver.most { gate.signal() }
    #expect(answers(resolver, Resolver.most - 1).count == Resolver.most - 1)
  }

  /// The start looks a listener's name up in this way.
  @Test func blockingLookupEndsAtItsTimeLimit() throws {
    let address = try #require(Address(ip: "10.0.0.1", port: 0))
    let gate = Semaphore()
    let lookup: Resolver.Lookup = { host in
      if host == "silent" { gate.wait() }
      return .success([address])
    }
    let start = Clock.now()
    #expect(Resolver.find("silent", within: .milliseconds(50), lookup) == nil)
    #expect(Clock.now().since(start) < .seconds(2))
    gate.signal()
    #expect(Resolver.find("host", within: .seconds(10), lookup) == .success([address]))
  }

  @Test func systemResolverFindsLocalhost() throws {
    let resolver = try Resolver()
    resolver.ask("localhost")
    let found = try #require(try answers(resolver, 1)["localhost"]?.get())
    #expect(found.contains { $0.ip == "127.0.0.1" || $0.ip == "::1" })
    #expect(found.allSatisfy { $0.port == 0 })
  }
}
