import CRingroad
import Glibc

/// Stream sockets by descriptor. None of these calls blocks, and a signal interrupts none.
@safe
package enum Socket {
  /// The state of a connection attempt.
  package enum ConnectResult: Equatable, Sendable {
    case connected(Int32)
    /// The descriptor becomes writable when the attempt ends; then `connectError` gives the result.
    case inProgress(Int32)
    /// The errno; there is no descriptor.
    case failed(Int32)
  }

  /// Begins to connect. The descriptor is non-blocking and closed on exec. TCP sends without delay, and detects after
  /// a minute that an idle peer is gone (30 s, then 3 probes 10 s apart).
  package static func connect(to address: Address) -> ConnectResult {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, kind, 0)
    guard descriptor >= 0 else { return .failed(errno) }
    if address.isTCP { prepareTCP(descriptor) }
    // SAFETY: the address is valid during the call.
    if unsafe address.withSocketAddress({ unsafe Glibc.connect(descriptor, $0, $1) }) == 0 {
      return .connected(descriptor)
    }
    let reason = errno
    if reason == EINPROGRESS || reason == EINTR { return .inProgress(descriptor) }
    close(descriptor)
    return .failed(reason)
  }

  /// Whether a Unix socket of this kind can be connected to.
  package static func canConnect(to address: Address, kind: __socket_type) -> Bool {
    let descriptor = socket(
      address.family, Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // SAFETY: the address is valid during the call.
    return unsafe address.withSocketAddress { unsafe Glibc.connect(descriptor, $0, $1) } == 0
  }

  /// The result of a connection in progress: 0 when connected, else errno. Call it once, when writable.
  package static func connectError(_ descriptor: Int32) -> Int32 {
    var reason: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: pointers to locals, with their sizes.
    let result = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length)
    return result == 0 ? reason : errno
  }

  /// Closes a descriptor. End its watch before.
  package static func close(_ descriptor: Int32) {
    // Not repeated on EINTR: Linux has closed the descriptor anyway.
    _ = Glibc.close(descriptor)
  }

  /// Closes a descriptor and discards undelivered bytes. After an ordinary close the kernel keeps trying for minutes,
  /// and requests that were given up long ago would arrive when a cut network heals.
  package static func abort(_ descriptor: Int32) {
    var patience = linger(l_onoff: 1, l_linger: 0)
    // SAFETY: a pointer to a local, with its size.
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &patience, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
  }

  /// Makes the socket readable only when `count` bytes have arrived, at the end of the stream, or on an error.
  package static func awaitBytes(_ descriptor: Int32, atLeast count: Int) {
    setOption(descriptor, SOL_SOCKET, SO_RCVLOWAT, Int32(clamping: count))
  }

  /// Whole seconds since the kernel last received data on a TCP connection; nil for another socket.
  package static func idleSeconds(_ descriptor: Int32) -> Int? {
    var info = tcp_info()
    var length = socklen_t(MemoryLayout<tcp_info>.size)
    // SAFETY: pointers to locals, with their sizes.
    guard unsafe getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &length) == 0 else { return nil }
    return Int(info.tcpi_last_data_recv / 1000)
  }

  /// Reads and discards what has arrived. Closing a connection with unread input resets it, and the peer may then
  /// lose bytes sent to it before.
  package static func discardInput(_ descriptor: Int32) {
    unsafe withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { room in
      for _ in 0..<64 {
        // SAFETY: the buffer's own pointer and count.
        let n = uninterrupted { unsafe recv(descriptor, room.baseAddress, room.count, 0) }
        guard n > 0 else { return }
      }
    }
  }

  /// Sets TCP_NODELAY and keepalive. Accepted connections inherit both from the listener.
  static func prepareTCP(_ descriptor: Int32) {
    let tcp = Int32(IPPROTO_TCP)
    setOption(descriptor, tcp, TCP_NODELAY, 1)
    setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    setOption(descriptor, tcp, TCP_KEEPIDLE, 30)
    setOption(descriptor, tcp, TCP_KEEPINTVL, 10)
    setOption(descriptor, tcp, TCP_KEEPCNT, 3)
  }

  @discardableResult
  static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Bool {
    var value = value
    // SAFETY: a pointer to a local, with its size.
    return unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }

  // MARK: Accepting

  /// The result of accepting one connection.
  package enum AcceptResult: Sendable {
    /// A new connection and its remote address, which is nil over a Unix socket.
    case accepted(Int32, Address?)
    case wouldBlock
    /// The connection stays in the kernel's queue until a descriptor, or memory, is free.
    case outOfDescriptors
    case failed(Int32)
  }

  /// Accepts one connection, non-blocking and closed on exec; over TCP it inherits the listener's options.
  ///
  /// A connection that ended in the queue is skipped.
  package static func accept(_ listener: Int32) -> AcceptResult {
    while true {
      var peer = Address()
      // SAFETY: the call writes the address, and receives the size of its storage.
      let descriptor = unsafe peer.fill { unsafe ringroad_accept(listener, $0, $1) }
      if descriptor >= 0 { return .accepted(descriptor, peer.isTCP ? peer : nil) }
      switch errno {
      case EAGAIN: return .wouldBlock
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .outOfDescriptors
      // accept(2): errors that were pending on the new connection are reported here.
      case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
        ENETUNREACH, EPERM:
        continue
      case let reason: return .failed(reason)
      }
    }
  }
}
