import Bytes
import Settings
import Stats
import Topology
import Wire

// The documents of the JSON interface, as docs/openapi.yml describes them.

/// The percentiles that are shown of latencies.
private func percentiles(_ now: [Double]?) -> JSON {
  guard let now, now.count == 3 else { return .null }
  return .object(["p50": .number(now[0]), "p99": .number(now[1]), "p999": .number(now[2])])
}

extension MetricSource {
  func status() -> JSON {
    let (snapshot, control, totals) = (snapshot, snapshot.control, snapshot.totals)
    let reasons = snapshot.unreadyReasons(settings)
    let workers = snapshot.workers.enumerated().map { i, worker in
      JSON.object([
        "number": .count(i), "clients": .count(worker.clients), "forwarded": .int(worker.requestsForwarded),
        "cpu_seconds": .number(worker.cpu / .seconds(1)),
        "busy": .number(recorder.busy.indices.contains(i) ? recorder.busy[i] : 0),
      ])
    }
    return .object([
      "version": .string(control.version), "pid": .count(Int(control.processID)),
      "started": .number(snapshot.started), "uptime": .number(snapshot.uptime / .seconds(1)),
      "now": .number(snapshot.time), "config": .text(control.configPath),
      "ready": .bool(reasons.isEmpty), "reasons": .array(reasons.map(JSON.string)),
      "attention": .array(snapshot.concerns(settings).map(\.json)), "workers": .array(workers),
      "listeners": .array(control.listeners.map(document)),
      "clients": .object([
        "now": .int(totals[.clientConnections]), "accepted": .int(totals[.clientConnectionsTotal]),
        "rejected": .int(totals[.rejectedClients]), "limit": .count(control.clientLimit),
      ]),
      "memory": .object([
        "in_use": .int(totals[.memoryInUse]), "idle": .int(totals[.memoryIdle]),
        "limit": .count(control.memoryLimit),
      ]),
      "reloads": .object([
        "applied": .count(control.reloads), "refused": .count(control.reloadFailures),
        "last_error": .text(control.lastReloadError.isEmpty ? nil : control.lastReloadError),
      ]),
      "counters": .object(
        Counter.allCases.map { JSON.Member(name: $0.definition.name, value: .int(totals[$0])) }),
    ])
  }

  private func document(of listener: ListenerReport) -> JSON {
    let numbers = snapshot.numbers(of: listener.id)
    return .object([
      "address": .string(listener.address), "clients": .count(numbers.clients),
      "accepted": .int(listener.accepted), "requests": .int(numbers.requests),
      "latency": percentiles(recorder.listeners[listener.id]?.now),
    ])
  }

  func pools() -> JSON {
    let labels = labels
    return .object([
      "pools": .array(
        snapshot.control.pools.map { pool in
          let results = snapshot.results(of: pool.id)
          let totals = Totals(results)
          let own = settings.pools.first { $0.name == pool.name }
          let states = snapshot.control.servers.filter { pool.servers.contains($0.id) }.map(\.state)
          return .object([
            "name": .string(pool.name), "placement": .text(own?.placement.name),
            "hash": .text(own.map { ($0.hash ?? $0.placement.defaultHash).name }),
            "routes": .array(settings.prefixes(leadingTo: pool.name).map(JSON.string)),
            "servers": .array(pool.servers.compactMap { labels[$0].map(JSON.string) }),
            "up": .count(states.count { $0 == .up }), "outcomes": outcomes(results),
            "requests": .int(totals.requests), "hits": .int(totals.hits), "misses": .int(totals.misses),
            "errors": .int(totals.errors), "latency": percentiles(recorder.pools[pool.id]?.now),
          ])
        })
    ])
  }

  /// How often each command had each result, without those that did not occur.
  private func outcomes(_ results: ResultCounts) -> JSON {
    .object(
      Verb.allCases.compactMap { command in
        let members = RequestResult.allCases.compactMap { result -> JSON.Member? in
          let count = results[Int(command.rawValue), result]
          return count > 0 ? JSON.Member(name: result.name, value: .int(count)) : nil
        }
        return members.isEmpty ? nil : JSON.Member(name: command.word, value: .object(members))
      })
  }

  private var labels: [ServerID: String] {
    Dictionary(snapshot.control.servers.map { ($0.id, $0.label) }, uniquingKeysWith: { first, _ in first })
  }

  func servers(_ placement: borrowing Placement) -> JSON {
    var shares: [ServerID: (ring: Double, ideal: Double, traffic: Double?)] = [:]
    for (i, pool) in snapshot.control.pools.enumerated() {
      guard let circle = placement.circle(of: i) else { continue }
      let recent = pool.servers.map { id in recorder.servers[id].map { recorder.recent($0, seconds: 10) } ?? 0
      }
      let sum = recent.reduce(0, +)
      for (n, id) in pool.servers.enumerated() where shares[id] == nil && circle.shares.indices.contains(n) {
        let traffic = sum > 0 ? Double(recent[n]) / Double(sum) : nil
        shares[id] = (circle.shares[n], circle.ideal[n], traffic)
      }
    }
    return .object(["servers": .array(snapshot.control.servers.map { document(of: $0, shares[$0.id]) })])
  }

