import Bytes

/// The end of a report whose own end marker cannot be trusted.
///
/// `stats cachedump` and `stats detail dump` print keys as they were stored, and a key given in base64 may hold line
/// ends: the client that chose it could fake the end of the report and the next reply. So the proxy sends a meta
/// request with an unguessable opaque after the report, and everything before its answer is the report:
///
///     stats cachedump 1 0             ITEM a [1 b; 0 s]  …  END
///     md 5577006791 O5577006791       NF O5577006791
///
/// The key is as hard to guess as the opaque, so there is nothing to delete. memcached returns the opaque on `NF`
/// since 1.6.0.
///
/// A report on a private connection, with `quit` behind it, would end where the server closes. But a connection that
/// breaks looks the same, so a part of a report would count as all of it; the report would overtake what the client
/// has asked on the shared connection before; and the fence takes less code.
package enum Fence: BitwiseCopyable, Equatable {
  /// The answer has not arrived.
  case partial
  /// The first `report` bytes are the report; `length` includes the answer to the fence.
  case met(report: Int, length: Int)
  case broken(ProtocolViolation)

  /// Writes the request that follows the report's request.
  package static func write(_ secret: UInt64, to out: inout Buffer, _ buffers: inout BufferPool) {
    out.append("md ", &buffers)
    out.append(decimal: secret, &buffers)
    out.append(" O", &buffers)
    out.append(decimal: secret, &buffers)
    out.append("\r\n", &buffers)
  }

  /// Searches a server's bytes from `p` on for the answer to the fence. The request, with the fence at its end, is
  /// the first `length` bytes of `asked`.
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
