import Glibc

/// A Unix datagram socket that sends to one address. Each datagram looks the address's path up again, so that it arrives
/// when the receiver has been restarted.
package struct DatagramSocket: ~Copyable {
  private let descriptor: Int32
  private let address: Address

  package init(to address: Address) throws(SystemError) {
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    descriptor = socket(address.family, kind, 0)
    guard descriptor >= 0 else { throw .last("socket") }
    self.address = address
  }

  deinit { Socket.close(descriptor) }

  /// Sends one datagram; false if it was not accepted. Blocks while the receiver's queue is full.
  package func send(_ bytes: [UInt8]) -> Bool {
    // SAFETY: the array's own bytes and count, and the address, are valid during the call.
    let sent = unsafe bytes.withUnsafeBytes { bytes in
      unsafe address.withSocketAddress { address, length in
        uninterrupted { unsafe sendto(descriptor, bytes.baseAddress, bytes.count, 0, address, length) }
      }
    }
    return sent == bytes.count
  }

  /// Throws if no process receives at the address.
  package func reach() throws(SystemError) {
    // SAFETY: the address is valid during the call.
    guard unsafe address.withSocketAddress({ unsafe Glibc.connect(descriptor, $0, $1) }) == 0 else {
      throw .last("connect to \(address)")
    }
  }
}
