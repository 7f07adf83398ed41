import Settings
import Stats
import Testing
import Topology
import Wire

@testable import Admin

/// One line of a metric, read by the rules of the text format.
struct MetricLine: Equatable {
  let name: String
  let labels: [String: String]
  let value: Double

  init(name: String, labels: [String: String] = [:], value: Double) {
    self.name = name
    self.labels = labels
    self.value = value
  }

  init?(_ line: Substring) {
    guard
      let match = line.wholeMatch(of: /([a-z_]+)(?:\{((?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? ([0-9.]+)/),
      let value = Double(match.3)
    else { return nil }
    name = String(match.1)
    self.value = value
    labels = (match.2 ?? "").matches(of: /(\w+)="((?:[^"\\]|\\.)*)"/).reduce(into: [:]) { labels, pair in
      labels[String(pair.1)] = String(pair.2).replacing("\\\\", with: "\u{0}").replacing("\\\"", with: "\"")
        .replacing("\\n", with: "\n").replacing("\u{0}", with: "\\")
    }
  }
}

@Suite struct MetricTextTests {
  /// A busy proxy.
  private static func fixture() throws -> Fixture {
    var fixture = try Fixture()
    for verb in Verb.allCases {
      for result in RequestResult.allCases { fixture.count(pool: 0, verb, result, 3) }
    }
    for server in fixture.snapshot.control.servers {
      var numbers = ServerNumbers(id: server.id)
      for failure in ServerFailure.allCases { numbers.tally.count(failure, 2) }
      fixture.snapshot.servers[server.id] = numbers
    }
    fixture.snapshot.workers = [WorkerSnapshot(clients: 1, requestsForwarded: 2, cpu: .milliseconds(2500))]
    for counter in Counter.allCases { fixture.snapshot.totals.set(counter, to: 11) }
    fixture.snapshot.control.listeners = [ListenerReport(id: ListenerID(4), "127.0.0.1:11311")]
    var book = LatencyBook()
    for pool in fixture.snapshot.control.pools {
      for nanoseconds in [1_000, 40_000, 60_000, 2_000_000, 9_000_000_000] as [UInt64] {
        book.pools[pool.id, default: LatencyCounts()].record(nanoseconds: nanoseconds)
      }
    }
    book.listeners[ListenerID(4)] = book.pools.values.first
    var loop = LoopCounts()
    loop.turns.record(nanoseconds: 70_000)
    loop.lags.record(nanoseconds: 90_000)
    book.loops[0] = loop
    fixture.recorder.record(fixture.snapshot, book)
    return fixture
  }

  private static func lines(_ text: [UInt8]) -> [Substring] {
    String(decoding: text, as: UTF8.self).split(separator: "\n")
  }

  @Test(arguments: [MetricText.prometheus, .openMetrics])
  func nothingIsRenderedThatIsNotInTheTable(_ format: MetricText) throws {
    let fixture = try Self.fixture()
    let table = Dictionary(uniqueKeysWithValues: Metric.all.map { ($0.name, $0) })
    var seen: Set<String> = []
    for line in Self.lines(format.render(fixture.source)) where !line.hasPrefix("#") {
      let sample = try #require(MetricLine(line), "\(line)")
      let plain = ["_bucket", "_sum", "_count"].first { sample.name.hasSuffix($0) }
        .map { String(sample.name.dropLast($0.count)) }
      var expected = Set(sample.labels.keys)
      let metric: Metric
      if let plain, let histogram = table[plain], histogram.kind == .histogram {
        metric = histogram
        expected.remove("le")
      } else {
        metric = try #require(table[sample.name], "\(sample.name) is not in the table")
      }
      #expect(expected == Set(metric.labels), "\(line)")
      seen.insert(metric.name)
    }
    #expect(seen == Set(table.keys), "every metric has a sample")
  }

