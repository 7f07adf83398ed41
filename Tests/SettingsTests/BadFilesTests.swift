import Settings
import Testing

struct BadFile: CustomTestStringConvertible, Sendable {
  var title = ""
  var yaml = ""
  var errors: [String] = []

  var testDescription: String { title }

  private static let tables = [badYAML, badFiles, badHabits, badAdmin, badPlacement, badRoutes, foreignFiles]
    .joined(
      separator: "\n")
  static let all: [BadFile] = tables.split(separator: "\n").reduce(into: []) { files, line in
    let text = String(line.dropFirst(2))
    switch line.prefix(2) {
    case "##": files.append(BadFile(title: String(line.dropFirst(3))))
    case "| ": files[files.count - 1].yaml += text + "\n"
    default: files[files.count - 1].errors.append(text)
    }
  }
}

@Suite struct BadFilesTests {
  @Test func badFileTableHasTwoHundredFilesAllWithErrors() {
    #expect(BadFile.all.count >= 200)
    #expect(Set(BadFile.all.map(\.title)).count == BadFile.all.count)
    #expect(BadFile.all.allSatisfy { !$0.errors.isEmpty })
  }

  @Test(arguments: BadFile.all)
  func everyErrorOfABadFileIsReportedWithPositionAndHint(_ file: BadFile) {
    #expect(errors(of: file.yaml) == file.errors)
  }

  @Test(arguments: [
    ("servers: [a]\nlog: {to: \"\0\"}\n", "2:12: NUL byte in the file"),
    ("servers: [a]\r\nfloor: \u{7}\r\n", "2:8: control character U+0007 in the file"),
    ("a: \u{2028}\n", "1:4: control character U+2028 in the file"),
    ("\u{FEFF}servers: \u{FEFF}\n", "1:10: control character U+FEFF in the file"),
  ])
  func controlCharactersAreRefusedAtTheirPosition(_ yaml: String, _ error: String) {
    #expect(errors(of: yaml) == [error])
  }

