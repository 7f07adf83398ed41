import Bytes
import Net
import Settings
import TestSupport
import Testing
import Topology

@testable import Runtime

/// When the address of a server is used again after a connection to it was lost.
@Suite struct NameDoubtTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)
  private func at(_ ms: Int) -> Instant { start.advanced(by: .milliseconds(ms)) }
  private func found(_ text: String) throws -> Result<[Address], ResolveError> {
    .success([try #require(Address(ip: text, port: 0))])
  }

  /// A cache with two servers of one name, which was looked up at the start, and a server with a literal address.
  private func book() throws -> ResolverCache {
    var book = ResolverCache()
    book.keep([
      (1, .tcp(host: "a", port: 1)), (2, .tcp(host: "a", port: 2)), (3, .tcp(host: "10.0.0.3", port: 3)),
    ])
    _ = book.due(at: start)
    _ = book.answered("a", try found("10.0.0.1"), at: start)
    return book
  }

  @Test func lookupThatBeganAfterALossConfirmsTheServersAddress() throws {
    var book = try book()
    #expect(book.isConfirmed(1) && book.named == [1, 2])
    book.lost(1, at: at(5000))
    #expect(!book.isConfirmed(1) && book.isConfirmed(2))
    #expect(book.due(at: at(5001)) == ["a"])
    let changes = book.answered("a", try found("10.0.0.1"), at: at(5010))
    #expect(changes == [.confirmed(server: 1, asked: at(5001))])
    #expect(book.isConfirmed(1))
    #expect(book.due(at: at(30_000)) == [])
  }

  @Test func lookupThatBeganBeforeALossDoesNotConfirmTheAddress() throws {
    var book = try book()
    #expect(book.due(at: at(30_000)) == ["a"])
    book.lost(1, at: at(30_001))
    _ = book.answered("a", try found("10.0.0.1"), at: at(30_002))
    #expect(!book.isConfirmed(1))
    #expect(book.due(at: at(30_199)) == [])
    #expect(book.due(at: at(30_200)) == ["a"])
    #expect(
      book.answered("a", try found("10.0.0.1"), at: at(30_210)) == [
        .confirmed(server: 1, asked: at(30_200))
      ])
    #expect(book.isConfirmed(1))
  }

  @Test func failedLookupAfterALossConfirmsTheOldAddress() throws {
    var book = try book()
    book.lost(1, at: at(5000))
    _ = book.due(at: at(5000))
    let changes = book.answered("a", .failure(ResolveError(host: "a", code: -2)), at: at(5010))
    #expect(changes.last == .confirmed(server: 1, asked: at(5000)))
    #expect(book.isConfirmed(1))
  }

  @Test func serverMovedByALookupIsNotAlsoConfirmed() throws {
    var book = try book()
    for server in [1, 2] as [ServerID] { book.lost(server, at: at(5000)) }
    _ = book.due(at: at(5000))
    let changes = book.answered("a", try found("10.0.0.9"), at: at(5010))
    #expect(changes.count == 2)
    for change in changes { if case .moved = change {} else { Issue.record("\(change)") } }
    #expect(book.isConfirmed(1) && book.isConfirmed(2))
  }

  @Test func lostServerWithALiteralAddressIsNotLookedUp() throws {
    var book = try book()
    book.lost(3, at: at(5000))
    book.lost(99, at: at(5000))
    #expect(book.isConfirmed(3) && book.isConfirmed(99))
    #expect(book.due(at: at(5000)) == [])
  }

  /// Many workers may lose many connections at once.
  @Test func manyLostConnectionsCauseAtMostFiveLookupsPerSecond() throws {
    var book = try book()
    var lookups = 0
    for ms in 5000..<7000 {
      book.lost(ServerID(UInt32(1 + ms % 2)), at: at(ms))
      lookups += book.due(at: at(ms)).count
      _ = book.answered("a", try found("10.0.0.1"), at: at(ms))
    }
    #expect((9...11).contains(lookups))
  }
}
