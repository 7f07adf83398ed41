import Glibc

/// The file that a listening Unix socket has made: its path, and which file that was.
@safe
struct UnixPath: Equatable {
  let path: String
  let device: UInt
  let inode: UInt

  /// Binds a socket to a path. A socket that nobody answers on is replaced; anything else stays as it is,
  /// and that is an error.
  ///
  /// Nobody can connect before `listen`, so the mode and the owner are right before they matter.
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

  /// The file that stands at a path, not followed; nil when there is none.
  private init?(at path: String) {
    guard let status = UnixPath.status(path) else { return nil }
    self.path = path
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }

  /// Removes the file, unless another has taken its place.
  func removeIfOurs() {
    if UnixPath(at: path) == self { _ = unsafe unlink(path) }
  }

  private static func bindOnce(_ descriptor: Int32, _ address: Address) -> Bool {
    // SAFETY: the address is lent for the call.
    unsafe address.withSocketAddress { unsafe Glibc.bind(descriptor, $0, $1) } == 0
  }

  /// Removes what stands in the way if it is a socket that nobody answers on, else throws.
  private static func removeStale(_ path: String, _ address: Address) throws(SystemError) {
    guard let status = status(path) else { return }  // it has gone meanwhile
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw SystemError(errno: ENOTSOCK, operation: "bind \(address): what stands there is no socket")
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
    // SAFETY: the address of a local, and a string that ends in NUL.
    return unsafe lstat(path, &status) == 0 ? status : nil
  }
}
