import Bytes
import Health
import Settings
import Stats
import Topology

// What the control plane publishes for `stats ringroad` and the admin interface.

extension ControlPlane {
  /// Keys deleted on servers since the start.
  package var keysDeleted: Int { failover.deleted }

  func label(_ server: ServerID) -> String {
    runtimePlan.members.first { $0.id == server }?.settings.address ?? "server-\(server)"
  }

  /// Everything that operators see of it. `time`: seconds since 1970, by which changes of a server's state are dated.
  package mutating func report(time: Double) -> ControlReport {
    var report = ControlReport()
    report.reloads = reloads
    report.reloadFailures = reloadFailures
    report.hostLookups = hostLookups
    report.hostLookupFailures = hostLookupFailures
    report.addressChanges = addressChanges
    report.memoryLimit = runtimePlan.plan.limits.memory * max(1, workers)
    report.lastReloadError = lastReloadError
    report.isDraining = isDraining
    report.listeners = settings.listeners.map(\.endpoint.description)
    report.numbers.set(.hostsWithSeveralAddresses, to: names.hostsWithSeveralAddresses)
    report.numbers.set(.configUnreadable, to: isFileUnreadable ? 1 : 0)
    report.numbers.set(.settingsHiddenByFlags, to: hiddenChanges)
    report.servers = runtimePlan.plan.servers.map { self.report(on: $0.id, $0.label, time: time) }
    report.pools = zip(runtimePlan.plan.pools, settings.pools).map { pool, settings in
      PoolReport(id: pool.id, name: settings.name, servers: pool.servers)
    }
    return report
  }

  private mutating func report(on server: ServerID, _ label: String, time: Double) -> ServerReport {
    var record = records[server] ?? ServerRecord()
    let state = state(of: server)
    if record.shown?.state != state { record.shown = (state, since: time) }
    records[server] = record
    let pools = runtimePlan.members.filter { $0.id == server }.map { settings.pools[$0.pool].name }
    var report = ServerReport(id: server, label: label, pools: pools)
    report.state = state
    report.note = record.caveat?.words
    report.since = record.shown?.since ?? time
    report.ejections = record.ejections
    return report
  }

  private func state(of server: ServerID) -> ServerState {
    let status = failover.status(of: server)
    if status == .up { return .up }
    if board.isMarked(server) { return .markedDown }
    if board.isJoining(server) { return .joining }
    return status == .ejected ? .ejected : .down
  }
}
