import FuzzDriver

/// Checks that must hold for every verdict of the reply parser.
enum ReplyInvariants {
  static func check(_ asked: Asked, before: ArraySlice<UInt8>, reply: ArraySlice<UInt8>, cut: Int) {
    let verdict = asked.read(before, reply)
    guard asked.read([], reply) == verdict else { violated("what lies before a reply changes it") }
    let bytes = Array(reply)
    switch verdict {
    case .value(let length):
      checkLength(length, bytes)
      checkValue(asked, Array(bytes[..<length]))
    case .taken(let length):
      checkLength(length, bytes)
      if isCanary, asked.kind == .touched, length == 9 { violated("the canary") }
    case .partial, .refused: break
    }
    checkCut(asked, bytes, verdict, cut)
  }

  private static func checkLength(_ length: Int, _ bytes: [UInt8]) {
    guard length >= 2, length <= bytes.count, bytes[length - 2] == 13, bytes[length - 1] == 10 else {
      violated("a reply of \(length) bytes of \(bytes.count)")
    }
  }

  /// A value has the requested key and its announced length. Checked without the parser under test.
  private static func checkValue(_ asked: Asked, _ bytes: [UInt8]) {
    let start = Array("VALUE ".utf8) + asked.key + [32]
    guard bytes.starts(with: start) else { violated("a value of another key") }
    guard let newline = bytes[start.count...].firstIndex(of: 10), bytes[newline - 1] == 13 else {
      violated("a value without a header line")
    }
    let numbers = bytes[start.count..<(newline - 1)].split(separator: 32, omittingEmptySubsequences: false)
    guard numbers.count == (asked.withCAS ? 3 : 2) else { violated("\(numbers.count) numbers in a header") }
    for number in numbers {
      guard !number.isEmpty, number.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { violated("no number") }
    }
    let hasEnd = asked.kind == .single || asked.kind == .singleWithCAS
    let size = bytes.count - newline - 1 - 2 - (hasEnd ? 5 : 0)
    guard Int(String(decoding: numbers[1], as: UTF8.self)) == size, size >= 0, size <= asked.maxValue else {
      violated("a value of \(size) bytes that says otherwise")
    }
    guard bytes[newline + 1 + size] == 13, bytes[newline + 2 + size] == 10 else { violated("a value's end") }
    if hasEnd {
      guard bytes.suffix(5).elementsEqual("END\r\n".utf8) else { violated("no END") }
    }
  }

  /// A shorter input never gives another reply: what was accepted stays accepted, and not before it is complete.
  private static func checkCut(_ asked: Asked, _ bytes: [UInt8], _ whole: ReplyVerdict, _ cut: Int) {
    let early = asked.read([], bytes[..<cut])
    switch (early, whole) {
    case (.partial, _): return
    case (.refused, .value), (.refused, .taken): violated("refused at \(cut), then taken")
    case (.refused, _): return
    default:
      guard early == whole else { violated("\(early) at \(cut), then \(whole)") }
    }
  }
}
