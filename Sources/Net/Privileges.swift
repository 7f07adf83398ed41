import CRingroad
import Glibc

/// What the process may do.
@safe
package enum Privileges {
  /// Whether it may do everything.
  package static var areFull: Bool { geteuid() == 0 }

  /// Becomes another user for good: its groups, its group, then itself, for all threads; and makes sure
  /// that there is no way back. To be done after ports and files are open that only root may open.
  package static func become(user: String, group: String? = nil) throws(SystemError) {
    let account = try Account.user(user)
    let groupID = try group.map { (name) throws(SystemError) in try Account.group(name) } ?? account.group
    if unsafe initgroups(account.name, groupID) != 0 { throw .last("initgroups \(user)") }
    let code = ringroad_set_ids(account.id, groupID)
    if code != 0 { throw SystemError(errno: code, operation: "become \(user)") }
    // A kernel or a sandbox that said yes and did nothing would leave us root without knowing it.
    let isAnother = getuid() == account.id && geteuid() == account.id && getegid() == groupID
    let canReturn = account.id != 0 && (setuid(0) == 0 || seteuid(0) == 0)
    guard isAnother, !canReturn else {
      throw SystemError(errno: EPERM, operation: "become \(user): privileges were not given up")
    }
  }
}
