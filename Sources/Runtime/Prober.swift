import Bytes
import Net
import Proxy
import Wire

/// The proxy's own question to a server that is out: `version`, on a connection of its own.
///
///     connect ─▶ version ─▶ [flush_all] ─▶ the verdict
///
/// A client's request is never the probe. Belongs to the control thread; one probe per server at a time.
struct Probe {
  enum Step {
    case connecting
    case asked
    /// The server owes a flush before it may come back.
    case flushing
  }

  let server: UInt32
  var descriptor: Int32
  var watch: Watch
  var step = Step.connecting
  var deadline: Instant
  var owesFlush: Bool
  var reply: [UInt8] = []

  enum Verdict {
    case waiting
    case alive
    case dead
  }

  /// The connection is there, or has failed.
  mutating func connected() -> Verdict {
    guard Socket.connectError(descriptor) == 0, ask("version\r\n") else { return .dead }
    step = .asked
    return .waiting
  }

  private func ask(_ command: StaticString) -> Bool {
    command.withUTF8Buffer { text in
      // SAFETY: the text is part of the executable; the span ends with this call.
      unsafe Socket.send(descriptor, RawSpan(_unsafeBytes: UnsafeRawBufferPointer(text)))
    } == .sent(command.utf8CodeUnitCount)
  }

  /// Bytes came. A server that says anything else than what it was asked is not back.
  mutating func received(_ bytes: RawSpan) -> Verdict {
    guard reply.count + bytes.byteCount <= ReplyParser.longestLine else { return .dead }
    for i in 0..<bytes.byteCount { reply.append(bytes.byte(at: i)) }
    // SAFETY: a byte has no padding that could be uninitialised.
    let answer = ReplyParser.line(unsafe reply.span.bytes, at: 0, step == .flushing ? .done : .version)
    switch answer {
    case .partial, .opening: return .waiting
    case .reply(let length, .done) where length == reply.count:
      guard step == .asked, owesFlush else { return .alive }
      reply.removeAll()
      step = .flushing
      return ask("flush_all\r\n") ? .waiting : .dead
    default: return .dead
    }
  }
}
