import Bytes

/// The answer to `stats servers`: each server's own `stats`, one block after the other.
///
///     STAT 10.0.0.1:11211:pid 4711
///     STAT 10.0.0.1:11211:uptime 90
///     STAT 10.0.0.2:11211:ringroad_error timed out
///     END
///
/// A row's name is the server's label, a colon, and the name of the stat. A server that sent no answer has the single
/// row `ringroad_error`. Labels come from the configuration: characters that would break a row (spaces, control
/// bytes) are shown as `_`.
package struct ServersListing: Sendable {
  private var output: [UInt8] = []
  private var allowance: MergeLimits

  package init(limits: MergeLimits = MergeLimits()) { allowance = limits }

  /// Appends one server's block. An incomplete answer or an error is shown as a failure.
  package mutating func add(label: String, answer: RawSpan) {
    guard answer.endsWithEND else { return add(label: label, failure: "no stats in its answer") }
    let prefix = Array("STAT \(wordOfRow(label)):".utf8)
    answer.forEachLine { from, to in
      guard answer.hasText("STAT ", at: from), from + 5 < to else { return true }
      let length = to - from + prefix.count
      guard length <= allowance.line, length <= allowance.bytes, allowance.rows > 0 else { return true }
      allowance.bytes -= length
      allowance.rows -= 1
      output += prefix
      output += answer.cleaned(from: from + 5, to: to)
      output += [13, 10]
      return true
    }
  }

  /// Appends the block of a server that did not answer, with the cause in readable words.
  package mutating func add(label: String, failure cause: String) {
    output += "STAT \(wordOfRow(label)):ringroad_error ".utf8
    output += valueOfRow(cause).utf8
    output += [13, 10]
  }

  /// The answer for the client, `END` included.
  package func rendered() -> [UInt8] { output + Array("END\r\n".utf8) }
}
