import Foundation
import Testing

/// docs/ARCHITECTURE.md names only what there is, and its recipes leave nothing out that the compiler does not find.
@Suite struct MapTests {
  private let map: String

  init() throws { map = try Repository.text(of: "docs/ARCHITECTURE.md") }

  /// `Wire/Verb.swift` (`expectation`): the file, and what is in it.
  @Test func filesAndNamesOfTheMapExist() throws {
    let sources = try Repository.swiftFiles(in: "Sources")
    var count = 0
    for match in map.matches(of: /`(\w+\/[\w\/]+\.swift)`(?: \(((?:`\w+`(?:, )?)+)\))?/) {
      guard let file = sources.first(where: { $0.path == "Sources/\(match.1)" }) else {
        Issue.record("there is no Sources/\(match.1)")
        continue
      }
      for name in (match.2 ?? "").matches(of: /\w+/) {
        let isThere = file.code.contains(try Regex("\\b\(name.0)\\b"))
        #expect(isThere, "\(match.1) does not name \(name.0)")
      }
      count += 1
    }
    #expect(count > 100)
  }

  /// `Stream.swift`: a file of any module.
  @Test func filesWithoutAModuleExist() throws {
    let names = Set(
      try Repository.swiftFiles(in: "Sources", "Tests").map { $0.path.split(separator: "/").last })
    for match in map.matches(of: /`(\w+\.swift)`/) {
      #expect(names.contains(match.1), "there is no \(match.1)")
    }
  }

  @Test func everyCounterIsCountedSomewhere() throws {
    let table = try Repository.text(of: "Sources/Stats/Counter.swift")
    let cases = table.prefix(upTo: try #require(table.range(of: "\n}")).lowerBound).matches(
      of: /\n  case (.+)/)
    let users = try Repository.swiftFiles(in: "Sources/Proxy", "Sources/Runtime", "Sources/Control")
    let counters = cases.flatMap { $0.1.split(separator: ", ") }
    #expect(counters.count > 40)
    for counter in counters {
      let use = try Regex("\\.\(counter)\\b")
      #expect(users.contains { $0.code.contains(use) }, "nothing counts \(counter)")
    }
  }
}
