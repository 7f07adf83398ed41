import Bytes

/// The end of a report that cannot be trusted to end where it says so.
///
/// `stats cachedump` and `stats detail dump` print keys as they were stored, and one that was given in base64 may hold
/// line ends: whoever chose it could say where the report ends and what the next reply is. So a meta request
/// with an opaque that nobody can guess is sent behind the report, and all up to its answer is the report:
///
///     stats cachedump 1 0             ITEM a [1 b; 0 s]  …  END
///     md 5577006791 O5577006791       NF O5577006791
///
/// The key is as hard to guess as the opaque, so there is nothing to be deleted. memcached has given the opaque
/// back there since 1.6.0.
package enum Fence: BitwiseCopyable, Equatable {
  /// It has not come.
  case partial
  /// The report is the first so many bytes of all.
  case met(report: Int, length: Int)
  case broken(ProtocolViolation)

  /// Writes what follows the report's request.
  package static func write(_ secret: UInt64, to out: inout Buffer, _ buffers: inout BufferPool) {
    out.append("md ", &buffers)
    out.append(decimal: secret, &buffers)
    out.append(" O", &buffers)
    out.append(decimal: secret, &buffers)
    out.append("\r\n", &buffers)
  }

  /// Looks for the answer to the fence in a server's bytes from `p` on. The request, with the fence at its end, is the
  /// first `length` bytes of `asked`.
  package init(_ bytes: RawSpan, at p: Int, asked: RawSpan, length: Int) {
    let end = min(length, asked.byteCount)
    var mark = end
    while mark > 0, asked.byte(at: mark &- 1) != 32 { mark &-= 1 }
    mark = max(0, mark &- 1)
    var start = p
    while let newline = bytes.firstNewline(from: start), newline &- p <= ReplyParser.longestReport {
      let at = newline &+ 1 &- (end &- mark)
      if at >= start, bytes.matches(at: at, asked, at: mark, count: end &- mark) {
        self = .met(report: start &- p, length: newline &+ 1 &- p)
        return
      }
      start = newline &+ 1
    }
    self = bytes.byteCount &- p > ReplyParser.longestReport ? .broken(.lineTooLong) : .partial
  }
}
