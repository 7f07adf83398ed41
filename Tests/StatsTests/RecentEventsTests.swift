import Stats
import Testing
import Topology

@Suite struct RecentEventsTests {
  private func event(
    _ message: String, _ level: LogLevel = .info, _ fields: [LogEvent.Field] = []
  ) -> LogEvent {
    LogEvent(time: 1, level: level, message: message, fields: fields)
  }

  @Test func eventsAreNumberedFromOne() {
    var recent = RecentEvents()
    #expect(recent.latest == 0 && recent.events(since: 0).isEmpty)
    for level in LogLevel.allCases { recent.add(event("\(level)", level)) }
    #expect(recent.latest == 3, "debug is not kept")
    #expect(recent.events(since: 0).map(\.message) == ["error", "warning", "info"])
    #expect(recent.events(since: 0).map(\.seq) == [1, 2, 3])
  }

  @Test(arguments: [(0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (.max, 0), (-1, 3), (.min, 3)])
  func eventsSinceANumberAreThoseAboveIt(_ seq: Int, _ count: Int) {
    var recent = RecentEvents()
    for i in 1...3 { recent.add(event("\(i)")) }
    #expect(recent.events(since: seq).map(\.seq) == Array(1...3).suffix(count))
  }

  @Test func oldestEventsAreDroppedBeyondAThousand() {
    var recent = RecentEvents()
    for i in 1...1500 { recent.add(event("\(i)")) }
    #expect(recent.latest == 1500)
    #expect(recent.events(since: 0).map(\.seq) == Array(501...1500))
    #expect(recent.events(since: 1498).map(\.message) == ["1499", "1500"])
    #expect(recent.bytes == recent.events(since: 0).map(\.cost).reduce(0, +))
  }

  @Test func longEventsAreCutAndDroppedBeyondTheirBytes() {
    var recent = RecentEvents()
    let long = String(repeating: "é", count: 5000)
    for _ in 0..<200 { recent.add(event(long, .error, Array(repeating: ("why", long), count: 40))) }
    let events = recent.events(since: 0)
    #expect(events.last?.seq == 200 && events.count < 100)
    #expect(recent.bytes <= RecentEvents.mostBytes)
    #expect(recent.bytes == events.map(\.cost).reduce(0, +))
    for event in events {
      #expect(event.message.utf8.count <= 1024 && event.message.hasSuffix("é…"))
      #expect(event.fields.count == 16 && event.fields.allSatisfy { $0.value.utf8.count <= 1024 })
    }
  }

  @Test(arguments: [
    ("abcdef", 6, "abcdef"), ("abcdef", 5, "ab…"), ("éé", 4, "éé"), ("éé", 3, "…"), ("aé", 2, "…"),
    ("", 0, ""),
  ])
  func textIsCutBetweenCharacters(_ text: String, _ bytes: Int, _ short: String) {
    #expect(text.shortened(toBytes: bytes) == short)
  }
}
