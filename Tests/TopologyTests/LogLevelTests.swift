import Testing
import Topology

@Suite struct LogLevelTests {
  @Test func logLevelIncludesAllMoreSevereLevels() {
    let levels: [LogLevel] = [.error, .warning, .info, .debug]
    for (i, limit) in levels.enumerated() {
      #expect(levels.filter { $0.isWithin(limit) } == Array(levels[...i]))
    }
  }
}
