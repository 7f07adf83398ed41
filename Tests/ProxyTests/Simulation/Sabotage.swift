/// A fault planted in the harness, as if the proxy had it: proof that the oracle would see it.
enum Sabotage: String, CaseIterable, Sendable {
  /// An answer is lost.
  case dropReply
  /// An answer is given twice.
  case repeatReply
  /// Two answers change places.
  case swapReplies
  /// A value under its own key's name is another key's.
  case leakValue
  /// A value is the one that the key had before.
  case staleValue
  /// A byte of a value is another.
  case flipByte
  /// A byte on the way to a client is lost.
  case loseByte
  /// Bytes behind the last answer.
  case extraBytes
  /// A client hears no more.
  case mute
  /// A miss instead of a value.
  case forget
  /// A server says STORED and does not store.
  case loseWrite
  /// An increment is done twice.
  case countTwice
  /// A client is closed that nobody wanted closed.
  case closeEarly
  /// A client that said quit stays.
  case neverClose
  /// A request's slot is not given back.
  case leakSlot
  /// A buffer is not given back.
  case leakBuffer
}

/// Applies a sabotage, once or from some moment on.
struct Saboteur {
  let plan: Sabotage?
  /// Chances that are let pass.
  private var patience: Int
  private(set) var hasStruck = false
  private var held: Heard?
  private var seen: [Heard.Value] = []

  init(_ plan: Sabotage?, patience: Int) {
    self.plan = plan
    self.patience = patience
  }

  /// Whether the planned thing happens now, given that it could.
  /// Some strike every time, some at the first chance.
  mutating func strikes(_ sabotage: Sabotage, always: Bool = false, atOnce: Bool = false) -> Bool {
    guard plan == sabotage, always || !hasStruck else { return false }
    if !hasStruck && !atOnce && patience > 0 {
      patience -= 1
      return false
    }
    hasStruck = true
    return true
  }

  /// What the client gets in place of an answer.
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
