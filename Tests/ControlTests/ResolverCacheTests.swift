import Bytes
import Settings
import TestSupport
import Testing

@testable import Control

@Suite struct ResolverCacheTests {
  private var now = Instant(nanoseconds: 1_000_000_000_000)
  private let unknown = "a: Name or service not known"

  private func ip(_ text: String, _ port: UInt16) -> Endpoint { .tcp(host: text, port: port) }

  private func found(_ texts: String...) -> LookupResult { .found(texts) }

  /// A cache where server 1 is `a:1` and server 2 is `A:2`.
  private func book() -> ResolverCache {
    var book = ResolverCache()
    book.keep([(1, .tcp(host: "a", port: 1)), (2, .tcp(host: "A", port: 2))])
    return book
  }

  // MARK: - Lookups that are due

  @Test(arguments: [
    Endpoint.tcp(host: "10.0.0.1", port: 1), .tcp(host: "::1", port: 1), .tcp(host: "fe80::1%lo", port: 1),
    .tcp(host: "fe80::1%nosuch", port: 1), .unix(path: "/run/cache.sock"),
  ])
  func literalAddressesAreNeverLookedUp(_ endpoint: Endpoint) {
    var book = ResolverCache()
    book.keep([(1, endpoint)])
    #expect(book.due(at: .never) == [])
    #expect(book.isComplete)
    #expect(ResolverCache.name(in: endpoint) == nil)
    #expect(book.address(of: 1) == endpoint)
  }

  @Test func nameHasOneLookupAtATimeAndTheNextAfterTheInterval() {
    var book = book()
    #expect(!book.isComplete)
    #expect(book.due(at: now) == ["a"])
    #expect(book.due(at: .never) == [])
    book.failed(1, at: now)
    #expect(book.due(at: .never) == [], "a resolver that is silent is not asked again and again")
    _ = book.answered("a", found("10.0.0.1"), at: now)
    #expect(book.isComplete)
    #expect(book.due(at: now.advanced(by: .milliseconds(29_999))) == [])
    #expect(book.due(at: now.advanced(by: .seconds(30))) == ["a"])
  }

  @Test func failedServersNameIsLookedUpAtMostOncePerSecond() {
    var book = book()
    _ = book.due(at: now)
    _ = book.answered("a", found("10.0.0.1"), at: now)
    for _ in 0..<100 { book.failed(2, at: now) }
    #expect(book.due(at: now) == [])
    let later = now.advanced(by: .seconds(1))
    #expect(book.due(at: later) == ["a"])
    _ = book.answered("a", found("10.0.0.1"), at: later)
    book.refresh(at: later.advanced(by: .seconds(5)))
    #expect(book.due(at: later.advanced(by: .seconds(5))) == ["a"])
  }

  // MARK: - Results

