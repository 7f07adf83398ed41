import Foundation
import Testing

/// The house's rules, checked: see "Rules of the house" in docs/ARCHITECTURE.md.
@Suite struct TidyTests {
  // MARK: - Words

  /// What people read beside the Swift files.
  static func prose() throws -> [String] {
    try ["README.md", "docs/ringroad.1"]
      + Repository.files(in: "docs") { $0.hasSuffix(".md") }
      + Repository.files(in: "config") { _ in true }
  }

  @Test func proseUsesPlainWords() throws {
    try expectNone(Self.prose().flatMap { Rules.unplainWords(in: try Repository.text(of: $0), of: $0) })
  }

  @Test func commentsUsePlainWords() throws {
    let files = try Repository.swiftFiles(in: "Sources", "Tests", "Fuzz").filter {
      !$0.path.contains("/TidyTests/")
    }
    expectNone(files.flatMap { Rules.unplainWords(in: $0.comments, of: $0.path) })
  }

  @Test func textsUsePlainWords() throws {
    expectNone(
      try Repository.swiftFiles(in: "Sources").flatMap { Rules.unplainWords(in: $0.strings, of: $0.path) })
  }

  @Test func testNamesUsePlainWords() throws {
    expectNone(try Repository.swiftFiles(in: "Tests").flatMap(Rules.unplainTestNames))
  }

  @Test func replacedNamesAreGone() throws {
    expectNone(try Repository.swiftFiles(in: "Sources", "Tests", "Fuzz").flatMap(Rules.oldNames))
  }

  // MARK: - Code

  @Test func inlinableMembersBelongToUsableTypes() throws {
    expectNone(
      try Self.modules().flatMap { Rules.idleInlinable(in: try Repository.swiftFiles(in: "Sources/\($0)")) })
  }

  /// Where memory is touched without the compiler's checks, or a C function is called; anywhere else it is a mistake.
  static let unsafeFiles: Set<String> = [
    "Sources/Bytes/", "Sources/Demo/", "Sources/Net/", "Sources/Settings/YAMLEvents.swift",
    "Sources/Settings/FileBytes.swift", "Sources/Routing/Hashes/MD5.swift",
    "Sources/Runtime/Accepting.swift", "Sources/Runtime/LogLine.swift", "Sources/Runtime/LogSink.swift",
    "Sources/Runtime/Serving.swift", "Sources/Runtime/Thread.swift", "Sources/Runtime/WorkerThread.swift",
  ]

  @Test func unsafeCodeIsInTheFilesThatMayHoldIt() throws {
    expectNone(
      try Repository.swiftFiles(in: "Sources").flatMap { Rules.unsafeCode(in: $0, allowed: Self.unsafeFiles) }
    )
  }

  @Test func slotsAreNamedByRefs() throws {
    expectNone(
      try Repository.swiftFiles(in: "Sources/Proxy", "Sources/Runtime").flatMap(Rules.bareReferences))
  }

  @Test func requestQueuesAreChangedByTheirOwnMethods() throws {
    expectNone(
      try Repository.swiftFiles(in: "Sources/Proxy", "Sources/Runtime").flatMap(Rules.queueChanges))
  }

  static let mostLinesOfAFile = 450
  static let mostLinesOfAFunction = 80
  /// Longer than that, and why.
  static let longFiles: [String: String] = [
    "Sources/Admin/PageBytes.swift": "the dashboard, written by `make page`"
  ]
  static let longFunctions: [String: String] = [
    "Sources/Proxy/Dispatch/MultiGetReplies.swift read": "one loop, whose state stays in registers",
    "Tests/SettingsTests/ProxySettingsTests.swift everyValueOfALongFileIsDecoded":
      "one long file, and what it means",
  ]

  @Test func filesAndFunctionsAreShort() throws {
    var unused = Set(Self.longFiles.keys).union(Self.longFunctions.keys)
    for file in try Repository.swiftFiles(in: "Sources", "Tests", "Fuzz") {
      if let finding = Rules.longFile(file, most: Self.mostLinesOfAFile) {
        unused.remove(file.path)
        #expect(Self.longFiles[file.path] != nil, "\(finding)")
      }
      for (name, finding) in Rules.longFunctions(in: file, most: Self.mostLinesOfAFunction) {
        unused.remove("\(file.path) \(name)")
        #expect(Self.longFunctions["\(file.path) \(name)"] != nil, "\(finding)")
      }
    }
    #expect(unused == [], "exceptions that are none any more")
  }

  /// More fields than that, and why.
  static let crowdedTypes: [String: String] = [
    "Limits": "a table of numbers, each read where it acts",
    "ControlPlane": "all that the control thread knows, in one value",
    "ProbeSession": "one connection's whole conversation",
    "SharedStats": "what the threads publish, each part with a lock of its own",
    "Supervisor": "the process: its threads, sockets and signals",
    "Member": "a server on its way out and back",
  ]

  @Test func typesHaveFewFields() throws {
    var unused = Set(Self.crowdedTypes.keys)
    for file in try Repository.swiftFiles(in: "Sources") {
      for (name, finding) in Rules.crowdedTypes(in: file, most: 16) {
        unused.remove(name)
        #expect(Self.crowdedTypes[name] != nil, "\(finding)")
      }
    }
    #expect(unused == [], "exceptions that are none any more")
  }

  @Test func typesAreInFewFiles() throws {
    let found = Rules.scatteredTypes(in: try Repository.swiftFiles(in: "Sources"), most: 6)
    #expect(found.isEmpty, "\(found)")
  }

  /// The worker only puts its parts together.
  @Test func theWorkerIsShort() throws {
    let files = try Repository.swiftFiles(in: "Sources/Proxy").filter { file in
      file.declarations().contains { $0.name == "Worker" && $0.parents.isEmpty }
    }
    #expect(files.count == 2)
    #expect(files.map(\.lineCount).reduce(0, +) <= 500)
  }

  /// The parts of a worker, and what each must not know: the two sides not each other, and none what is above it.
  static let foreignNames: [String: Set<String>] = [
    "Upstream": ["Client", "Downstream", "Dispatcher", "Transfers", "Worker"],
    "Downstream": [
      "Server", "ServerConnection", "RequestQueue", "Upstream", "Dispatcher", "Transfers", "Worker",
    ],
    "Dispatch": ["Transfers", "Worker"],
    "Transfers": ["Worker"],
  ]

  @Test(arguments: foreignNames.keys.sorted())
  func partsOfAWorkerKnowOnlyWhatIsBelowThem(_ part: String) throws {
    let foreign = try #require(Self.foreignNames[part])
    expectNone(
      try Repository.swiftFiles(in: "Sources/Proxy/\(part)").flatMap { Rules.foreignNames(foreign, in: $0) })
  }

  @Test func noTypeHasTheNameOfAModule() throws {
    let modules = Set(try Self.modules())
    expectNone(
      try Repository.swiftFiles(in: "Sources").flatMap { Rules.typesNamedAfter(modules: modules, in: $0) })
  }

  @Test func packageTypesHaveADocComment() throws {
    expectNone(try Repository.swiftFiles(in: "Sources").flatMap(Rules.undocumentedTypes))
  }

  static func modules() throws -> [String] {
    let found = Set(try Repository.swiftFiles(in: "Sources").map { String($0.path.split(separator: "/")[1]) })
    try #require(found.count > 5)
    return found.sorted()
  }

  /// Fails with a line for each finding.
  private func expectNone(_ findings: [Finding]) {
    #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
  }
}
