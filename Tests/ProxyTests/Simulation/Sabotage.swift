/// A fault planted in the harness, as if the proxy had it: proof that the oracle detects it.
enum Sabotage: String, CaseIterable, Sendable {
  /// A reply is lost.
  case dropReply
  /// A reply is sent twice.
  case repeatReply
  /// Two replies are swapped.
  case swapReplies
  /// A value is sent under another key.
  case leakValue
  /// A value is the key's previous one.
  case staleValue
  /// A byte of a value is changed.
  case flipByte
  /// A byte on the way to a client is lost.
  case loseByte
  /// Bytes are added behind the last reply.
  case extraBytes
  /// A client gets no more bytes.
  case mute
  /// A miss instead of a value.
  case forget
  /// A server replies STORED and does not store.
  case loseWrite
  /// An increment is done twice.
  case countTwice
  /// A client is closed without a reason.
  case closeEarly
  /// A client that sent `quit` is not closed.
  case neverClose
  /// A request's slot is not released.
  case leakSlot
  /// A buffer is not released.
  case leakBuffer
}

/// Applies a sabotage, once or from some moment on.
struct Saboteur {
  let plan: Sabotage?
  /// Chances still to be passed over.
  private var patience: Int
  private(set) var hasStruck = false
  private var held: Heard?
  private var seen: [Heard.Value] = []

  init(_ plan: Sabotage?, patience: Int) {
    self.plan = plan
    self.patience = patience
  }

  /// Whether the planned fault takes place now, given that it could. Some do every time, some at the first chance.
  mutating func strikes(_ sabotage: Sabotage, always: Bool = false, atOnce: Bool = false) -> Bool {
    guard plan == sabotage, always || !hasStruck else { return false }
    if !hasStruck && !atOnce && patience > 0 {
      patience -= 1
      return false
    }
    hasStruck = true
    return true
  }

  /// What the client gets instead of a reply.
  mutating func tamper(_ heard: Heard, to deed: Deed) -> [Heard] {
    if strikes(.dropReply) { return [] }
    if strikes(.repeatReply) { return [heard, heard] }
    if let first = held {
      held = nil
      return [heard, first]
    }
    guard case .values(var values, let end) = heard else {
      if plan == .swapReplies, !hasStruck, strikes(.swapReplies) {
        held = heard
        return []
      }
      return [heard]
    }
    for i in values.indices {
      let value = values[i]
      if let other = seen.last(where: { $0.key != value.key && !$0.data.isEmpty }), strikes(.leakValue) {
        values[i].data = other.data
      }
      if let older = seen.first(where: { $0.key == value.key && $0.data != value.data }),
        strikes(.staleValue, atOnce: true)
      {
        values[i].data = older.data
      }
      if !value.data.isEmpty, strikes(.flipByte) { values[i].data[value.data.count / 2] ^= 1 }
      seen.append(value)
    }
    if !values.isEmpty, strikes(.forget) { values.removeLast() }
    return [.values(values, end: end)]
  }

  mutating func tamper(_ bytes: [UInt8]) -> [UInt8] {
    if plan == .mute, strikes(.mute, always: true) { return [] }
    if !bytes.isEmpty, strikes(.loseByte) { return Array(bytes.dropFirst()) }
    if !bytes.isEmpty, strikes(.extraBytes) { return bytes + Array("END\r\n".utf8) }
    return bytes
  }
}
