import Glibc

/// A socket address: an IPv4 or IPv6 address with a port, or the path of a Unix socket.
///
///     127.0.0.1:11211      [::1]:11211      [fe80::1%eth0]:11211      unix:/run/ringroad.sock
///
/// Numeric only: `resolve` looks names up. Stored inline, in the form that system calls take.
@safe
package struct Address: BitwiseCopyable, Sendable {
  private var storage = sockaddr_storage()
  private var length: socklen_t = 0

  /// An address without a family, for the kernel to fill in.
  init() { length = socklen_t(MemoryLayout<sockaddr_storage>.size) }

  /// A numeric address; nil if the text is not one. An IPv6 address may name its interface: `fe80::1%eth0`.
  package init?(ip: String, port: UInt16) {
    // C stops reading at a NUL, and would accept an address that ends there.
    guard !ip.utf8.contains(0) else { return nil }
    var four = sockaddr_in()
    // SAFETY: inet_pton reads a NUL-terminated string and writes exactly the family's address size.
    if unsafe inet_pton(AF_INET, ip, &four.sin_addr) == 1 {
      four.sin_family = sa_family_t(AF_INET)
      four.sin_port = port.bigEndian
      fill(from: four)
      return
    }
    let parts = ip.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let host = parts.first else { return nil }
    var six = sockaddr_in6()
    guard unsafe inet_pton(AF_INET6, String(host), &six.sin6_addr) == 1 else { return nil }
    if parts.count == 2 {
      let scope = String(parts[1])
      six.sin6_scope_id = unsafe UInt32(scope) ?? if_nametoindex(scope)
      if six.sin6_scope_id == 0 { return nil }
    }
    six.sin6_family = sa_family_t(AF_INET6)
    six.sin6_port = port.bigEndian
    fill(from: six)
  }

  /// The address of a Unix socket's path; nil if the path is empty, longer than the kernel's 107 bytes, or has a NUL.
  package init?(unixPath: String) {
    let path = Array(unixPath.utf8)
    guard !path.isEmpty, path.count < Address.pathRoom, !path.contains(0) else { return nil }
    storage.ss_family = sa_family_t(AF_UNIX)
    // SAFETY: the path and its NUL fit behind the family, checked above; the storage was zeroed.
    unsafe withUnsafeMutableBytes(of: &storage) { bytes in
      for (i, byte) in path.enumerated() { unsafe bytes[Address.pathOffset + i] = byte }
    }
    length = socklen_t(Address.pathOffset + path.count + 1)
  }

  /// A copy of a C function's address; nil unless its family is AF_INET, AF_INET6 or AF_UNIX.
  init?(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) {
    let room = MemoryLayout<sockaddr_storage>.size
    guard Int(length) >= MemoryLayout<sa_family_t>.size, Int(length) <= room else { return nil }
    // SAFETY: the caller's address holds `length` bytes, which fit.
    unsafe withUnsafeMutableBytes(of: &storage) {
      unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
    self.length = length
    guard [AF_INET, AF_INET6, AF_UNIX].contains(family) else { return nil }
  }

  private mutating func fill<Kind>(from address: Kind) {
    length = socklen_t(MemoryLayout<Kind>.size)
    // SAFETY: a C structure without references, and every socket address fits into the storage.
    unsafe withUnsafeBytes(of: address) { address in
      unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.copyMemory(from: address) }
    }
  }

  private static var pathRoom: Int { MemoryLayout.size(ofValue: sockaddr_un().sun_path) }
  private static var pathOffset: Int { MemoryLayout<sa_family_t>.size }

  // MARK: Reading

  /// AF_INET, AF_INET6 or AF_UNIX.
  package var family: Int32 { Int32(storage.ss_family) }
  /// Whether the address is a TCP one.
  package var isTCP: Bool { family == AF_INET || family == AF_INET6 }

  /// The port; nil for a Unix socket.
  package var port: UInt16? {
    guard isTCP else { return nil }
    // SAFETY: both families keep the port right after the family.
    return unsafe withUnsafeBytes(of: storage) {
      unsafe UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))
    }
  }

  /// The same address with another port; a Unix socket's address is returned unchanged.
  package func withPort(_ port: UInt16) -> Address {
    guard isTCP else { return self }
    var other = self
    // SAFETY: both families keep the port right after the family.
    unsafe withUnsafeMutableBytes(of: &other.storage) {
      unsafe $0.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
    }
    return other
  }

  /// The path of a Unix socket; nil for TCP, and empty for the unnamed end of a connection.
  package var unixPath: String? {
    guard family == AF_UNIX else { return nil }
    return unsafe withUnsafeBytes(of: storage) { bytes in
      // SAFETY: length <= the storage's size.
      var name = unsafe Array(bytes[min(Address.pathOffset, Int(length))..<Int(length)])
      if name.first == 0, name.count > 1 { name[0] = UInt8(ascii: "@") }  // a name in the abstract space
      return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// The address without its port: `127.0.0.1`, `::1`, `fe80::1%eth0`; nil for a Unix socket.
  package var ip: String? {
    guard isTCP else { return nil }
    return unsafe withSocketAddress { address, length in
      unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { host in
        // SAFETY: the buffer's size is passed along; on success it holds a string that ends in NUL.
        guard let start = host.baseAddress,
          unsafe getnameinfo(address, length, start, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0
        else { return nil }
        return unsafe String(cString: start)
      }
    }
  }

  // MARK: For system calls

  /// Calls `body` with the address in the form that system calls take.
  func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    // SAFETY: sockaddr_storage begins like every sockaddr, and is aligned for all of them.
    unsafe withUnsafePointer(to: storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }

  /// Lets a system call write the address; `body` returns the call's result.
  mutating func fill(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32)
    -> Int32
  {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: as above; the call receives the size of the storage.
    return unsafe withUnsafeMutablePointer(to: &storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, &length) }
    }
  }

  /// The local address of a socket, with the port that the kernel chose.
  package static func local(of descriptor: Int32) -> Address? {
    var address = Address()
    return unsafe address.fill { unsafe getsockname(descriptor, $0, $1) } == 0 ? address : nil
  }

  /// The address of the other end of a connection.
  package static func remote(of descriptor: Int32) -> Address? {
    var address = Address()
    return unsafe address.fill { unsafe getpeername(descriptor, $0, $1) } == 0 ? address : nil
  }
}

extension Address: Hashable, CustomStringConvertible {
  /// Two addresses are equal if they print the same.
  package static func == (a: Address, b: Address) -> Bool {
    a.family == b.family && a.port == b.port && a.ip == b.ip && a.unixPath == b.unixPath
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(family)
    hasher.combine(port)
    hasher.combine(ip)
    hasher.combine(unixPath)
  }

  package var description: String {
    if let path = unixPath { return "unix:\(path)" }
    guard let ip, let port else { return "nowhere" }
    return family == AF_INET6 ? "[\(ip)]:\(port)" : "\(ip):\(port)"
  }
}
