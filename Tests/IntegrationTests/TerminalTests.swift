import Foundation
import Testing

extension Integration {
  /// `ringroad top` and `ringroad health` as people and probes run them.
  @Suite struct TerminalTests {
    @Test func topAndHealthWorkInATerminalAndWithout() throws {
      let output = try Directory()
      let script = Programs.root + "/Tests/Console/top.py"
      let child = try Child(
        [Programs.python(), script, "--binary", try Programs.ringroad()], output: output.file("out"))
      let end = child.end(within: .seconds(55))
      #expect(end == .exited(0), "\(output.read("out"))")
      #expect(output.read("out").contains("19 of 19 checks passed"), "\(output.read("out"))")
    }
  }
}
