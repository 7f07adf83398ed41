import Glibc

/// The file of a listening Unix socket: its path, and its device and inode.
@safe
struct UnixPath: Equatable {
  let path: String
  let device: UInt
  let inode: UInt

  /// Binds a socket to a path. A socket file that no process listens on is replaced; any other file stays, and the
  /// call fails.
  ///
  /// No client can connect before `listen`, so mode and owner are set in time.
  static func bind(
    _ descriptor: Int32, _ path: String, _ address: Address, mode: UInt32?, owner: String?
  ) throws(SystemError) -> UnixPath {
    let ids = try owner.map { (text) throws(SystemError) in try Account.ids(ofOwner: text) }
    var isBound = bindOnce(descriptor, address)
    if !isBound, errno == EADDRINUSE {
      try removeStale(path, address)
      isBound = bindOnce(descriptor, address)
    }
    guard isBound else { throw .last("bind \(address)") }
    guard let file = UnixPath(at: path) else { throw .last("bind \(address)") }
    do throws(SystemError) {
      if let ids, unsafe lchown(path, ids.user, ids.group) != 0 { throw .last("chown \(path)") }
      if let mode, unsafe chmod(path, mode & 0o777) != 0 { throw .last("chmod \(path)") }
    } catch {
      file.removeIfOurs()
      throw error
    }
    return file
  }

  /// The file at a path, links not followed; nil when there is none.
  private init?(at path: String) {
    guard let status = UnixPath.status(path) else { return nil }
    self.path = path
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }

  /// Removes the file, unless another file has replaced it.
  func removeIfOurs() {
    if UnixPath(at: path) == self { _ = unsafe unlink(path) }
  }

  private static func bindOnce(_ descriptor: Int32, _ address: Address) -> Bool {
    // SAFETY: the address is valid during the call.
    unsafe address.withSocketAddress { unsafe Glibc.bind(descriptor, $0, $1) } == 0
  }

  /// Removes the file at the path if it is a socket that no process listens on, else throws.
  private static func removeStale(_ path: String, _ address: Address) throws(SystemError) {
    guard let status = status(path) else { return }  // already gone
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw SystemError(errno: ENOTSOCK, operation: "bind \(address): the file at this path is not a socket")
    }
    let found = UnixPath(at: path)
    switch Socket.connect(to: address) {
    case .connected(let probe), .inProgress(let probe):
      Socket.close(probe)
      throw SystemError(errno: EADDRINUSE, operation: "bind \(address)")
    case .failed(ECONNREFUSED): found?.removeIfOurs()
    case .failed(ENOENT): return
    case .failed: throw SystemError(errno: EADDRINUSE, operation: "bind \(address)")
    }
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    // SAFETY: a pointer to a local, and a string that ends in NUL.
    return unsafe lstat(path, &status) == 0 ? status : nil
  }
}
