import Settings
import Stats
import Topology
import Wire

/// Everything that metrics are made from.
package struct MetricSource: Sendable {
  package var snapshot: Snapshot
  package var recorder: Recorder
  package var settings: ProxySettings

  package init(_ snapshot: Snapshot, _ recorder: Recorder, _ settings: ProxySettings) {
    self.snapshot = snapshot
    self.recorder = recorder
    self.settings = settings
  }

  /// Each server with the labels that name it. One in several pools has their names, separated by commas.
  fileprivate var servers: [(report: ServerReport, labels: Metric.Labels)] {
    snapshot.control.servers.map {
      ($0, [("server", $0.label), ("pool", $0.pools.joined(separator: ","))])
    }
  }

  fileprivate func tally(_ server: ServerReport) -> ServerTally { snapshot.numbers(of: server.id).tally }
}

/// A metric: its name, kind, unit and meaning, and where its values come from. `Metric.all` is the one table of them; what
/// is not in it is not shown.
package struct Metric: Sendable {
  /// How a metric behaves, in Prometheus' words.
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  package typealias Labels = [(name: String, value: String)]

  /// One value, or one histogram.
  package enum Value: Sendable {
    case number(Double)
    case count(UInt64)
    case latencies(Buckets)
  }

  /// A value with its labels.
  package struct Sample: Sendable {
    package let labels: Labels
    package let value: Value

    fileprivate init(_ labels: Labels = [], _ value: Value) {
      self.labels = labels
      self.value = value
    }
  }

  /// Without the `_total` that a counter has at its end.
  package let family: String
  package let kind: Kind
  package let unit: String
  package let meaning: String
  /// The labels' names.
  package let labels: [String]
  package let samples: @Sendable (MetricSource) -> [Sample]

  /// As it is written in a query.
  package var name: String { kind == .counter ? family + "_total" : family }

  init(
    _ name: String, _ kind: Kind, _ unit: String, _ meaning: String, labels: [String] = [],
    _ samples: @escaping @Sendable (MetricSource) -> [Sample]
  ) {
    family = "ringroad_" + name
    self.kind = kind
    self.unit = unit
    self.meaning = meaning
    self.labels = labels
    self.samples = samples
  }
}

extension Metric {
  /// All metrics, in the order in which they are shown.
  package static let all = process + listeners + requests + servers + workers + loops + counters

  private static let process = [
    Metric("build_info", .gauge, "", "1, with the version that runs", labels: ["version"]) {
      [Sample([("version", $0.snapshot.control.version)], .count(1))]
    },
    Metric("start_time_seconds", .gauge, "seconds", "When the proxy was started, since 1970") {
      [Sample([], .number($0.snapshot.started))]
    },
    Metric("ready", .gauge, "", "1 if enough servers are up in every pool, as /readyz says, else 0") {
      [Sample([], .count($0.snapshot.unreadyReasons($0.settings).isEmpty ? 1 : 0))]
    },
    Metric("open_descriptors", .gauge, "descriptors", "File descriptors that the process has open") {
      [Sample([], .count($0.snapshot.process.descriptors))]
    },
    Metric("descriptor_limit", .gauge, "descriptors", "The most file descriptors that it may have open") {
      [Sample([], .count($0.snapshot.process.descriptorLimit))]
    },
    Metric("resident_memory_bytes", .gauge, "bytes", "Memory of the process") {
      [Sample([], .count($0.snapshot.process.residentBytes))]
    },
    Metric("cpu_seconds", .counter, "seconds", "Processor time of the process") {
      [Sample([], .number($0.snapshot.process.cpuSeconds))]
    },
    Metric(
      "reloads", .counter, "reloads", "Configurations read by a reload, by what became of them",
      labels: ["result"]
    ) {
      [
        Sample([("result", "applied")], .count(UInt64(max(0, $0.snapshot.control.reloads)))),
        Sample([("result", "refused")], .count(UInt64(max(0, $0.snapshot.control.reloadFailures)))),
      ]
    },
    Metric(
      "config_refused", .gauge, "files",
      "1 while the configuration file on disk is refused and the one before it is in force, else 0"
    ) { [Sample([], .count($0.snapshot.control.lastReloadError.isEmpty ? 0 : 1))] },
    Metric("host_lookups", .counter, "lookups", "Lookups of servers' host names, failed ones included") {
      [Sample([], .count(UInt64(max(0, $0.snapshot.control.hosts.lookups))))]
    },
    Metric("host_lookup_failures", .counter, "lookups", "Lookups of servers' host names that failed") {
      [Sample([], .count(UInt64(max(0, $0.snapshot.control.hosts.failures))))]
    },
    Metric("address_changes", .counter, "changes", "Times a server's host name got another address") {
      [Sample([], .count(UInt64(max(0, $0.snapshot.control.hosts.addressChanges))))]
    },
    Metric("client_limit", .gauge, "clients", "The most clients that are accepted") {
      [Sample([], .count(UInt64(max(0, $0.snapshot.control.clientLimit))))]
    },
    Metric("memory_limit_bytes", .gauge, "bytes", "Limit of all buffers") {
      [Sample([], .count(UInt64(max(0, $0.snapshot.control.memoryLimit))))]
    },
    Metric("memory_bytes", .gauge, "bytes", "Memory of buffers and requests, by use", labels: ["use"]) {
      [
        Sample([("use", "in_use")], .count($0.snapshot.totals[.memoryInUse])),
        Sample([("use", "idle")], .count($0.snapshot.totals[.memoryIdle])),
      ]
    },
  ]

