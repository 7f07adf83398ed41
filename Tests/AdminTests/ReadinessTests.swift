import Settings
import Stats
import Testing

@testable import Admin

@Suite struct ReadinessTests {
  /// A pool of these servers with this floor, the first of them up.
  private func reasons(_ servers: Int, up: Int, floor: Int) throws -> [String] {
    let list = (0..<servers).map { "s\($0)" }.joined(separator: ", ")
    var fixture = try Fixture("floor: \(floor)%\nservers: [\(list)]")
    for i in up..<max(up, servers) {
      fixture.snapshot.control.servers[i].state = [.ejected, .down, .markedDown, .joining][i % 4]
    }
    return fixture.snapshot.unreadyReasons(fixture.settings)
  }

  @Test(arguments: [
    (1, 1, 50, true), (1, 0, 50, false), (1, 0, 0, false), (3, 2, 50, true), (3, 1, 50, false),
    (3, 1, 0, true),
    (3, 0, 0, false), (3, 2, 100, false), (3, 3, 100, true), (4, 2, 50, true), (4, 1, 50, false),
    (100, 1, 1, true),
    (100, 1, 2, false), (7, 3, 34, true),
  ])
  func floorSaysHowManyServersMustBeUp(_ servers: Int, _ up: Int, _ floor: Int, _ isReady: Bool) throws {
    let reasons = try reasons(servers, up: up, floor: floor)
    #expect(reasons.isEmpty == isReady)
    if !isReady { #expect(reasons[0].hasPrefix("pool main: \(up) of \(servers) server")) }
  }

  @Test func drainingProxyIsNotReady() throws {
    var fixture = try Fixture()
    fixture.snapshot.control.isDraining = true
    #expect(fixture.snapshot.unreadyReasons(fixture.settings) == ["the proxy is stopping"])
  }

  @Test func eachPoolIsJudgedByItself() throws {
    var fixture = try Fixture()
    try fixture.setState(.ejected, of: "10.0.0.3")
    #expect(fixture.snapshot.unreadyReasons(fixture.settings) == [])
    try fixture.setState(.ejected, of: "10.0.0.4")
    #expect(
      fixture.snapshot.unreadyReasons(fixture.settings) == [
        "pool sessions: 0 of 2 servers up, at least 1 needed"
      ])
  }
}
