import Testing

/// Lines that a client, a server or the network can cause again and again are limited, and what is left out is counted: they
/// are logged by `ControlPlane.log`, `logOften` and `logSeldom`. The lines below have no limit; each has what causes it.
@Suite struct LogCallTests {
  enum Cause {
    /// Once or a few times, while the process starts or ends.
    case startOrEnd
    /// A signal, a changed configuration or a changed file.
    case theOperator
    /// Limited where it is logged.
    case limited
  }

  static let unlimited: [String: Cause] = [
    "a worker cannot start": .startOrEnd,
    "admin interface": .startOrEnd,
    "cannot start the admin interface": .startOrEnd,
    "no admin interface: its address is not free": .startOrEnd,
    "a worker is not pinned": .startOrEnd,
    "a worker has ended unexpectedly: the proxy ends": .startOrEnd,
    "cannot start": .startOrEnd,
    // Once: after that the file is watched, or was reported.
    "cannot watch the configuration file: only SIGHUP reloads it": .startOrEnd,
    "descriptors for fewer clients than configured": .theOperator,
    "drain deadline passed: the requests in flight fail": .startOrEnd,
    "draining": .startOrEnd,
    "ended": .startOrEnd,
    "keys have another server now": .theOperator,
    "listening": .startOrEnd,
    // One a minute of each kind of line.
    "log lines left out": .limited,
    "log reopened": .theOperator,
    "more workers than processors: some share a processor": .startOrEnd,
    "names not found in time: servers with these names are unreachable until a lookup ends": .startOrEnd,
    "reload": .theOperator,
    "reload refused: the old configuration stays": .theOperator,
    "reload: nothing has changed": .theOperator,
    "second signal to stop: ending without answering the requests in flight": .startOrEnd,
    "serving": .startOrEnd,
    "SIGUSR2 does nothing: restart the proxy to upgrade it": .theOperator,
    "the configuration file is watched again": .startOrEnd,
    "the log goes nowhere after this line": .theOperator,
    "workers are not pinned": .startOrEnd,
    "workers are pinned": .startOrEnd,
  ]

  @Test func linesWithoutALimitAreThoseOfTheTable() throws {
    var logged: Set<String> = []
    for file in try Repository.swiftFiles(in: "Sources") {
      let text = try Repository.text(of: file.path)
      let calls =
        file.path.contains("/Control/")
        ? text.matches(of: /\blogAlways\((?!\s*_)/).map(\.range)
        : text.matches(of: /\blog\.(?:error|warning|info|debug)\(/).map(\.range)
      for call in calls {
        let message = text[call.upperBound...].prefixMatch(of: /[^"]*?"([^"\\]*)"/)
        logged.insert(String(try #require(message, "\(file.path): a call without a message").1))
      }
    }
    #expect(logged.subtracting(Self.unlimited.keys).sorted() == [], "limit these, or write down why not")
    #expect(Set(Self.unlimited.keys).subtracting(logged).sorted() == [], "not logged")
  }

  /// No line goes past the methods that limit it.
  @Test func linesOfTheControlPlaneAreMadeInOnePlace() throws {
    var places: [String] = []
    for file in try Repository.swiftFiles(in: "Sources/Control", "Sources/Runtime") {
      places += file.code.matches(of: /emit\(\.log\(|\blog\.log\(/).map { _ in file.path }
    }
    #expect(
      places.sorted() == [
        "Sources/Control/ControlPlane.swift", "Sources/Control/ControlPlane.swift",
        "Sources/Runtime/Performing.swift",
      ])
  }
}
