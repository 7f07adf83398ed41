import Testing

@testable import Stats

struct CountersTests {
  @Test func countersHaveOneValuePerCase() {
    #expect(Counter.allCases.count == Counters().values.count)
    #expect(Counter.allCases.map(\.rawValue) == Array(0..<Counter.allCases.count))
  }

  @Test func counterNamesAreUniqueAndLowercase() {
    let names = Counter.allCases.map(\.definition.name)
    #expect(Set(names).count == names.count)
    for name in names { #expect(name.allSatisfy { $0 == "_" || ($0.isLetter && $0.isLowercase) }, "\(name)") }
  }

  @Test(arguments: Counter.allCases)
  func countingChangesOneCounterOnly(_ counter: Counter) {
    var counters = Counters()
    counters.add(counter)
    counters.add(41, to: counter)
    for other in Counter.allCases { #expect(counters[other] == (other == counter ? 42 : 0)) }
    counters.subtract(counter)
    #expect(counters[counter] == 41)
  }

  @Test func totalIsRightWhenOneWorkersGaugeIsBelowZero() {
    var one = Counters()
    var two = Counters()
    one.add(3, to: .clientConnections)
    two.subtract(.clientConnections)
    var total = Counters()
    total += one
    total += two
    #expect(total[.clientConnections] == 2)
  }

  @Test func counterWrapsAtItsMaximum() {
    var counters = Counters()
    counters.subtract(.readRetries)
    #expect(counters[.readRetries] == .max)
    counters.add(.readRetries)
    #expect(counters[.readRetries] == 0)
  }

  @Test func everyCounterHasALineOfStatsRingroad() {
    var counters = Counters()
    counters.add(7, to: .clientBytesIn)
    let output = ([ReportLine(.version, "0.1")] + counters.lines).answer
    let rows = statRows(output)
    #expect(rows.count == 1 + Counter.allCases.count)
    #expect(rows[0] == ("version", "0.1"))
    #expect(rows.contains { $0 == ("client_bytes_in", "7") })
    #expect(lines(output).last == "END")
  }

  @Test func everyRowAndFieldIsDefinedOnce() {
    for table in [ReportRow.all.map(\.definition), LogFields.all] {
      #expect(Set(table.map(\.name)).count == table.count)
      for entry in table {
        #expect(entry.meaning.count > 10 && !entry.meaning.hasSuffix("."), "\(entry)")
        #expect(entry.kind != .text || entry.unit.isEmpty, "\(entry)")
      }
    }
    #expect(LogFields.all.map(\.name) == LogFields.all.map(\.name).sorted())
  }

  @Test func aRowOfAServerOrWorkerIsNamedAfterIt() {
    #expect(ReportLine(.server, of: "server:main:unix:/a b", "up").name == "server:main:unix:/a_b")
    #expect(ReportLine(.serverNote, of: "server:a,b:c:1", "full").name == "server:a,b:c:1:note")
    #expect(ReportLine(.workerCPU, of: "worker:3", 7) == ReportLine(.workerCPU, of: "worker:3", "7"))
    #expect(ReportLine(.workerCPU, of: "worker:3", 7).name == "worker:3:cpu_ms")
  }

  /// A value is not quoted, so it is shown as it is; only what would end its line is replaced.
  @Test func aValueHasNoBackslashes() {
    #expect(ReportLine(.lastReloadError, "found \"so on\"\r\nEND").value == "found \"so on\"??END")
  }
}
