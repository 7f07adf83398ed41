import Testing

@testable import Stats

struct CountersTests {
  @Test func countersHaveOneValuePerCase() {
    #expect(Counter.allCases.count == Counters().values.count)
    #expect(Counter.allCases.map(\.rawValue) == Array(0..<Counter.allCases.count))
  }

  @Test func counterNamesAreUniqueAndLowercase() {
    let names = Counter.allCases.map(\.description.name)
    #expect(Set(names).count == names.count)
    for name in names { #expect(name.allSatisfy { $0 == "_" || ($0.isLetter && $0.isLowercase) }, "\(name)") }
    for counter in Counter.allCases { #expect(counter.description.help.count > 10) }
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

  @Test func statsRingroadListsEveryCounterAfterTheGivenRows() {
    var counters = Counters()
    counters.add(7, to: .clientBytesIn)
    let output = counters.rendered(after: [("version", "0.1"), ("workers", "2")])
    let rows = statRows(output)
    #expect(rows.count == 2 + Counter.allCases.count)
    #expect(rows[0] == ("version", "0.1"))
    #expect(rows.contains { $0 == ("client_bytes_in", "7") })
    #expect(lines(output).last == "END")
  }
}
