/// A server as placement sees it: the parts of its label, and its weight.
///
/// Not an address to connect to. `host` is hashed exactly as written (not resolved, case unchanged, an IPv6 address
/// without its brackets), so it must be spelled as in the configuration of the cluster's clients.
package struct RingServer: Hashable, Sendable {
  /// A name, an address, or the path of a unix socket.
  package var host: String
  /// 0 for a unix socket.
  package var port: UInt16
  package var isUnix: Bool
  /// Its share of the keys relative to the other servers' weights; at least 1.
  package var weight: UInt32 { didSet { weight = max(1, weight) } }
  /// Replaces the address in the label, so that a host can be replaced without moving a key.
  package var name: String?
  /// The address that the host resolved to, as text, for labels that need it.
  package var resolved: String?

  package init(
    host: String, port: UInt16, isUnix: Bool = false, weight: UInt32 = 1, name: String? = nil,
    resolved: String? = nil
  ) {
    self.host = host
    self.port = isUnix ? 0 : port
    self.isUnix = isUnix
    self.weight = max(1, weight)
    self.name = name
    self.resolved = resolved
  }
}
