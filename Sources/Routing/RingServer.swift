/// What placement knows of a server: the words its points are made from, and its share.
///
/// Not an address to connect to. `host` is hashed exactly as it is written here (no resolution, no change of
/// case, an IPv6 address without its brackets), so it has to be what the cluster's clients were given.
package struct RingServer: Hashable, Sendable {
  /// A name, an address, or the path of a unix socket.
  package var host: String
  /// 0 for a unix socket.
  package var port: UInt16
  package var isUnix: Bool
  /// Its share of the keys in proportion to the others'; never less than 1.
  package var weight: UInt32 { didSet { weight = max(1, weight) } }
  /// Stands in for the address on the ring, so that a host can be replaced without moving a key.
  package var name: String?

  package init(host: String, port: UInt16, isUnix: Bool = false, weight: UInt32 = 1, name: String? = nil) {
    self.host = host
    self.port = isUnix ? 0 : port
    self.isUnix = isUnix
    self.weight = max(1, weight)
    self.name = name
  }
}
