import Admin
import Bytes
import Control
import Net
import Settings

// The control thread's side of the admin interface: it opens the listener, and does what changes something.

extension Supervisor {
  /// Starts the admin interface on its listener, which stays open as long as the process lives.
  func startAdmin(on socket: ListeningSocket) {
    var names = control.settings.admin.hosts
    if case .tcp(let host, _)? = control.settings.admin.listener?.endpoint { names.append(host) }
    do throws(SystemError) {
      try AdminThread.start(
        on: socket.listener.descriptor, names: names, sharedStats: sharedStats, history: log.history,
        inbox: adminReplies, outbox: adminRequests)
    } catch {
      return log.warning("cannot start the admin interface", ["reason": error.description])
    }
    log.info("admin interface", ["address": "\(socket.listener.address)"])
  }

  /// Handles the requests of the admin thread.
  func readAdminRequests(now: Instant) {
    for request in adminRequests.take() {
      switch request {
      case .reload(let id):
        reloadRequests.append(id)
        control.reload(.request, now: now)
      case .mark(let id, let server, let isDown):
        control.mark(server, isDown: isDown, now: now)
        adminReplies.post(AdminReply(id: id, response: .marked(server, isDown: isDown)))
      }
      perform(now: now)
    }
  }

  /// A reload has ended: answers those who have asked for one.
  func reloadEnded(_ result: ControlPlane.ReloadResult) {
    let response: HTTPResponse =
      switch result {
      case .applied(let changes): .reloaded(changes)
      case .refused(let reason): .error(409, reason)
      }
    for id in reloadRequests { adminReplies.post(AdminReply(id: id, response: response)) }
    reloadRequests = []
  }
}
