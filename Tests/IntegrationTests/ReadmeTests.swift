import Foundation
import Testing

extension Integration {
  /// The shell blocks of README.md, run one after the other as a reader would, on other ports.
  @Suite struct ReadmeTests {
    private let readme: String
    private let directory: Directory

    init() throws {
      directory = try Directory()
      var text = try String(contentsOfFile: Programs.root + "/README.md", encoding: .utf8)
      for port in ["11311", "21211", "21212", "21213"] { text.replace(port, with: "\(try Ports.free())") }
      readme = text
    }

    /// The script: its reader takes a moment between two blocks, and the release build is there already.
    private func script() throws -> String {
      let blocks = readme.matches(of: /(?m)^```sh\n((?s).*?)^```$/).map { String($0.1) }
      try #require(blocks.count > 6)
      let text = blocks.joined(separator: "sleep 0.5\n").replacing("make build\n", with: "")
      return "set -m\ncd \(directory.path)\n\(text)wait\n"
        .replacing(".build/release/ringroad", with: try Programs.ringroad())
    }

    @Test func whatTheReadmeStartsAnswersAsShownAndEnds() throws {
      let bash = try Child(["bash", "-c", try script()], output: directory.file("out"))
      #expect(bash.end(within: .seconds(20)) == .exited(0), "\(directory.read("out"))")
      let said = Set(directory.read("out").split(whereSeparator: \.isNewline).map(String.init))
      let shown = readme.matches(of: /(?m)^    ((?:STORED|VALUE|hello|END|STAT).*)$/).map { String($0.1) }
      #expect(shown.count > 6)
      for line in shown { #expect(said.contains(line), "\(line)\nis not in\n\(directory.read("out"))") }
      for words in ["ok: 1 pool, 3 servers", "from 500ms to 300ms", "greeting\t127.0.0.1:", "info ended"] {
        #expect(said.contains { $0.contains(words) }, "\(words)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["out"])
    }
  }
}
