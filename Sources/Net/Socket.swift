import CRingroad
import Glibc

/// Stream sockets by their descriptors. None of these blocks, and none is cut short by a signal.
@safe
package enum Socket {
  /// How an attempt to connect stands.
  package enum ConnectResult: Equatable, Sendable {
    case connected(Int32)
    /// Writable when it is decided; then `connectError` says how.
    case inProgress(Int32)
    /// With errno; there is no descriptor.
    case failed(Int32)
  }

  /// Begins to connect. The descriptor is non-blocking and closed on exec; over TCP it sends without delay,
  /// and notices after a minute that an idle peer has gone (30 s, then 3 probes 10 s apart).
  package static func connect(to address: Address) -> ConnectResult {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(address.family, kind, 0)
    guard descriptor >= 0 else { return .failed(errno) }
    if address.isTCP { prepareTCP(descriptor) }
    // SAFETY: the address is lent for the call.
    if unsafe address.withSocketAddress({ unsafe Glibc.connect(descriptor, $0, $1) }) == 0 {
      return .connected(descriptor)
    }
    let reason = errno
    if reason == EINPROGRESS || reason == EINTR { return .inProgress(descriptor) }
    close(descriptor)
    return .failed(reason)
  }

  /// How a connection in progress ended: 0 when it stands, else errno. To be asked once, when writable.
  package static func connectError(_ descriptor: Int32) -> Int32 {
    var reason: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: addresses of locals of the size that is said.
    let result = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length)
    return result == 0 ? reason : errno
  }

  /// Closes a descriptor. A watch on it must have been ended before.
  package static func close(_ descriptor: Int32) {
    // Not repeated on EINTR: Linux has closed it all the same.
    _ = Glibc.close(descriptor)
  }

  /// Closes a descriptor and forgets what was not delivered: after an ordinary close the kernel goes on trying
  /// for minutes, and requests that were given up long ago would arrive when a cut network heals.
  package static func abort(_ descriptor: Int32) {
    var patience = linger(l_onoff: 1, l_linger: 0)
    // SAFETY: the address of a local of the size that is said.
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &patience, socklen_t(MemoryLayout<linger>.size))
    close(descriptor)
  }

  /// It is readable when so many bytes are there, when its end is, or when it has failed.
  package static func awaitBytes(_ descriptor: Int32, atLeast count: Int) {
    setOption(descriptor, SOL_SOCKET, SO_RCVLOWAT, Int32(clamping: count))
  }

  /// Reads what has come and forgets it. To close a connection with something unread resets it, and what the other side
  /// was sent before may be lost on the way.
  package static func discardInput(_ descriptor: Int32) {
    unsafe withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { room in
      for _ in 0..<64 {
        // SAFETY: the room is as large as is said.
        let n = uninterrupted { unsafe recv(descriptor, room.baseAddress, room.count, 0) }
        guard n > 0 else { return }
      }
    }
  }

  /// No more will be sent; the other side reads an end.
  package static func finishSending(_ descriptor: Int32) {
    _ = shutdown(descriptor, Int32(SHUT_WR))
  }

  /// No delay, and keepalive. What accepts connections hands these on to them.
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
    // SAFETY: the address of a local of the size that is said.
    return unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
  }

  // MARK: Accepting

  /// What a listener had to give.
  package enum AcceptResult: Sendable {
    /// A new connection and its far end, which is nil over a Unix socket.
    case accepted(Int32, Address?)
    case wouldBlock
    /// The connection stays in the kernel's queue until a descriptor, or memory, is free.
    case outOfDescriptors
    case failed(Int32)
  }

  /// Takes one connection, non-blocking and closed on exec; over TCP it inherits the listener's options.
  ///
  /// A connection that ended while it was in the queue is passed over.
  package static func accept(_ listener: Int32) -> AcceptResult {
    while true {
      var peer = Address()
      // SAFETY: the address is written by the call, which is told how much room there is.
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
