/// The allowed ranges of a configuration's numbers: a value outside is taken for a typing error.
package enum Bounds {
  package static let threads = 1...1024
  package static let pools = 256
  package static let serversInPool = 4096
  package static let serversInAll = 16_384
  /// A worker has one byte for a listener's number, and 0 is none.
  package static let listeners = 255
  package static let routes = 4096
  /// The whole keys that all routes list.
  package static let routeKeys = 4096
  package static let policies = 1024
  package static let membersOfTry = 2...16
  /// The pools and answers that one request may reach, and the nodes on the way to them.
  package static let leaves = 16
  package static let depth = 4
  /// The text of an answer.
  package static let answerBytes = 200
  /// In seconds; memcached takes more than thirty days for a date.
  package static let ttl = 1...2_592_000
  package static let valueOfRoute = 1...(1 << 30)
  package static let weight = 1...1_000_000
  package static let pointsOfServer = 1...10_000
  /// The points of a ring, or the entries of a list.
  package static let placementEntries = 4_000_000
  package static let failures = 1...10_000
  package static let connections = 1...64
  package static let clients = 1...1_000_000
  package static let timeout: ClosedRange<Duration> = .milliseconds(1)...(.seconds(86_400))
  /// Checked once a second.
  package static let clientTimeout: ClosedRange<Duration> = .seconds(1)...(.seconds(86_400))
  package static let clientOutput = (4 << 10)...(1 << 30)
  /// The upper bound is the largest that memcached's `-I` accepts.
  package static let maxValue = (1 << 10)...(1 << 30)
  package static let serverQueue = (64 << 10)...(64 << 30)
  package static let memory = (16 << 20)...(64 << 30)
  /// A prefix longer than the longest key would match no key.
  package static let prefixBytes = 250
  package static let nameBytes = 250
  /// The number of errors in one report.
  package static let errors = 100
  package static let hintBytes = 4000
}
