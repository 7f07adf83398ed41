import Settings
import Testing

@testable import Console

/// What `ringroad adopt` prints and writes.
@Suite struct AdoptionReportTests {
  typealias Samples = AdoptionSamples

  private static func report(_ sample: AdoptionSample) -> AdoptionReport {
    AdoptionReport(result: Samples.result(sample), remarks: sample.servers.map { _ in nil })
  }

  @Test func aConfigurationIsReadBackAsTheSamePool() throws {
    var pool = Samples.pool("twemproxy-ketama")
    (pool.hash, pool.servers[1].weight, pool.servers[2].name) = (.md5, 3, "cache-b")
    let report = Self.report(Samples.sample([(pool, 1)]))
    let text = try #require(report.configuration)
    #expect(text.hasPrefix("# Written by ringroad adopt: "))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    let settings = try ProxySettings.decode(bytes: Array(text.utf8), file: "adopted.yml")
    let read = try #require(settings.pools.first)
    #expect(read.servers == pool.servers && read.plan().layout == pool.plan().layout)
    #expect(read.placementSummary == report.result.best?.candidate.pool.placementSummary)
  }

  @Test func linesNameTheBestItsEqualsAndTheNext() {
    let lines = Self.report(Samples.sample([(Samples.pool("pylibmc-ketama"), 1)])).lines
    #expect(lines[0] == "sample: 600 keys of 5 servers")
    #expect(lines.contains("explains all keys:") && lines.contains("  600/600 100%  libmemcached-ketama"))
    #expect(lines.contains("    the same here: php-consistent; pylibmc-ketama"))
    #expect(lines.contains { $0.hasPrefix("next of ") && $0.hasSuffix("where chance is 20.0%:") })
  }

  @Test func aMixtureIsSaidWithItsShares() throws {
    let pools = [(Samples.pool("dalli"), 60), (Samples.pool("pymemcache"), 40)]
    let report = Self.report(Samples.sample(pools, keys: 3000))
    let line = try #require(report.lines.first { $0.hasPrefix("a mixture: ") })
    #expect(line.firstMatch(of: /^a mixture: (59|60|61)% dalli, (39|40|41)% pymemcache$/) != nil, "\(line)")
    let document = try #require(JSONDocument.read(Array(report.json.utf8)))
    #expect(document["verdict"].text == "partial" && document["keys"].number == 3000)
    #expect(document["mixture"]["second"]["placement"].text == "pymemcache")
    #expect(try #require(report.configuration).contains("# The servers have a mixture: "))
  }

  @Test func emptyServersAreNamedIfKeysAreNotExplained() {
    let pool = Samples.pool("ketama", Samples.servers(4))
    let four = Samples.sample([(pool, 1)])
    var lists = [[[UInt8]]](repeating: [], count: 5)
    for (key, owner) in zip(four.keys, four.owners) { lists[owner].append(key) }
    let report = Self.report(AdoptionSample(servers: Samples.servers(5), keys: lists))
    #expect(
      report.lines.last
        == "10.0.0.5:11211: if the clients do not have it, leave it out and try again")
  }

  @Test func nothingIsWrittenForNothing() throws {
    let report = Self.report(Samples.sample([(Samples.pool("ketama"), 1)], keys: 1000, noise: 100))
    #expect(report.configuration == nil)
    let document = try #require(JSONDocument.read(Array(report.json.utf8)))
    #expect(document["verdict"].text == "nothing")
    let empty = Self.report(AdoptionSample(servers: Samples.servers(2), keys: [[], []]))
    #expect(empty.lines.last == "no keys could be read: nothing can be found out")
    #expect(JSONDocument.read(Array(empty.json.utf8))?["verdict"].text == "nothing")
  }

  @Test func noKeyIsInWhatIsPrinted() throws {
    let report = Self.report(Samples.sample([(Samples.pool("ketama"), 1)]) { "secret:\($0)" })
    let texts = try report.lines + [report.json, #require(report.configuration)]
    #expect(!texts.contains { $0.contains("secret") })
  }
}
