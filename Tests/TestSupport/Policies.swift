import Topology

extension ServerID: ExpressibleByIntegerLiteral {
  @inlinable package init(integerLiteral number: UInt32) { self.init(number) }
}

extension PoolPolicy {
  /// The default rules but for these.
  package init(
    failures: Int = 3, probeInterval: Duration = .seconds(1), probeMax: Duration = .seconds(30),
    onFailure: FailureRule = .eject, floorPercent: Int = 50
  ) {
    self.init()
    self.failures = failures
    self.probeInterval = probeInterval
    self.probeMax = probeMax
    self.onFailure = onFailure
    self.floorPercent = floorPercent
  }
}

extension PoolMembers {
  /// A pool of these servers with these rules.
  package init(members: [ServerID], rejoin: RejoinRule, requestTimeout: Duration) {
    self.init(id: PoolID(0), servers: members)
    policy.rejoin = rejoin
    policy.requestTimeout = requestTimeout
  }
}