  @Test func everyMetricHasANameOfItsOwnAndAMeaning() {
    #expect(Set(Metric.all.map(\.family)).count == Metric.all.count)
    for metric in Metric.all {
      #expect(metric.family.wholeMatch(of: /ringroad_[a-z]+(_[a-z]+)*/) != nil, "\(metric.family)")
      #expect(!metric.family.hasSuffix("_total") && !metric.family.hasSuffix("_count"))
      #expect(metric.meaning.count > 10 && !metric.meaning.hasSuffix("."))
      #expect(Set(metric.labels).count == metric.labels.count)
      if metric.kind != .gauge { #expect(!metric.unit.isEmpty, "\(metric.family)") }
      // The base unit is the last word of a name that has one.
      if ["seconds", "bytes"].contains(metric.unit) {
        #expect(metric.family.contains(metric.unit), "\(metric.family)")
      }
    }
  }

  @Test(arguments: [MetricText.prometheus, .openMetrics])
  func everyFamilyIsDeclaredOnceBeforeItsSamples(_ format: MetricText) throws {
    let fixture = try Self.fixture()
    var declared: [String] = []
    for line in Self.lines(format.render(fixture.source)) {
      if let match = line.wholeMatch(of: /# TYPE (\w+) (counter|gauge|histogram)/) {
        declared.append(String(match.1))
      } else if !line.hasPrefix("#") {
        #expect(line.hasPrefix(try #require(declared.last)), "\(line)")
      }
    }
    #expect(declared == Metric.all.map { format == .prometheus ? $0.name : $0.family })
  }

  @Test func labelValuesAreEscaped() throws {
    var fixture = try Fixture()
    let label = "unix:/a\"b\\c\nd é"
    fixture.snapshot.control.servers[0].label = label
    let up = Self.lines(MetricText.prometheus.render(fixture.source)).filter {
      $0.hasPrefix("ringroad_server_up{")
    }
    #expect(up.count == 4)
    #expect(up[0] == #"ringroad_server_up{server="unix:/a\"b\\c\nd é",pool="main"} 1"#)
    #expect(MetricLine(up[0])?.labels["server"] == label)
  }

  @Test func helpIsEscapedAsEachFormatAsks() throws {
    let text = "a \"b\" \\ c\nd"
    #expect(MetricText.prometheus.help(text) == #"a "b" \\ c\nd"#)
    #expect(MetricText.openMetrics.help(text) == #"a \"b\" \\ c\nd"#)
  }

  @Test func bucketsAreCumulative() throws {
    let fixture = try Self.fixture()
    let lines = Self.lines(MetricText.prometheus.render(fixture.source)).compactMap { MetricLine($0) }
      .filter { $0.name.hasPrefix("ringroad_request_latency_seconds") && $0.labels["pool"] == "main" }
    let buckets = lines.filter { $0.name.hasSuffix("_bucket") }
    #expect(buckets.count == Buckets.bounds.count + 1 && buckets.last?.labels["le"] == "+Inf")
    let bounds = buckets.dropLast().compactMap { $0.labels["le"].flatMap(Double.init) }
    #expect(bounds == Buckets.bounds.map { Double($0) / 1_000_000 } && bounds == bounds.sorted())
    #expect(buckets.map(\.value) == buckets.map(\.value).sorted())
    #expect(buckets.first { $0.labels["le"] == "0.00005" }?.value == 2)
    #expect(buckets.first { $0.labels["le"] == "0.0001" }?.value == 3)
    #expect(buckets.first { $0.labels["le"] == "5" }?.value == 4)
    #expect(
      buckets.last?.value == 5 && lines.last?.name.hasSuffix("_count") == true && lines.last?.value == 5)
    let sum = try #require(lines.first { $0.name.hasSuffix("_sum") }?.value)
    #expect(abs(sum - 9.002101) < 9 * 0.008)
  }

  @Test func stateIsOneForOneState() throws {
    var fixture = try Fixture()
    try fixture.setState(.joining, of: "10.0.0.4")
    let samples = try #require(Metric.all.first { $0.name == "ringroad_server_state" }).samples(
      fixture.source)
    let ones = samples.filter { if case .count(1) = $0.value { true } else { false } }
    #expect(ones.map { $0.labels.last?.value } == ["up", "up", "up", "joining"])
    #expect(samples.count == 4 * ServerState.allCases.count)
  }

  /// As docs/OBSERVABILITY.md says: the configuration bounds the number of series, no client does.
  @Test func seriesAreBounded() throws {
    let fixture = try Self.fixture()
    var counts: [String: Int] = [:]
    for line in Self.lines(MetricText.prometheus.render(fixture.source)) where !line.hasPrefix("#") {
      let labels = try #require(MetricLine(line)).labels
      counts[
        ["server", "pool", "worker", "listener"].first { labels[$0] != nil } ?? "process", default: 0] += 1
    }
    #expect(Set(counts.keys) == ["process", "worker", "server", "pool", "listener"])
    #expect(counts["process", default: 0] <= 70 && counts["worker", default: 0] <= 50)
    #expect(counts["listener", default: 0] <= 24)
    #expect(counts["server", default: 0] <= 50 * fixture.snapshot.control.servers.count)
    #expect(counts["pool", default: 0] <= 21 * 2 + Verb.allCases.count * RequestResult.count)
    #expect(Verb.allCases.count * RequestResult.count == 494)
  }
}
