import Bytes
import Health
import Net
import Proxy
import Settings

// A new configuration: read, checked and built whole beside the one in force, then handed to every
// worker between two of its requests. A bad one changes nothing.

extension Supervisor {
  func watchFile() {
    guard let path = launch.configPath else { return }
    do throws(SystemError) {
      file = try FileWatch(path: path)
    } catch {
      log.warning("cannot watch the file: SIGHUP still reloads it", ["reason": error.description])
      return
    }
    if let descriptor = file?.descriptor { _ = loop.watch(descriptor, token: Token(kind: Kind.file)) }
    // It may have changed between being read and being watched.
    fileChangedAt = Clock.now()
  }

  /// Something happened to the file. An editor takes several steps to write one: wait until it rests.
  func fileMoved(now: Instant) {
    if file?.drain() == true { fileChangedAt = now }
  }

  /// What a reload is for.
  enum Cause: String {
    case signal = "SIGHUP"
    case file = "the file has changed"
  }

  func reload(_ cause: Cause, now: Instant) {
    let why = cause.rawValue
    guard drainDeadline == nil else { return }
    let new: ProxySettings
    do throws(ConfigFailure) {
      new = try launch.settings()
    } catch {
      return keepOld(error.errors.map(\.description), why: why)
    }
    let changes = SettingsChange.compare(settings, new)
    guard !changes.isEmpty else {
      // Whoever asked is told; a file may be touched for no reason.
      if cause == .signal { log.info("reload: nothing has changed", ["why": why]) }
      return
    }
    var opened: [Door] = []
    do throws(StartFailure) {
      for listener in new.listeners where !doors.contains(where: { $0.settings == listener }) {
        opened.append(try Door(listener))
      }
    } catch {
      return keepOld([error.reason], why: why)
    }
    take(new, opening: opened, now: now)
    reloads += 1
    lastReloadError = ""
    for change in changes { log.info("reload", ["change": change.description, "why": why]) }
    report()
  }

  private func keepOld(_ reasons: [String], why: String) {
    reloadFailures += 1
    lastReloadError = reasons.first ?? ""
    for reason in reasons {
      log.error("reload refused: the old configuration stays", ["why": why, "reason": reason])
    }
    report()
  }

  private func take(_ new: ProxySettings, opening opened: [Door], now: Instant) {
    let old = settings
    settings = new
    settings.threads = old.threads
    if old.log != new.log { log.reopen(new.log) }
    for door in doors where !new.listeners.contains(door.settings) { close(door) }
    doors.removeAll { !new.listeners.contains($0.settings) }
    for door in doors { loop.unwatch(door.watch) }
    doors += opened
    for (i, door) in doors.enumerated() { open(door, at: i) }
    let board = self.board
    blueprint = Blueprint(new, roster: &roster) { Standing(board.standing(of: ServerID($0))) }
    let changes = self.board.reload(blueprint.healthPools, at: now)
    // The floor may fall otherwise among the new servers.
    let current = self.board
    blueprint = Blueprint(new, roster: &roster) { Standing(current.standing(of: ServerID($0))) }
    addresses = resolve(blueprint)
    let ids = Set(blueprint.members.map(\.id))
    owedFlushes.formIntersection(ids)
    for (server, probe) in probes where !ids.contains(server) {
      loop.unwatch(probe.watch)
      Socket.close(probe.descriptor)
      probes.removeValue(forKey: server)
    }
    for worker in workers { worker.post(.adopt(blueprint.plan, addresses: addresses)) }
    apply(changes)
  }

  /// Where the servers are. A name that is not found keeps the address it had.
  func resolve(_ blueprint: Blueprint) -> [UInt32: Address] {
    var found: [UInt32: Address] = [:]
    for member in blueprint.members {
      switch member.settings.endpoint {
      case .unix(let path): found[member.id] = Address(unixPath: path)
      case .tcp(let host, let port):
        do throws(ResolveError) {
          found[member.id] = try Address.resolve(host: host, port: port).first
        } catch {
          log.warning("host not found", ["server": member.settings.address, "reason": error.description])
          found[member.id] = addresses[member.id]
        }
      }
    }
    return found
  }
}
