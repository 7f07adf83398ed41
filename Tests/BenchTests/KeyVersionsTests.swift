import Testing

@testable import Bench

@Suite struct KeyVersionsTests {
  @Test func versionThatWasReplacedIsStale() {
    var versions = KeyVersions(count: 2)
    for _ in 0..<2 { versions.endWrite(versions.beginWrite(of: 1), isStored: true) }
    let floor = versions.floor(of: 1)
    #expect(versions.verdict(on: 1, of: 1, floor: floor) == .stale)
    #expect(versions.verdict(on: 2, of: 1, floor: floor) == .valid)
    #expect(versions.verdict(on: 3, of: 1, floor: floor) == .neverWritten)
    #expect(versions.verdict(on: 0, of: 1, floor: floor) == .neverWritten)
    #expect(versions.verdict(on: 1, of: 0, floor: versions.floor(of: 0)) == .neverWritten)
  }

  @Test func readSentBeforeTheReplyToAWriteMayFindEitherVersion() {
    var versions = KeyVersions(count: 1)
    versions.endWrite(versions.beginWrite(of: 0), isStored: true)
    let second = versions.beginWrite(of: 0)
    let floor = versions.floor(of: 0)
    versions.endWrite(second, isStored: true)
    #expect(versions.verdict(on: 1, of: 0, floor: floor) == .valid)
    #expect(versions.verdict(on: 2, of: 0, floor: floor) == .valid)
  }

  /// The server may have done overlapping writes in any order.
  @Test(arguments: [[0, 1], [1, 0]])
  func neitherOfTwoOverlappingWritesMakesTheOtherStale(_ order: [Int]) {
    var versions = KeyVersions(count: 1)
    versions.endWrite(versions.beginWrite(of: 0), isStored: true)
    let writes = [versions.beginWrite(of: 0), versions.beginWrite(of: 0)]
    for i in order { versions.endWrite(writes[i], isStored: true) }
    let floor = versions.floor(of: 0)
    #expect(versions.verdict(on: 1, of: 0, floor: floor) == .stale)
    #expect(versions.verdict(on: 2, of: 0, floor: floor) == .valid)
    #expect(versions.verdict(on: 3, of: 0, floor: floor) == .valid)
    versions.endWrite(versions.beginWrite(of: 0), isStored: true)
    #expect(versions.verdict(on: 3, of: 0, floor: versions.floor(of: 0)) == .stale)
  }

  @Test func failedWriteMayTakeEffectAtAnyLaterTime() {
    var versions = KeyVersions(count: 1)
    versions.endWrite(versions.beginWrite(of: 0), isStored: true)
    versions.endWrite(versions.beginWrite(of: 0), isStored: false)
    #expect(versions.verdict(on: 1, of: 0, floor: versions.floor(of: 0)) == .valid)
    versions.endWrite(versions.beginWrite(of: 0), isStored: true)
    let floor = versions.floor(of: 0)
    #expect(versions.verdict(on: 2, of: 0, floor: floor) == .valid)
    #expect(versions.verdict(on: 1, of: 0, floor: floor) == .stale)
  }

  @Test func keysOfAMultigetDiffer() {
    var versions = KeyVersions(count: 10)
    for _ in 0..<3 {
      versions.beginMultiget()
      let chosen = (0..<10).map { _ in versions.choose(near: 7) }
      #expect(chosen == [7, 8, 9, 0, 1, 2, 3, 4, 5, 6])
    }
  }
}
