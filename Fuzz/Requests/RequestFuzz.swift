import FuzzDriver
import Wire

/// The request parser over a client's stream: whole, and cut in up to three places that the fuzzer chooses.
/// The cut stream must give the same requests.
@_cdecl("FuzzRequests_main")
public func requestFuzz(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
  // SAFETY: the process's own arguments, handed through.
  unsafe drive(count, words) { bytes, count in
    var choices = unsafe Choices(bytes, count)
    let maxValue = choices.number(below: 2) == 0 ? 1 << 20 : 12
    let places = (0..<3).map { _ in choices.number(below: 65536) }
    let stream = choices.rest
    let cuts = places.map { $0 % (stream.count + 1) }
    let whole = StreamReader.read(stream, cuts: [], maxValue: maxValue)
    let pieces = StreamReader.read(stream, cuts: cuts, maxValue: maxValue)
    guard whole == pieces else { violated("cut at \(cuts): \(pieces), whole: \(whole)") }
    return 0
  }
}
