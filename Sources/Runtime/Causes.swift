import Glibc
import Health
import Proxy

extension ServerFailure {
  /// What an error number of a connection means.
  init(errno reason: Int32) {
    switch reason {
    // A socket's path that is not there is a port that nobody listens on.
    case ECONNREFUSED, ENOENT: self = .refused
    case EHOSTUNREACH, ENETUNREACH, EACCES, EADDRNOTAVAIL, ENETDOWN, EHOSTDOWN: self = .unreachable
    case ETIMEDOUT: self = .timedOut
    default: self = .connectionLost
    }
  }

  /// What the board counts; nil for what is no failure of the server.
  var failureCause: FailureCause? {
    switch self {
    case .refused: .refused
    case .unreachable: .unreachable
    case .timedOut: .timedOut
    case .connectionLost: .connectionLost
    case .protocolError: .protocolError
    case .queueFull, .ejected, .shuttingDown, .full: nil
    }
  }
}