  @Test func firstLookupGivesServersTheFirstAddressOfTheName() {
    var book = book()
    #expect(book.addresses.isEmpty)
    let changes = book.answered("a", found("10.0.0.1", "10.0.0.2"), at: now)
    #expect(
      changes == [
        .moved(server: 1, from: nil, to: ip("10.0.0.1", 1)),
        .moved(server: 2, from: nil, to: ip("10.0.0.1", 2)),
        .several(host: "a", ["10.0.0.1", "10.0.0.2"]),
      ])
    #expect(book.addresses == [1: ip("10.0.0.1", 1), 2: ip("10.0.0.1", 2)])
    #expect(book.address(ofHost: "a", port: 9) == (ip("10.0.0.1", 9)))
  }

  @Test func serverKeepsItsAddressAsLongAsTheNameHasIt() {
    var book = book()
    _ = book.answered("a", found("10.0.0.2"), at: now)
    let three = ["10.0.0.1", "10.0.0.3", "10.0.0.2"]
    #expect(book.answered("a", .found(three), at: now) == [.several(host: "a", three)])
    #expect(book.answered("a", .found(three), at: now) == [])
    #expect(book.address(of: 1) == (ip("10.0.0.2", 1)))
    let changes = book.answered("a", found("10.0.0.3", "10.0.0.1"), at: now)
    #expect(changes.first == .moved(server: 1, from: ip("10.0.0.2", 1), to: ip("10.0.0.3", 1)))
    #expect(changes.count == 2)
  }

  @Test func failedLookupKeepsTheAddressAndIsReportedOnce() {
    var book = book()
    _ = book.answered("a", found("10.0.0.1"), at: now)
    var lost = book.answered("a", .failed(reason: unknown), at: now)
    #expect(lost == [.lost(host: "a", reason: unknown)])
    #expect(book.answered("a", .failed(reason: unknown), at: now) == [])
    #expect(book.answered("a", .found([]), at: now) == [])
    #expect(book.address(of: 1) == (ip("10.0.0.1", 1)))
    #expect(book.answered("a", found("10.0.0.1"), at: now) == [.found(host: "a")])
    lost = book.answered("a", .failed(reason: unknown), at: now)
    #expect(lost == [.lost(host: "a", reason: unknown)], "and again when it happens again")
  }

  @Test func nameThatWasNeverFoundIsLookedUpAgainAfterTwoSeconds() {
    var book = book()
    _ = book.due(at: now)
    _ = book.answered("a", .failed(reason: unknown), at: now)
    #expect(book.isComplete, "it was looked up")
    #expect(book.address(of: 1) == nil)
    #expect(book.due(at: now.advanced(by: .seconds(2))) == ["a"])
  }

  @Test func resultForAnUnknownHostIsIgnored() {
    var book = book()
    #expect(book.answered("b", found("10.0.0.1"), at: now) == [])
  }

  // MARK: - Several addresses

  @Test func eachAddressOfANameIsTriedOncePerRound() {
    var book = book()
    _ = book.answered("a", found("10.0.0.1", "10.0.0.2", "10.0.0.3"), at: now)
    #expect(!book.isProven(1))
    #expect(book.next(1) == (ip("10.0.0.2", 1)))
    #expect(book.next(1) == (ip("10.0.0.3", 1)))
    #expect(book.next(1) == nil, "a round is over")
    #expect(book.next(1) == (ip("10.0.0.1", 1)), "and another begins")
    book.proved(1)
    #expect(book.isProven(1) && book.hasServed(1) && !book.hasServed(2))
    #expect(book.next(1) == (ip("10.0.0.2", 1)))
    #expect(!book.isProven(1) && book.hasServed(1))
    #expect(book.address(of: 2) == (ip("10.0.0.1", 2)), "another port is another server")
    #expect(book.answered("a", found("10.0.0.1", "10.0.0.2"), at: now) == [])
  }

  @Test func nameWithOneAddressHasNoNextAddress() {
    var book = book()
    #expect(book.next(1) == nil)
    _ = book.answered("a", found("10.0.0.1"), at: now)
    #expect(book.next(1) == nil)
    #expect(book.next(99) == nil)
    #expect(book.isProven(99))
  }

  // MARK: - Reloads

  @Test func reloadKeepsKnownHostsAndForgetsRemovedOnes() {
    var book = book()
    _ = book.due(at: now)
    _ = book.answered("a", found("10.0.0.1", "10.0.0.2"), at: now)
    _ = book.next(1)
    book.keep([
      (1, .tcp(host: "a", port: 1)), (3, .tcp(host: "a", port: 3)), (4, .tcp(host: "b", port: 4)),
    ])
    #expect(book.addresses == [1: ip("10.0.0.2", 1), 3: ip("10.0.0.1", 3)])
    #expect(book.due(at: now) == ["b"])
    book.keep([(4, .tcp(host: "b", port: 4))])
    #expect(book.answered("a", found("10.0.0.9"), at: now) == [])
    #expect(book.due(at: .never) == [])
  }

  @Test func nameIsLookedUpBeforeAServerUsesIt() {
    var book = ResolverCache()
    book.wantLookup(of: "new")
    #expect(!book.isAnswered("new"))
    #expect(book.isAnswered("unknown"))
    #expect(book.due(at: now) == ["new"])
    #expect(book.answered("new", found("10.0.0.1"), at: now) == [])
    #expect(book.isAnswered("new"))
    book.keep([(1, .tcp(host: "new", port: 1))])
    #expect(book.address(of: 1) == (ip("10.0.0.1", 1)))
  }
}
