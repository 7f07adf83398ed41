import Testing

@testable import Console

@Suite struct HistoryTests {
  @Test func piecesAreJoinedAndBounded() {
    var history = History()
    #expect(history.wanted == 0)
    history.take(Reports.history(last: 99, count: 100))
    #expect(history.last == 99 && history.steps.count == 100 && history.wanted == 89)
    history.take(Reports.history(last: 101, count: 13))
    #expect(history.last == 101 && history.steps.count == 102)
    #expect(history.steps.suffix(3).map(\.counts.requests) == [100, 110, 120])
    history.take(Reports.history(last: 100_000, count: 600))
    #expect(history.steps.count == 600)
    history.take(Reports.history(last: 100_010, count: 21))
    #expect(history.steps.count == 600 && history.last == 100_010)
    // Steps were missed, or the proxy has begun again.
    history.take(Reports.history(last: 100_050, count: 5))
    #expect(history.steps.count == 5)
    history.take(Reports.history(last: 3, count: 4))
    #expect(history.last == 3 && history.steps.count == 4)
  }

  @Test(arguments: [
    "{}", #"{"first":0,"last":-1,"total":{}}"#, #"{"first":0,"last":5,"total":{"requests":[1]}}"#,
    #"{"first":0,"last":1e300,"total":{}}"#, #"{"first":-5,"last":0}"#,
  ])
  func aPieceThatDoesNotFitItsNumbersIsIgnored(_ text: String) {
    var history = History()
    history.take(Reports.history())
    let before = history
    history.take(Reports.json(text))
    #expect(history == before)
  }

  @Test func graphColumnsAreMeansOfWholeSpans() throws {
    var history = History()
    history.take(Reports.history(last: 99, count: 100))
    let wide = try #require(history.columns(240, value: { $0.counts.requests }, of: .mean))
    #expect(wide.seconds == 1 && wide.values.last == 990 && wide.values.compactMap(\.self).count == 100)
    let narrow = try #require(history.columns(24, value: { $0.counts.requests }, of: .mean))
    #expect(narrow.seconds == 10 && narrow.values.last == 945 && narrow.values.compactMap(\.self).count == 10)
    let highest = try #require(history.columns(24, value: { $0.counts.requests }, of: .highest))
    #expect(highest.values.last == 990)
    #expect(history.columns(0, value: { _ in 1 }, of: .mean) == nil)
    #expect(History().columns(9, value: { _ in 1 }, of: .mean) == nil)
  }

  @Test func ratesAreOfTheLastSeconds() {
    var rates = ServerRates()
    func take(_ seconds: Double, _ requests: Int) {
      rates.take(
        Reports.report(servers: [Reports.server(#""a""#, requests: requests)]).servers, seconds: seconds)
    }
    take(1, 0)
    #expect(rates.rate(of: "a") == ServerRates.Rate())
    take(2, 100)
    #expect(rates.rate(of: "a").requests == 100)
    for second in 3...20 { take(Double(second), second * 100) }
    take(21, 2000 + 700)
    #expect(rates.rate(of: "a").requests == 300 && rates.rate(of: "a").hits == 0.9)
    #expect(rates.rate(of: "b") == ServerRates.Rate())
    // A longer time between two looks than the window.
    take(61, 6700)
    #expect(rates.rate(of: "a").requests == 100)
    // Counters that were reset, and another process.
    take(62, 0)
    #expect(rates.rate(of: "a").requests == 0)
    take(1, 50)
    #expect(rates.rate(of: "a").requests == nil)
  }
}
