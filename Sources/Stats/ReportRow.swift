/// The rows of `stats ringroad`, in its order: the one table of them.
package enum ReportRow: Hashable, Sendable {
  case uptime, version, pid, threads
  case reloads, reloadFailures, hostLookups, hostLookupFailures, addressChanges, memoryLimit, lastReloadError
  /// One for each server.
  case server, serverNote, serverReadsAsMisses
  /// One for each listener.
  case listenerClients, listenerClientsAccepted, listenerRequests
  /// One for each worker.
  case workerClients, workerRequestsForwarded, workerCPU
  /// The sum over the workers.
  case total(Counter)

  package static let all: [ReportRow] =
    [
      .uptime, .version, .pid, .threads, .reloads, .reloadFailures, .hostLookups, .hostLookupFailures,
      .addressChanges, .memoryLimit, .lastReloadError, .server, .serverNote, .serverReadsAsMisses,
      .listenerClients, .listenerClientsAccepted, .listenerRequests, .workerClients, .workerRequestsForwarded,
      .workerCPU,
    ] + Counter.allCases.map { .total($0) }

  package var definition: Definition {
    switch self {
    case .uptime: .init("uptime", .gauge, "seconds", "Time since the proxy was started")
    case .version: .init("version", .text, "The proxy's version")
    case .pid: .init("pid", .text, "The proxy's process id")
    case .threads: .init("threads", .gauge, "workers", "Workers: threads that serve clients")
    case .reloads: .init("reloads", .counter, "reloads", "Configurations applied by a reload")
    case .reloadFailures:
      .init("reload_failures", .counter, "reloads", "Reloads that were refused or postponed")
    case .hostLookups: .init("host_lookups", .counter, "lookups", "Lookups of servers' host names")
    case .hostLookupFailures:
      .init("host_lookup_failures", .counter, "lookups", "Lookups that failed: the known addresses stay")
    case .addressChanges:
      .init("address_changes", .counter, "changes", "Times a server's host name got another address")
    case .memoryLimit:
      .init(
        "memory_limit", .gauge, "bytes",
        "Limit of all buffers: limits.memory, but at least 16 MiB for each worker")
    case .lastReloadError:
      .init(
        "last_reload_error", .text,
        "Why the last reload was refused; not shown when the file in force is the one on disk")
    case .server:
      .init(
        "server:<pools>:<address>", .text,
        "The server's status: up, ejected (its keys are on other servers), down (its keys fail fast), marked down "
          + "(by hand, in the file) or joining (not used yet); its pools are separated by commas")
    case .serverNote:
      .init(
        "server:<pools>:<address>:note", .text,
        "The server's condition, shown only if it needs attention: at its connection limit, flush_all "
          + "refused, stays out and why")
    case .serverReadsAsMisses:
      .init(
        "server:<pools>:<address>:reads_as_misses", .counter, "keys",
        "Keys of this server answered as a miss because it could not answer")
    case .listenerClients:
      .init("listener:<address>:clients", .gauge, "clients", "Clients of this listener now")
    case .listenerClientsAccepted:
      .init(
        "listener:<address>:clients_accepted", .counter, "clients",
        "Clients that have connected to this listener, rejected ones included")
    case .listenerRequests:
      .init(
        "listener:<address>:requests", .counter, "requests",
        "Requests of this listener's clients, counted when they are answered; a multi-get is one, and requests about "
          + "no key are not counted")
    case .workerClients: .init("worker:<n>:clients", .gauge, "clients", "Clients of this worker now")
    case .workerRequestsForwarded:
      .init("worker:<n>:requests_forwarded", .counter, "requests", "Requests this worker sent to servers")
    case .workerCPU:
      .init("worker:<n>:cpu_ms", .counter, "milliseconds", "Processor time of this worker's thread")
    case .total(let counter): counter.definition
    }
  }

  /// The name of this row of one server (`server:main:10.0.0.1:11211`), listener (`listener:127.0.0.1:11311`) or worker
  /// (`worker:0`), or of the process.
  func name(of subject: String) -> String {
    subject + definition.name.dropFirst(placeholder.count)
  }

  /// What the subject replaces in the definition's name.
  private var placeholder: String {
    switch self {
    case .server, .serverNote, .serverReadsAsMisses: "server:<pools>:<address>"
    case .listenerClients, .listenerClientsAccepted, .listenerRequests: "listener:<address>"
    case .workerClients, .workerRequestsForwarded, .workerCPU: "worker:<n>"
    default: ""
    }
  }
}

/// One line of the answer to `stats ringroad`.
package struct ReportLine: Equatable, Sendable {
  package let name: String
  package let value: String

  /// `subject`: the server, the listener or the worker, for a row that each of them has.
  package init(_ row: ReportRow, of subject: String = "", _ value: some CustomStringConvertible) {
    name = wordOfRow(row.name(of: subject))
    self.value = valueOfRow(value.description)
  }
}

extension [ReportLine] {
  /// The answer to `stats ringroad`, `END` included.
  package var answer: [UInt8] {
    [UInt8]((map { "STAT \($0.name) \($0.value)\r\n" }.joined() + "END\r\n").utf8)
  }
}
