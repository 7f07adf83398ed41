import Foundation
import Settings
import Testing

@Suite struct RouteGuideTests {
  static let yaml = """
    pools:
      main: {servers: [only:1]}
      "a\\"b": {servers: ["unix:/run/x"]}
    routes: [{prefix: "s:", pool: main}, {prefix: "t:", pool: "a\\"b"}]
    """

  static func answer(_ key: String, json: Bool = false) throws -> RouteGuide.Answer {
    RouteGuide(try ProxySettingsTests.decode(yaml), json: json).answer(Array(key.utf8))
  }

  @Test(arguments: [
    ("s:1", false, "s:1\tonly:1\n"),
    ("t:1", false, "t:1\tunix:/run/x\n"),
    ("s:1", true, #"{"key":"s:1","pool":"main","server":"only:1","label":"only:1","index":0}"# + "\n"),
    (
      "t:\"\\\t\u{1}é", true,
      #"{"key":"t:\"\\\t\u0001é","pool":"a\"b","server":"unix:/run/x","label":"/run/x","index":0}"# + "\n"
    ),
  ])
  func routeAnswerIsOneLine(_ key: String, _ json: Bool, _ line: String) throws {
    #expect(try Self.answer(key, json: json) == .line(Array(line.utf8)))
  }

  @Test(arguments: [
    ("", "an empty line is not a key"),
    ("s:a b", #""s:a b": a key has no space, line end or NUL"#),
    ("s:\0", #""s:\u{0}": a key has no space, line end or NUL"#),
    ("x", #""x": no route matches, and there is no default route"#),
  ])
  func invalidKeyIsRefusedByRoute(_ key: String, _ reason: String) throws {
    #expect(try Self.answer(key) == .refused(reason))
  }

  @Test func keyOfUpTo250BytesIsAccepted() throws {
    let long = "s:" + String(repeating: "k", count: 248)
    #expect(try Self.answer(long) == .line(Array("\(long)\tonly:1\n".utf8)))
    guard case .refused = try Self.answer(long + "k") else {
      Issue.record("251 bytes were taken")
      return
    }
  }

  @Test func nonUTF8KeyIsPrintedUnchanged() throws {
    let guide = RouteGuide(try ProxySettingsTests.decode("servers: [a]\n"), json: false)
    #expect(guide.answer([0xFF, 0x80]) == .line([0xFF, 0x80, 9, 97, 10]))
  }

  private struct Vectors: Decodable {
    struct Case: Decodable {
      var id: String
      var servers: [Server]
      var keys: String
      var expected: [Int]
    }

    struct Server: Decodable {
      var host: String
      var port: UInt16?
      var weight: UInt32
      var name: String?
    }

    var cases: [Case]
  }

  /// From a file's text to a server, compared with placements recorded from twemproxy and PHP.
  @Test(arguments: [
    ("php-libketama-compatible", "placement: ketama", false),
    ("twemproxy-ketama-fnv1a_64-tagbraces", "placement: twemproxy-ketama\nhash_tag: \"{}\"", true),
    ("twemproxy-ketama-md5", "placement: twemproxy-ketama\nhash: md5", true),
  ])
  func filePlacementMatchesTwemproxyAndPHP(_ file: String, _ settings: String, _ hasNames: Bool) throws {
    func data(_ name: String) throws -> Data {
      try Data(
        contentsOf: ProxySettingsTests.root.appending(path: "Tests/PlacementTests/Vectors/\(name).json"))
    }
    let keys = try JSONDecoder().decode([String: [String]].self, from: data("keys"))
    let vectors = try JSONDecoder().decode(Vectors.self, from: data(file))
    #expect(vectors.cases.count >= 15)
    for vector in vectors.cases {
      var yaml = settings + "\nservers:\n"
      for server in vector.servers {
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let address = server.host.hasPrefix("/") ? server.host : "\(host):\(server.port ?? 11211)"
        let name = server.name.flatMap { hasNames ? ", name: \"\($0)\"" : nil } ?? ""
        yaml += "  - {address: \"\(address)\", weight: \(server.weight)\(name)}\n"
      }
      let guide = RouteGuide(try ProxySettingsTests.decode(yaml), json: true)
      let asked = try #require(keys[vector.keys])
      #expect(asked.count == vector.expected.count)
      var wrong = 0
      for (key, index) in zip(asked, vector.expected) {
        guard case .line(let line) = guide.answer(Array(key.utf8)) else {
          Issue.record("\(key) was refused")
          continue
        }
        if !String(decoding: line, as: UTF8.self).hasSuffix(#","index":\#(index)}"# + "\n") { wrong += 1 }
      }
      #expect(wrong == 0, "\(vector.id): \(wrong) of \(asked.count) keys are elsewhere")
    }
  }
}

@Suite struct LineSplitterTests {
  static func lines(_ text: String, step: Int, longest: Int = 5) -> [String] {
    var splitter = LineSplitter(longest: longest)
    var lines: [String] = []
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
      let end = min(at + step, bytes.count)
      splitter.take(bytes[at..<end]) { lines.append(String(decoding: $0, as: UTF8.self)) }
      at = end
    }
    splitter.finish { lines.append(String(decoding: $0, as: UTF8.self)) }
    return lines
  }

  @Test(arguments: 1...12)
  func linesAreSplitAlikeForEveryReadSize(_ step: Int) {
    #expect(Self.lines("a\nbc\r\n\nd", step: step) == ["a", "bc", "", "d"])
    #expect(Self.lines("a\n", step: step) == ["a"])
    #expect(Self.lines("", step: step) == [])
    #expect(Self.lines("\n", step: step) == [""])
    #expect(Self.lines("12345\r\n12345\n", step: step) == ["12345", "12345"])
    // One byte more than the longest shows that the line was too long; no further byte is kept.
    #expect(Self.lines("123456\n12345678901\r\nx", step: step) == ["123456", "123456", "x"])
  }
}
