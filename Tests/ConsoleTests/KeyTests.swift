import Testing

@testable import Console

@Suite struct KeyTests {
  private func keys(_ text: String) -> [Key] {
    var reader = KeyReader()
    return reader.take(text.utf8)
  }

  @Test func sequencesAreKeys() {
    let text = "a\u{1B}[A\u{1B}OB\u{1B}[5~\u{1B}[6~\u{1B}[H\u{1B}[F\u{1B}[1~\u{1B}[4~q"
    let expected: [Key] = [
      .letter("a"), .up, .down, .pageUp, .pageDown, .home, .end, .home, .end, .letter("q"),
    ]
    #expect(keys(text) == expected)
    var reader = KeyReader()
    #expect(text.utf8.flatMap { reader.take([$0]) } == expected)
  }

  @Test func otherBytesAreNoKeys() {
    #expect(keys("\u{1B}[99;99;99~\u{1B}[Z\u{1B}\u{1B}[Aé\u{0}\u{3}\r") == [.up])
    #expect(keys("\u{1B}q") == [.letter("q")])
    #expect(keys("\u{1B}[" + String(repeating: "1", count: 100) + "q").count < 100)
  }

  @Test func sortKeysChooseAndTurnTheOrder() {
    var dashboard = Reports.dashboard { i in
      [
        Reports.server(#""b""#, requests: 10 * i, errors: 5 * i, share: "0.9"),
        Reports.server(#""c""#, state: "down", requests: 0, share: "null"),
        Reports.server(#""a""#, requests: 20 * i, share: "0.1"),
      ]
    }
    func order(_ keys: String) -> String {
      for key in keys {
        let isQuit = dashboard.press(.letter(key), page: 5)
        #expect(!isQuit)
      }
      return dashboard.rows.map(\.server.name).joined()
    }
    #expect(order("") == "cba")
    #expect(order("t") == "bac")
    #expect(order("n") == "abc")
    #expect(order("n") == "cba")
    #expect(order("r") == "abc")
    #expect(order("r") == "cba")
    #expect(order("e") == "bca")
    #expect(order("s") == "bac")
    // What is not known stays last.
    #expect(order("s") == "abc")
    #expect(order("xyz") == "abc")
    for key in SortOrder.Column.allCases { #expect(order(String(key.rawValue)).count == 3) }
    let isQuit = dashboard.press(.letter("q"), page: 5)
    #expect(isQuit)
  }

  @Test func scrollingStaysWithinTheServers() {
    var dashboard = Reports.dashboard { _ in (0..<30).map { Reports.server("\"\($0)\"") } }
    func offset(_ key: Key) -> Int {
      _ = dashboard.press(key, page: 10)
      return dashboard.offset
    }
    #expect(offset(.up) == 0 && offset(.down) == 1 && offset(.pageDown) == 11 && offset(.pageDown) == 20)
    #expect(offset(.down) == 20 && offset(.pageUp) == 10 && offset(.end) == 20 && offset(.home) == 0)
    #expect(offset(.end) == 20 && offset(.letter("n")) == 0)
  }
}
