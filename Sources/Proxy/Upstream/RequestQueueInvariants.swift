import Bytes
import Wire

extension RequestQueue {
  /// The first thing that is not as it must be between two calls; nil if all is well. For tests. O(bytes).
  func checkInvariants() -> String? {
    guard sent >= 0, sent <= bytes.count else { return "\(sent) of \(bytes.count) bytes sent" }
    if front == .upload { return legs.count <= 1 ? nil : "an upload with \(legs.count) legs" }
    guard sendTimes.marks.count <= SendTimes.most else { return "\(sendTimes.marks.count) marks of sends" }
    if let text = checkLegs() ?? checkLate() ?? checkLine() { return text }
    switch front {
    case .plain, .upload: return nil
    case .answered:
      return legs.count > 0 && sent < Int(legs[0].length) ? nil : "the answered request is not on its way"
    case .discarding:
      return legs.count > 0 && discardLeft >= 0 ? nil : "\(discardLeft) bytes to discard for no request"
    }
  }

  /// The bytes are those of the legs, one behind the other, and each leg's are a request or a part of a line.
  private func checkLegs() -> String? {
    var at = Position()
    var isContinued = legs.count > 0 && legs[0].continuesPreviousLine
    while let one = next(&at) {
      let (leg, name) = (one.leg, "leg \(one.index)")
      guard leg.length > 0, at.start <= bytes.count else { return "\(name) ends behind the last byte" }
      let key = one.start &+ Int(leg.keyStart)
      guard key &+ Int(leg.keyLength) <= at.start else { return "\(name) ends within its key" }
      guard leg.continuesPreviousLine == isContinued else { return "\(name) does not fit the line before it" }
      let first = bytes.readable.byte(at: one.start)
      guard leg.continuesPreviousLine == (first == 32) else { return "\(name) begins with byte \(first)" }
      let last = bytes.readable.byte(at: at.start &- 1)
      guard leg.isContinuedByNext == (last != 10) else { return "\(name) ends with byte \(last)" }
      isContinued = leg.isContinuedByNext
    }
    if isContinued { return "the last line has no end" }
    guard at.start == bytes.count else { return "\(bytes.count &- at.start) bytes belong to no leg" }
    guard missed <= legs.count else { return "\(missed) of \(legs.count) legs missed" }
    // Behind the last key of a leg is a separator that may be the next leg's.
    guard legs.isEmpty || cursorAt <= Int(legs[0].length) &+ 1 else {
      return "the cursor is behind the front request"
    }
    return nil
  }

  private func checkLate() -> String? {
    guard late >= 0, late <= legs.count else { return "\(late) of \(legs.count) legs late" }
    var length = 0
    for i in 0..<late {
      guard legs[i].isLate || (i == 0 && front == .answered) else { return "leg \(i) is counted as late" }
      length &+= Int(legs[i].length)
    }
    return length == lateLength ? nil : "\(lateLength) bytes late instead of \(length)"
  }

  /// The open line is what the last legs wrote.
  private func checkLine() -> String? {
    guard lineLength > 0 else { return nil }
    var length = 0
    var i = legs.count
    while i > 0 {
      i &-= 1
      guard legs[i].verb == .get else { return "an open line of another command" }
      length &+= Int(legs[i].length)
      if !legs[i].continuesPreviousLine { break }
    }
    // The front of the line may have been answered.
    return length <= lineLength ? nil : "an open line of \(lineLength) bytes instead of \(length)"
  }
}