  private static let listeners = [
    ofListener("listener_clients", .gauge, "clients", "Clients of the listener that are connected now") {
      .count(UInt64(max(0, $0.snapshot.numbers(of: $1.id).clients)))
    },
    ofListener(
      "listener_clients_accepted", .counter, "clients",
      "Clients that have connected to a listener, rejected ones included"
    ) { .count($1.accepted) },
    ofListener(
      "listener_requests", .counter, "requests",
      "Requests of the listener's clients, counted when they are answered; a multi-get is one, and requests about no "
        + "key are not counted"
    ) { .count($0.snapshot.numbers(of: $1.id).requests) },
    ofListener(
      "listener_latency_seconds", .histogram, "seconds",
      "From the arrival of a request of the listener's clients to that of its reply in the client's output, errors "
        + "included"
    ) { $0.recorder.listeners[$1.id].map { .latencies($0.all) } },
  ]

  private static func ofListener(
    _ name: String, _ kind: Kind, _ unit: String, _ meaning: String,
    _ value: @escaping @Sendable (MetricSource, ListenerReport) -> Value?
  ) -> Metric {
    Metric(name, kind, unit, meaning, labels: ["listener"]) { source in
      source.snapshot.control.listeners.compactMap { listener in
        value(source, listener).map { Sample([("listener", listener.address)], $0) }
      }
    }
  }

  private static let requests = [
    Metric(
      "requests", .counter, "requests",
      "Requests, and keys of multi-gets, by pool, command and result; a result after server_error is the cause for which "
        + "no server answered", labels: ["pool", "command", "result"]
    ) { source in
      source.snapshot.control.pools.flatMap { pool in
        let results = source.snapshot.results(of: pool.id)
        return Verb.allCases.flatMap { verb in
          RequestResult.allCases.compactMap { result -> Sample? in
            let count = results[Int(verb.rawValue), result]
            guard count > 0 else { return nil }
            return Sample(
              [("pool", pool.name), ("command", verb.word), ("result", result.name)], .count(count))
          }
        }
      }
    },
    Metric(
      "request_latency_seconds", .histogram, "seconds",
      "From the arrival of a request to that of its reply in the client's output, errors included",
      labels: ["pool"]
    ) { source in
      source.snapshot.control.pools.compactMap { pool in
        source.recorder.pools[pool.id].map {
          Sample([("pool", pool.name)], .latencies($0.all))
        }
      }
    },
    Metric(
      "client_requests", .counter, "requests", "Requests of clients, by kind, as they arrive",
      labels: ["kind"]
    ) { source in
      requestKinds.map { Sample([("kind", $0.1)], .count(source.snapshot.totals[$0.0])) }
    },
  ]

  private static let requestKinds: [(Counter, String)] = [
    (.getRequests, "get"), (.multigetRequests, "multiget"), (.setRequests, "set"), (.arithRequests, "arith"),
    (.deleteRequests, "delete"), (.touchRequests, "touch"), (.metaRequests, "meta"),
    (.adminRequests, "admin"),
  ]