  @Test(
    arguments: [[0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3]] as [[UInt8]])
  func invalidUTF8IsRefusedAtItsPosition(_ bytes: [UInt8]) {
    #expect(
      errors(of: Array("é: [a]\n# ü".utf8) + bytes) == ["2:4: the file is not UTF-8 here; save it as UTF-8"])
  }

  @Test func filesInOtherEncodingsAreRefused() {
    #expect(errors(of: [0xFF, 0xFE, 0x61, 0x00]) == ["1:1: the file is not UTF-8 here; save it as UTF-8"])
  }

  @Test func byteOrderMarkAndForeignLineEndsAreAccepted() throws {
    let settings = try ProxySettings.decode(
      bytes: [0xEF, 0xBB, 0xBF] + Array("threads: 3\r\nservers:\r\n  - a\r\n".utf8), file: "f")
    #expect(settings.threads == 3)
    #expect(settings.pools[0].servers.map(\.address) == ["a"])
  }

  @Test(arguments: ["\n", "\r\n", "\r"])
  func slipsAreFoundAtTheirPositionWithAllLineEnds(_ end: String) {
    let lines = ["\u{FEFF}servers: [10.0.0.1]", "threads 2 # two", "", "limits:", "\tclients: 5", ""]
    #expect(
      errors(of: lines.joined(separator: end)) == [
        "2:1: no colon after \"threads\"; write threads: 2",
        "5:1: a tab before the text of the line: YAML indents with spaces; put two spaces instead",
      ])
  }

  /// The bounds of what is searched for slips, and lines that take long to search.
  @Test(arguments: ["[", "{{", "# ", "\"", "$A", "::1,", "- ", "a: "])
  func hugeLinesAreRefusedInTime(_ part: String) {
    let line = String(repeating: part, count: 4000 / part.count)
    let long = String(repeating: part, count: 100_000)
    for yaml in [line, long, String(repeating: line + "\n", count: 10)] {
      #expect(!errors(of: "listen\n\(yaml)\nservers: [\n").isEmpty)
    }
  }

  @Test func fileOver16MiBIsRefused() {
    let bytes = [UInt8](repeating: UInt8(ascii: "#"), count: (16 << 20) + 1)
    #expect(errors(of: bytes) == ["1:1: the file is larger than 16MiB"])
  }

  @Test func fileWithMoreThanAMillionValuesIsRefused() {
    let yaml = "servers: [" + String(repeating: "a,", count: 1_000_100) + "]\n"
    #expect(errors(of: yaml).map { $0.drop { $0 != " " } } == [" more than 1000000 values"])
  }

  @Test func listsLongerThanTheirBoundsAreRefused() {
    let servers = (0..<4097).map { "a\($0)" }
    #expect(
      errors(of: "servers: [\(servers.joined(separator: ","))]\n") == [
        "1:10: servers: expected at most 4096 items, found 4097"
      ])
    let most = servers.dropLast().joined(separator: ",")
    #expect(errors(of: "servers: [\(most)]\n") == [])
    let pools = (0..<257).map { "  p\($0): {servers: [a]}\n" }.joined()
    #expect(
      errors(of: "pools:\n\(pools)routes: [{pool: p0}]\n").first
        == "2:3: pools: expected at most 256 pools, found 257")
    let five = (0..<5).map { "  p\($0): {servers: [\(most)]}\n" }.joined()
    #expect(
      errors(of: "pools:\n\(five)routes: [{pool: p0}]\n") == [
        "1:1: pools: expected at most 16384 servers in all, found 20480"
      ])
  }

  @Test func textsLongerThanTheirBoundsAreRefused() {
    func long(_ count: Int) -> String { String(repeating: "a", count: count) }
    #expect(
      errors(of: "servers: [a]\nroutes: [{prefix: \(long(251)), pool: main}]\n") == [
        "2:19: prefix: a key has at most 250 bytes, this prefix 251"
      ])
    #expect(errors(of: "servers: [a]\nroutes: [{prefix: \(long(250)), pool: main}]\n") == [])
    #expect(
      errors(of: "servers: [{address: a, name: \(long(251))}]\n") == [
        "1:30: name: a name has at most 250 bytes, this one 251"
      ])
    #expect(
      errors(of: "servers: [\(long(254))]\n") == [
        "1:11: servers: a host name has at most 253 bytes, this one 254"
      ])
    #expect(errors(of: "servers: [\(long(64)).example]\n").count == 1)
    #expect(errors(of: "servers: [/\(long(106))]\n") == [])
    #expect(
      errors(of: "servers: [/\(long(107))]\n") == [
        "1:11: servers: the path of a Unix socket has at most 107 bytes, this one 108"
      ])
  }

  @Test func errorReportIsCutAtItsLimit() {
    let yaml = "servers: [" + (0..<500).map { "a:\($0)x" }.joined(separator: ", ") + "]\n"
    let told = errors(of: yaml)
    #expect(told.count == 101)
    #expect(told.last?.hasSuffix("and more errors like these") == true)
  }

  @Test func longOrUnprintableTextIsQuotedOnOneLine() {
    #expect(quoted("a\nb\u{1B}[31m\"\\\u{202E}") == #""a\nb\u{1b}[31m\"\\\u{202e}""#)
    #expect(quoted(String(repeating: "x", count: 1000)).count == 67)
  }

  @Test func unreadableFileIsNamedInTheError() {
    let failure = #expect(throws: ConfigFailure.self) {
      try ProxySettings.load(path: "/nowhere/ringroad.yml")
    }
    #expect(failure?.description == "/nowhere/ringroad.yml: cannot be read: No such file or directory")
    let directory = #expect(throws: ConfigFailure.self) { try ProxySettings.load(path: "/tmp") }
    #expect(directory?.description == "/tmp: cannot be read: Is a directory")
  }
}

/// The errors of a file named `f`, without the name; empty if it is good.
func errors(of yaml: String) -> [String] { errors(of: Array(yaml.utf8)) }

func errors(of bytes: [UInt8]) -> [String] {
  do throws(ConfigFailure) {
    _ = try ProxySettings.decode(bytes: bytes, file: "f")
    return []
  } catch {
    return error.errors.map { String($0.description.dropFirst(2)) }
  }
}
