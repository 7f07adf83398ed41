import Glibc
import Topology

extension ServerFailure {
  /// The failure that a connection's error number means.
  init(errno reason: Int32) {
    switch reason {
    // ENOENT: a Unix socket's path that does not exist is like a port without a listener.
    case ECONNREFUSED, ENOENT: self = .refused
    case EHOSTUNREACH, ENETUNREACH, EACCES, EADDRNOTAVAIL, ENETDOWN, EHOSTDOWN: self = .unreachable
    case ETIMEDOUT: self = .timedOut
    default: self = .connectionLost
    }
  }
}