  private static let servers = [
    Metric(
      "server_up", .gauge, "", "1 if the server is used, else 0", labels: ["server", "pool"]
    ) { $0.servers.map { Sample($0.labels, .count($0.report.state == .up ? 1 : 0)) } },
    Metric(
      "server_state", .gauge, "", "1 for the state that the server has, 0 for the others",
      labels: ["server", "pool", "state"]
    ) {
      $0.servers.flatMap { server in
        ServerState.allCases.map { state in
          Sample(
            server.labels + [("state", state.rawValue)], .count(server.report.state == state ? 1 : 0))
        }
      }
    },
    Metric(
      "server_ejections", .counter, "ejections",
      "Times the server was taken out because it had failed; its keys move, or fail fast",
      labels: ["server", "pool"]
    ) { $0.servers.map { Sample($0.labels, .count(UInt64(max(0, $0.report.ejections)))) } },
    Metric(
      "server_requests", .counter, "requests", "Requests and keys that the server has answered, by result",
      labels: ["server", "pool", "result"]
    ) { source in
      source.servers.flatMap { server in
        let tally = source.tally(server.report)
        return [
          ("hit", tally.hits), ("miss", tally.misses), ("done", tally.done), ("error", tally.errors),
        ].map { Sample(server.labels + [("result", $0.0)], .count($0.1)) }
      }
    },
    Metric(
      "server_failures", .counter, "requests", "Requests and keys that the server has not answered, by cause",
      labels: ["server", "pool", "cause"]
    ) { source in
      source.servers.flatMap { server in
        let failures = source.tally(server.report).failures
        return ServerFailure.allCases.map { failure in
          Sample(
            server.labels + [("cause", RequestResult(failure).name)], .count(failures[Int(failure.rawValue)]))
        }
      }
    },
    Metric(
      "server_latency_seconds", .histogram, "seconds",
      "From the arrival of a request to the server's reply: the time in the proxy's queue and at the server",
      labels: ["server", "pool"]
    ) { source in
      source.servers.compactMap { server in
        source.recorder.servers[server.report.id].map {
          Sample(server.labels, .latencies($0.all))
        }
      }
    },
    ofServer(
      "server_reads_as_misses", .counter, "keys",
      "Keys answered as a miss because the server could not answer"
    ) {
      $0.tally.readsAsMisses
    },
    ofServer(
      "server_late_replies", .counter, "replies", "Replies that arrived after their deadline; discarded"
    ) {
      $0.tally.lateReplies
    },
    ofServer("server_received_bytes", .counter, "bytes", "Bytes received from the server") {
      $0.tally.bytesIn
    },
    ofServer("server_sent_bytes", .counter, "bytes", "Bytes sent to the server") { $0.tally.bytesOut },
    ofServer("server_connections", .gauge, "connections", "Shared connections to the server that are open") {
      UInt64(max(0, $0.connections))
    },
    ofServer("server_requests_in_flight", .gauge, "requests", "Requests that the server has not answered yet")
    {
      UInt64(max(0, $0.inFlight))
    },
    ofServer("server_queued_bytes", .gauge, "bytes", "Bytes of requests that are not sent to the server yet")
    {
      UInt64(max(0, $0.queuedBytes))
    },
  ]

  private static func ofServer(
    _ name: String, _ kind: Kind, _ unit: String, _ meaning: String,
    _ value: @escaping @Sendable (ServerNumbers) -> UInt64
  ) -> Metric {
    Metric(name, kind, unit, meaning, labels: ["server", "pool"]) { source in
      source.servers.map { Sample($0.labels, .count(value(source.snapshot.numbers(of: $0.report.id)))) }
    }
  }

  private static let workers = [
    Metric("worker_clients", .gauge, "clients", "Clients of the worker", labels: ["worker"]) {
      $0.snapshot.workers.enumerated().map {
        Sample([("worker", "\($0)")], .count(UInt64(max(0, $1.clients))))
      }
    },
    Metric(
      "worker_requests_forwarded", .counter, "requests", "Requests that the worker has sent to servers",
      labels: ["worker"]
    ) {
      $0.snapshot.workers.enumerated().map { Sample([("worker", "\($0)")], .count($1.requestsForwarded)) }
    },
    Metric(
      "worker_cpu_seconds", .counter, "seconds", "Processor time of the worker's thread", labels: ["worker"]
    ) {
      $0.snapshot.workers.enumerated().map { Sample([("worker", "\($0)")], .number($1.cpu / .seconds(1))) }
    },
  ]

  private static let loops = [
    Metric(
      "worker_turn_seconds", .histogram, "seconds",
      "Turns of the worker's event loop, one in each ten milliseconds: from waking to the end of sending",
      labels: ["worker"]
    ) {
      $0.recorder.turns.enumerated().map { Sample([("worker", "\($0)")], .latencies($1)) }
    },
    Metric(
      "worker_lag_seconds", .histogram, "seconds", "How much later than due the worker's ticks came",
      labels: ["worker"]
    ) {
      $0.recorder.lags.enumerated().map { Sample([("worker", "\($0)")], .latencies($1)) }
    },
  ]

  /// The counters of `stats ringroad`, but those that are shown above in another form.
  private static let counters: [Metric] = {
    let shown = Set(
      requestKinds.map(\.0) + [
        .memoryInUse, .memoryIdle, .requestsForwarded, .serverConnections, .serverBytesIn, .serverBytesOut,
        .lateReplies,
      ])
    return Counter.allCases.filter { !shown.contains($0) }.map { counter in
      let row = counter.definition
      let name = counter == .clientConnectionsTotal ? "client_connections_accepted" : row.name
      return Metric(name, row.kind == .counter ? .counter : .gauge, row.unit, row.meaning) {
        [Sample([], .count($0.snapshot.totals[counter]))]
      }
    }
  }()
}
