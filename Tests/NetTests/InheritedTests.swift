import Glibc
import Testing

@testable import Net

@Suite(.serialized) struct InheritedTests {
  /// Variables for another process are ignored, and child processes do not see them.
  @Test(arguments: ["1 3", "x 3", "99999999999 3", "self 0", "self -1", "self x", "self 99999999999"])
  func foreignOrInvalidListenVariablesAreIgnored(_ words: String) {
    let parts = words.split(separator: " ").map(String.init)
    // SAFETY: strings that live through the call.
    unsafe setenv("LISTEN_PID", parts[0] == "self" ? "\(getpid())" : parts[0], 1)
    unsafe setenv("LISTEN_FDS", parts[1], 1)
    #expect(Inherited.take().isEmpty)
    #expect(unsafe getenv("LISTEN_PID") == nil)
    #expect(unsafe getenv("LISTEN_FDS") == nil)
  }
}
