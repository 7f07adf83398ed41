import Glibc

/// A listening socket, on TCP or at a Unix path.
///
/// Closed when the value is destroyed; its path is then removed only if it is still this socket's. Accept with
/// `Socket.accept(listener.descriptor)` or `accept()`.
@safe
package struct Listener: ~Copyable {
  package let descriptor: Int32
  /// The address of the socket, with the port that the kernel chose if 0 was given.
  package let address: Address
  private let path: UnixPath?

  /// Opens a listener. An IPv6 listener accepts no IPv4 connections, so that one of each can share a port.
  ///
  /// - Parameters:
  ///   - mode: permissions of a path, such as 0o660, whatever the umask; nil leaves them to the umask.
  ///   - owner: of a path, as chown(1) takes it: `user`, `user:group` or `:group`, names or numbers.
  package init(
    _ address: Address, mode: UInt32? = nil, owner: String? = nil
  ) throws(SystemError) {
    let (descriptor, path) = try Listener.open(address, mode: mode, owner: owner)
    self.descriptor = descriptor
    self.path = path
    self.address = Address.local(of: descriptor) ?? address
  }

  /// Takes over a socket that listens already. Its path is not removed: another process owns it.
  package init(takingOver descriptor: Int32, at address: Address) {
    if address.isTCP { Socket.prepareTCP(descriptor) }
    self.descriptor = descriptor
    self.path = nil
    self.address = address
  }

  deinit {
    path?.removeIfOurs()
    Socket.close(descriptor)
  }

  package func accept() -> Socket.AcceptResult { Socket.accept(descriptor) }

  private static func open(
    _ address: Address, mode: UInt32?, owner: String?
  ) throws(SystemError) -> (Int32, UnixPath?) {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, kind, 0)
    if descriptor < 0 { throw .last("socket for \(address)") }
    do throws(SystemError) {
      var path: UnixPath? = nil
      if let name = address.unixPath {
        path = try UnixPath.bind(descriptor, name, address, mode: mode, owner: owner)
      } else {
        try bindTCP(descriptor, address)
      }
      if listen(descriptor, 4096) != 0 {
        let error = SystemError.last("listen \(address)")
        path?.removeIfOurs()
        throw error
      }
      return (descriptor, path)
    } catch {
      Socket.close(descriptor)
      throw error
    }
  }

  private static func bindTCP(
    _ descriptor: Int32, _ address: Address
  ) throws(SystemError) {
    Socket.setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    if address.family == AF_INET6 {
      Socket.setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
    }
    Socket.prepareTCP(descriptor)
    // SAFETY: the address is valid during the call.
    if unsafe address.withSocketAddress({ unsafe bind(descriptor, $0, $1) }) != 0 {
      throw .last("bind \(address)")
    }
  }
}
