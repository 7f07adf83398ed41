/// A key of the keyboard that means something.
enum Key: Equatable, Sendable {
  case letter(Character)
  case up, down, pageUp, pageDown, home, end
}

/// Turns the bytes of a terminal into keys, whatever the pieces in which they arrive.
struct KeyReader: Sendable {
  /// The beginning of a sequence.
  private var pending: [UInt8] = []

  init() {}

  mutating func take(_ bytes: some Sequence<UInt8>) -> [Key] {
    bytes.compactMap { take($0) }
  }

  private mutating func take(_ byte: UInt8) -> Key? {
    if byte == 27 {
      pending = [byte]
      return nil
    }
    guard !pending.isEmpty else {
      return (33...126).contains(byte) ? .letter(Character(Unicode.Scalar(byte))) : nil
    }
    if pending.count == 1 {
      // An escape key alone does nothing, and the next key is read as such.
      guard byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") else {
        pending = []
        return take(byte)
      }
      pending.append(byte)
      return nil
    }
    // Parameters; no sequence has many. Then its last byte.
    if (0x20...0x3F).contains(byte), pending.count < 16 {
      pending.append(byte)
      return nil
    }
    defer { pending = [] }
    return Self.key(parameters: pending.dropFirst(2), last: byte)
  }

  private static func key(parameters: ArraySlice<UInt8>, last: UInt8) -> Key? {
    switch last {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "~"):
      switch String(decoding: parameters, as: UTF8.self) {
      case "5": .pageUp
      case "6": .pageDown
      case "1", "7": .home
      case "4", "8": .end
      default: nil
      }
    default: nil
    }
  }
}

extension Dashboard {
  /// Does what a key means; returns whether that is to quit. `page`: the number of servers shown at once.
  mutating func press(_ key: Key, page: Int) -> Bool {
    let last = max(0, (report?.servers.count ?? 0) - page)
    offset = min(offset, last)
    switch key {
    case .letter("q"), .letter("Q"): return true
    case .letter(let letter):
      guard let column = SortOrder.Column(rawValue: letter) else { return false }
      order.choose(column)
      offset = 0
    case .up: offset = max(0, offset - 1)
    case .down: offset = min(last, offset + 1)
    case .pageUp: offset = max(0, offset - max(1, page))
    case .pageDown: offset = min(last, offset + max(1, page))
    case .home: offset = 0
    case .end: offset = last
    }
    return false
  }
}
