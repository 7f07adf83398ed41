import Net
import Settings

/// What would keep a valid configuration from being used on this machine, as far as can be told without the network and
/// without opening anything: `ringroad check` says it. The start itself finds out by trying.
package enum StartCheck {
  /// One sentence for each problem; O(listeners). `journald`: the path of journald's socket.
  package static func problems(
    of settings: ProxySettings, journald: String = LogSettings.journaldSocket
  ) -> [String] {
    var problems: [String] = []
    for listener in settings.listeners {
      if let complaint = listener.owner.flatMap(Owner.complaint) {
        problems.append("listener \(listener.endpoint): \(complaint)")
      }
      if case .unix(let path) = listener.endpoint, let problem = folderProblem(of: path) {
        problems.append("listener \(listener.endpoint): \(problem)")
      }
    }
    switch settings.log.destination {
    case .stderr, .syslog: break
    case .journald:
      if case .missing = PathKind(of: journald) {
        problems.append("log: there is no \(journald); \(LogSink.journaldRemedy)")
      }
    case .file(let path):
      if case .folder = PathKind(of: path) {
        problems.append("log: \(path) is a folder; write the path of a file")
      } else if let problem = folderProblem(of: path) {
        problems.append("log: \(problem)")
      }
    }
    return problems
  }

  /// What is wrong with the folder of a file that is to be made.
  private static func folderProblem(of path: String) -> String? {
    let folder = path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
    switch PathKind(of: folder.isEmpty ? "/" : folder) {
    case .folder: return nil
    case .missing: return "there is no folder \(folder)"
    case .other: return "\(folder) is not a folder"
    }
  }
}
