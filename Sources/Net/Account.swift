import Glibc

/// The owner of a file as a configuration names it.
package enum Owner {
  /// Why `user:group` cannot own a file on this system; nil if it can.
  package static func complaint(about text: String) -> String? {
    do throws(SystemError) {
      _ = try Account.ids(ofOwner: text)
      return nil
    } catch {
      return error.description
    }
  }
}

/// Users and groups of the system, looked up by name or number (passwd(5), group(5)).
@safe
enum Account {
  struct User: Equatable {
    let name: String
    let id: uid_t
    let group: gid_t
  }

  /// A user by name, or by number when no user has that name.
  static func user(_ text: String) throws(SystemError) -> User {
    let found: User? = unsafe entry { buffer, size in
      var record = unsafe passwd()
      var result: UnsafeMutablePointer<passwd>? = nil
      // SAFETY: `buffer` holds `size` bytes; the record's pointers point into it.
      var code = unsafe getpwnam_r(text, &record, buffer, size, &result)
      if unsafe result == nil, code != ERANGE, let id = uid_t(text) {
        code = unsafe getpwuid_r(id, &record, buffer, size, &result)
      }
      guard unsafe result != nil, let name = unsafe record.pw_name else { return (code, nil) }
      return unsafe (0, User(name: String(cString: name), id: record.pw_uid, group: record.pw_gid))
    }
    guard let found else {
      throw SystemError(errno: ENOENT, operation: "user \(text)", words: "there is no such user")
    }
    return found
  }

  /// A group's number, from its name or from the number itself.
  static func group(_ text: String) throws(SystemError) -> gid_t {
    let found: gid_t? = unsafe entry { buffer, size in
      var record = unsafe Glibc.group()
      var result: UnsafeMutablePointer<Glibc.group>? = nil
      // SAFETY: as above.
      let code = unsafe getgrnam_r(text, &record, buffer, size, &result)
      return unsafe (code, result == nil ? nil : record.gr_gid)
    }
    guard let id = found ?? gid_t(text) else {
      throw SystemError(errno: ENOENT, operation: "group \(text)", words: "there is no such group")
    }
    return id
  }

  /// The numeric ids of `user`, `user:group` or `:group`. A part that is missing is -1, which chown(2) leaves
  /// unchanged.
  static func ids(ofOwner text: String) throws(SystemError) -> (user: uid_t, group: gid_t) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    var ids: (user: uid_t, group: gid_t) = (.max, .max)
    if let name = parts.first, !name.isEmpty {
      // A number need not be in the user table.
      if let id = uid_t(name) {
        ids.user = id
      } else {
        ids.user = try user(String(name)).id
      }
    }
    if parts.count == 2, !parts[1].isEmpty { ids.group = try group(String(parts[1])) }
    return ids
  }

  /// Calls the lookup with a buffer that grows until the record fits.
  private static func entry<Value>(
    _ ask: (UnsafeMutablePointer<CChar>, Int) -> (code: Int32, value: Value?)
  ) -> Value? {
    var size = 1024
    while size <= 1 << 20 {
      let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
      // SAFETY: our own allocation; the value returned does not point into it.
      defer { unsafe buffer.deallocate() }
      let answer = unsafe ask(buffer, size)
      if answer.code != ERANGE { return answer.value }
      size *= 4
    }
    return nil
  }
}
