import Testing

@testable import Runtime

@Suite struct PaceTests {
  /// The ticks, of this many, at which a worker publishes; the beat changes before tick `beat`.
  private func published(in ticks: Range<Int>, beat: Int?) -> [Int] {
    var pace = Pace()
    return ticks.filter { pace.isTimeToPublish(beat: $0 >= beat ?? .max ? 1 : 0) }
  }

  @Test func publishesTenTimesASecond() {
    #expect(published(in: 1..<101, beat: nil) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
  }

  /// Whatever its rhythm was: so each second that the admin interface records has ten publications.
  @Test(arguments: 1...10) func publishesHalfAPeriodAfterABeat(beat: Int) {
    let after = published(in: 1..<100, beat: beat).filter { $0 >= beat }
    #expect(after.prefix(3) == [beat + 4, beat + 14, beat + 24])
  }
}
