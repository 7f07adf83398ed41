import Glibc

/// A failed name lookup.
///
///     cache-1.example: Name or service not known
@safe
package struct ResolveError: Error, Equatable, Sendable, CustomStringConvertible {
  package let host: String
  /// getaddrinfo(3)'s reason, an `EAI_` number.
  package let code: Int32
  /// The kernel's errno, when `code` is `EAI_SYSTEM`.
  package let errno: Int32

  package init(host: String, code: Int32, errno: Int32 = 0) {
    self.host = host
    self.code = code
    self.errno = errno
  }

  package var description: String {
    if code == EAI_SYSTEM { return "\(host): \(SystemError.reason(errno))" }
    guard let text = unsafe gai_strerror(code) else { return "\(host): error \(code)" }
    // SAFETY: a constant string of the C library.
    return unsafe "\(host): \(String(cString: text))"
  }
}

extension Address {
  /// The addresses of a host, in the system's order of preference, without duplicates; never empty.
  ///
  /// A numeric host returns at once. A name **blocks** for as long as the resolver does: call it at start-up, or from
  /// threads that run no loop.
  package static func resolve(host: String, port: UInt16) throws(ResolveError) -> [Address] {
    if let address = Address(ip: host, port: port) { return [address] }
    if host.isEmpty || host.utf8.contains(0) { throw ResolveError(host: host, code: EAI_NONAME, errno: 0) }
    // SAFETY: hints without pointers.
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>? = nil
    // SAFETY: on success `list` is a chain that ends in nil and is ours until freeaddrinfo.
    let code = unsafe getaddrinfo(host, nil, &hints, &list)
    guard code == 0 else { throw ResolveError(host: host, code: code, errno: Glibc.errno) }
    defer { unsafe freeaddrinfo(list) }
    var found: [Address] = []
    var next = unsafe list
    while let entry = unsafe next {
      unsafe next = entry.pointee.ai_next
      guard let socketAddress = unsafe entry.pointee.ai_addr,
        let address = unsafe Address(socketAddress, entry.pointee.ai_addrlen)?.withPort(port),
        !found.contains(address)
      else { continue }
      found.append(address)
    }
    guard !found.isEmpty else { throw ResolveError(host: host, code: EAI_NONAME, errno: 0) }
    return found
  }
}