  private func document(
    of server: ServerReport, _ share: (ring: Double, ideal: Double, traffic: Double?)?
  ) -> JSON {
    let numbers = snapshot.numbers(of: server.id)
    let totals = Totals(numbers.tally)
    let failures = ServerFailure.allCases.compactMap { failure -> JSON.Member? in
      let count = numbers.tally.failures[Int(failure.rawValue)]
      return count > 0 ? JSON.Member(name: RequestResult(failure).name, value: .int(count)) : nil
    }
    let weight = settings.pools.lazy.flatMap(\.servers).first { $0.address == server.label }?.weight ?? 1
    return .object([
      "name": .string(server.label), "pools": .array(server.pools.map(JSON.string)),
      "state": .string(server.state.rawValue), "cause": .text(server.cause), "note": .text(server.note),
      "since": .number(server.since), "weight": .int(UInt64(weight)), "requests": .int(totals.requests),
      "hits": .int(totals.hits),
      "misses": .int(totals.misses), "errors": .int(totals.errors), "failures": .object(failures),
      "reads_as_misses": .int(numbers.tally.readsAsMisses), "late_replies": .int(numbers.tally.lateReplies),
      "bytes_in": .int(numbers.tally.bytesIn), "bytes_out": .int(numbers.tally.bytesOut),
      "connections": .count(numbers.connections), "in_flight": .count(numbers.inFlight),
      "queued_bytes": .count(numbers.queuedBytes), "ejections": .count(server.ejections),
      "latency": percentiles(recorder.servers[server.id]?.now),
      "share": .object([
        "ring": .number(share?.ring ?? 0), "ideal": .number(share?.ideal ?? 0),
        "traffic": share?.traffic.map(JSON.number) ?? .null,
      ]),
    ])
  }

  /// The hot keys by requests or by bytes, where they go, and how sure that is.
  func hotKeys(_ report: HotKeyReport, byBytes: Bool, now: Instant, _ placement: borrowing Placement) -> JSON
  {
    let (keys, total) =
      byBytes ? (report.byBytes, report.bytes) : (report.byRequests, report.requests)
    let scale = UInt64(HotKeys.interval)
    var items: [JSON] = []
    for key in keys.prefix(50) {
      let place = placement.place(of: key.key)
      items.append(
        .object([
          "key": .string(key.text), "pool": .text(place?.pool.name),
          "server": .text(place?.server?.address),
          "share": .number(total > 0 ? Double(key.count) / Double(total) : 0),
          "count": .int(key.count &* scale), "error": .int(key.error &* scale),
          "age": .number(now.since(key.since) / .seconds(1)),
        ]))
    }
    return .object([
      "sampled": .number(1 / Double(scale)), "half_life": .number(HotKeys.halfLife / .seconds(1)),
      "by": .string(byBytes ? "bytes" : "requests"), "total": .int(total &* scale), "keys": .array(items),
    ])
  }

  func config() -> JSON {
    .object(["path": .text(snapshot.control.configPath), "yaml": .string(settings.yaml)])
  }

  /// Nil if there is no such pool.
  func ring(_ name: String?, _ placement: borrowing Placement) -> JSON? {
    let pools = snapshot.control.pools
    guard let i = name.map({ name in pools.firstIndex { $0.name == name } }) ?? pools.indices.first,
      let circle = placement.circle(of: i),
      let own = settings.pools.first(where: { $0.name == pools[i].name })
    else { return nil }
    let reports = Dictionary(
      snapshot.control.servers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let servers = pools[i].servers.enumerated().map { n, id in
      JSON.object([
        "name": .text(reports[id]?.label), "state": .text(reports[id]?.state.rawValue),
        "ring": .number(circle.shares.indices.contains(n) ? circle.shares[n] : 0),
        "ideal": .number(circle.ideal.indices.contains(n) ? circle.ideal[n] : 0),
      ])
    }
    return .object([
      "pool": .string(own.name), "placement": .string(own.placement.name), "servers": .array(servers),
      "slices": .array(circle.owners.map { .number(Double($0)) }),
    ])
  }

  /// The history from step `since` on: of the total, of each pool, and of these servers.
  func history(since: Int, servers wanted: Set<String>) -> JSON {
    let from = max(recorder.first, since)
    let pools = snapshot.control.pools.map { pool in
      JSON.Member(name: pool.name, value: series(recorder.pools[pool.id], from))
    }
    let servers = snapshot.control.servers.filter { wanted.contains($0.label) }.map { server in
      JSON.Member(name: server.label, value: series(recorder.servers[server.id], from))
    }
    return .object([
      "step": .number(1), "first": .count(from), "last": .number(Double(recorder.last)),
      "now": .number(recorder.time), "total": series(recorder.total, from), "pools": .object(pools),
      "servers": .object(servers),
    ])
  }

  private func series(_ track: Track?, _ from: Int) -> JSON {
    let steps = track.map { recorder.steps(of: $0, from: from) } ?? []
    func counts(_ path: (Step) -> UInt32) -> JSON { .array(steps.map { .int(UInt64(path($0))) }) }
    // What is not a number is written as null.
    func times(_ path: (Step) -> Float) -> JSON { .array(steps.map { .number(Double(path($0))) }) }
    return .object([
      "requests": counts(\.requests), "hits": counts(\.hits), "misses": counts(\.misses),
      "errors": counts(\.errors), "p50": times(\.p50), "p99": times(\.p99), "p999": times(\.p999),
    ])
  }
}

extension LogEvent {
  var json: JSON {
    .object([
      "seq": .count(seq), "time": .number(time), "level": .string(level.rawValue), "text": .string(message),
      "fields": .object(fields.map { JSON.Member(name: $0.name, value: .string($0.value)) }),
    ])
  }
}
