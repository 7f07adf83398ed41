import Testing

@testable import Console

@Suite struct PainterTests {
  @Test func environmentSaysWhatTheTerminalCan() {
    func painter(_ term: String?, _ noColour: String?, _ locale: String?) -> (Bool, Bool) {
      let painter = Painter(term: term, noColour: noColour, locale: locale)
      return (painter.hasColours, painter.glyphs == .unicode)
    }
    #expect(painter("xterm-256color", nil, "de_DE.UTF-8") == (true, true))
    #expect(painter("xterm", "", "C.utf8") == (true, true))
    #expect(painter("xterm", "1", "C") == (false, false))
    #expect(painter("vt100", nil, nil) == (false, false))
    #expect(painter("xterm-mono", nil, "en_US.ISO-8859-1") == (false, false))
    #expect(painter("dumb", nil, "") == (false, false))
    #expect(Painter.isDumb(nil) && Painter.isDumb("") && Painter.isDumb("dumb") && !Painter.isDumb("linux"))
  }

  @Test func everyLineHasItsPlaceAndItsStylesEnd() {
    let painter = Painter(term: "xterm", noColour: nil, locale: "C")
    var line = Line("ab")
    line.add("cd", .bad)
    let frame = Frame(lines: [line, Line("1234", .title)])
    let text = String(decoding: painter.paint(frame, columns: 4), as: UTF8.self)
    // Nothing is erased behind the last column.
    #expect(text == "\u{1B}[1;1Hab\u{1B}[1;31mcd\u{1B}[0m\u{1B}[2;1H\u{1B}[1;37;44m1234\u{1B}[0m")
    #expect(
      String(decoding: painter.paint(frame, columns: 5), as: UTF8.self).contains("1234\u{1B}[0m\u{1B}[K"))
  }

  @Test func withoutColoursNoneIsSet() {
    let painter = Painter(term: "xterm", noColour: "1", locale: "C.UTF-8")
    let frame = Composition.frame(Reports.two, Canvas(columns: 80, rows: 24))
    let text = String(decoding: painter.paint(frame, columns: 80), as: UTF8.self)
    #expect(text.contains("EJECTED"))
    #expect(text.firstMatch(of: /\u{1B}\[[0-9;]*[34][0-7]m/) == nil)
  }

  @Test func everythingIsRestored() {
    let (begin, end) = (
      String(decoding: Painter.begin, as: UTF8.self), String(decoding: Painter.end, as: UTF8.self)
    )
    for mode in ["?1049", "?25", "?7"] { #expect(begin.contains(mode) && end.contains(mode)) }
  }
}
