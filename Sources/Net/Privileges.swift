import CRingroad
import Glibc

/// The privileges of the process: whether it is root, and how it stops being root.
@safe
package enum Privileges {
  /// Whether the process is root.
  package static var areFull: Bool { geteuid() == 0 }

  /// Whether the process runs as this user.
  package static func isUser(_ user: String) throws(SystemError) -> Bool {
    try Account.user(user).id == geteuid()
  }

  /// Switches to another user for good: groups, group, then user, for all threads; and checks that there is no way
  /// back. Call it after opening the ports and files that only root may open.
  package static func become(user: String, group: String? = nil) throws(SystemError) {
    let account = try Account.user(user)
    let groupID = try group.map { (name) throws(SystemError) in try Account.group(name) } ?? account.group
    if unsafe initgroups(account.name, groupID) != 0 { throw .last("initgroups \(user)") }
    let code = ringroad_set_ids(account.id, groupID)
    if code != 0 { throw SystemError(errno: code, operation: "become \(user)") }
    // A kernel or sandbox that reports success without doing it would leave the process root unnoticed.
    let isAnother = getuid() == account.id && geteuid() == account.id && getegid() == groupID
    let canReturn = account.id != 0 && (setuid(0) == 0 || seteuid(0) == 0)
    guard isAnother, !canReturn else {
      throw SystemError(errno: EPERM, operation: "become \(user): privileges were not given up")
    }
  }
}
