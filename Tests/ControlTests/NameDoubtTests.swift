import Bytes
import Settings
import TestSupport
import Testing
import Topology

@testable import Control

/// When the address of a server is used again after a connection to it was lost.
@Suite struct NameDoubtTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)
  private func at(_ ms: Int) -> Instant { start.advanced(by: .milliseconds(ms)) }
  private func found(_ text: String) -> LookupResult { .found([text]) }

  /// A cache with two servers of one name, which was looked up at the start, and a server with a literal address.
  private func book() -> ResolverCache {
    var book = ResolverCache()
    book.keep([
      (1, .tcp(host: "a", port: 1)), (2, .tcp(host: "a", port: 2)), (3, .tcp(host: "10.0.0.3", port: 3)),
    ])
    _ = book.due(at: start)
    _ = book.answered("a", found("10.0.0.1"), at: start)
    return book
  }

  @Test func lookupThatBeganAfterALossConfirmsTheServersAddress() {
    var book = book()
    #expect(book.isConfirmed(1) && book.named == [1, 2])
    book.lost(1, at: at(5000))
    #expect(!book.isConfirmed(1) && book.isConfirmed(2))
    #expect(book.due(at: at(5001)) == ["a"])
    let changes = book.answered("a", found("10.0.0.1"), at: at(5010))
    #expect(changes == [.confirmed(server: 1, asked: at(5001))])
    #expect(book.isConfirmed(1))
    #expect(book.due(at: at(30_000)) == [])
  }

  @Test func lookupThatBeganBeforeALossDoesNotConfirmTheAddress() {
    var book = book()
    #expect(book.due(at: at(30_000)) == ["a"])
    book.lost(1, at: at(30_001))
    _ = book.answered("a", found("10.0.0.1"), at: at(30_002))
    #expect(!book.isConfirmed(1))
    #expect(book.due(at: at(30_199)) == [])
    #expect(book.due(at: at(30_200)) == ["a"])
    #expect(
      book.answered("a", found("10.0.0.1"), at: at(30_210)) == [
        .confirmed(server: 1, asked: at(30_200))
      ])
    #expect(book.isConfirmed(1))
  }

  @Test func failedLookupAfterALossConfirmsTheOldAddress() {
    var book = book()
    book.lost(1, at: at(5000))
    _ = book.due(at: at(5000))
    let changes = book.answered("a", .failed(reason: "a: Name or service not known"), at: at(5010))
    #expect(changes.last == .confirmed(server: 1, asked: at(5000)))
    #expect(book.isConfirmed(1))
  }

  @Test func serverMovedByALookupIsNotAlsoConfirmed() {
    var book = book()
    for server in [1, 2] as [ServerID] { book.lost(server, at: at(5000)) }
    _ = book.due(at: at(5000))
    let changes = book.answered("a", found("10.0.0.9"), at: at(5010))
    #expect(changes.count == 2)
    for change in changes { if case .moved = change {} else { Issue.record("\(change)") } }
    #expect(book.isConfirmed(1) && book.isConfirmed(2))
  }

  @Test func lostServerWithALiteralAddressIsNotLookedUp() {
    var book = book()
    book.lost(3, at: at(5000))
    book.lost(99, at: at(5000))
    #expect(book.isConfirmed(3) && book.isConfirmed(99))
    #expect(book.due(at: at(5000)) == [])
  }

  /// Many workers may lose many connections at once.
  @Test func manyLostConnectionsCauseAtMostFiveLookupsPerSecond() {
    var book = book()
    var lookups = 0
    for ms in 5000..<7000 {
      book.lost(ServerID(UInt32(1 + ms % 2)), at: at(ms))
      lookups += book.due(at: at(ms)).count
      _ = book.answered("a", found("10.0.0.1"), at: at(ms))
    }
    #expect((9...11).contains(lookups))
  }
}
