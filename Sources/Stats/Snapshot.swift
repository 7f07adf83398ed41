import Bytes
import Topology

/// One worker's numbers that are not of a server or a pool.
package struct WorkerSnapshot: Sendable, Equatable {
  package var clients: Int
  package var requestsForwarded: UInt64
  /// Processor time of its thread.
  package var cpu: Duration

  package init(clients: Int, requestsForwarded: UInt64, cpu: Duration) {
    self.clients = clients
    self.requestsForwarded = requestsForwarded
    self.cpu = cpu
  }
}

/// What the system says of the process.
package struct ProcessNumbers: Sendable, Equatable {
  package var descriptors: UInt64 = 0
  package var descriptorLimit: UInt64 = 0
  package var residentBytes: UInt64 = 0
  package var cpuSeconds = 0.0

  package init() {}
}

/// Every number of the process at one moment, merged over its threads: what `stats ringroad`, the metrics, the JSON
/// interface and the dashboard show.
package struct Snapshot: Sendable {
  /// When it was made, and when the proxy was started, in seconds since 1970.
  package var time: Double = 0
  package var started: Double = 0
  package var uptime: Duration = .zero
  package var control = ControlReport()
  package var process = ProcessNumbers()
  package var workers: [WorkerSnapshot] = []
  /// The sum over the workers, with the control thread's own numbers.
  package var totals = Counters()
  /// By server, summed over the workers.
  package var servers: [ServerID: ServerNumbers] = [:]
  package var pools: [PoolID: ResultCounts] = [:]
  package var listeners: [ListenerID: ListenerNumbers] = [:]

  package init() {}

  package func numbers(of server: ServerID) -> ServerNumbers {
    servers[server] ?? ServerNumbers(id: server)
  }

  package func numbers(of listener: ListenerID) -> ListenerNumbers {
    listeners[listener] ?? ListenerNumbers(id: listener)
  }

  /// How often the requests to a pool had each result.
  package func results(of pool: PoolID) -> ResultCounts { pools[pool] ?? ResultCounts() }

  /// The rows of `stats ringroad`.
  package var rows: [ReportLine] {
    var rows = [
      ReportLine(.uptime, Int(uptime / .seconds(1))), ReportLine(.version, control.version),
      ReportLine(.pid, control.processID), ReportLine(.threads, control.workers),
      ReportLine(.reloads, control.reloads), ReportLine(.reloadFailures, control.reloadFailures),
      ReportLine(.hostLookups, control.hosts.lookups),
      ReportLine(.hostLookupFailures, control.hosts.failures),
      ReportLine(.addressChanges, control.hosts.addressChanges),
      ReportLine(.memoryLimit, control.memoryLimit),
    ]
    if !control.lastReloadError.isEmpty { rows.append(ReportLine(.lastReloadError, control.lastReloadError)) }
    for server in control.servers {
      rows.append(ReportLine(.server, of: server.rowName, server.state.rawValue))
      if let note = server.note { rows.append(ReportLine(.serverNote, of: server.rowName, note)) }
    }
    for server in control.servers {
      rows.append(
        ReportLine(
          .serverReadsAsMisses, of: server.rowName, numbers(of: server.id).tally.readsAsMisses))
    }
    for listener in control.listeners {
      let (name, numbers) = (listener.rowName, numbers(of: listener.id))
      rows += [
        ReportLine(.listenerClients, of: name, numbers.clients),
        ReportLine(.listenerClientsAccepted, of: name, listener.accepted),
        ReportLine(.listenerRequests, of: name, numbers.requests),
      ]
    }
    for (i, worker) in workers.enumerated() {
      let name = "worker:\(i)"
      rows += [
        ReportLine(.workerClients, of: name, worker.clients),
        ReportLine(.workerRequestsForwarded, of: name, worker.requestsForwarded),
        ReportLine(.workerCPU, of: name, Int(worker.cpu / .milliseconds(1))),
      ]
    }
    return rows + totals.lines
  }
}
