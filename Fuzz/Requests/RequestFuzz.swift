import FuzzDriver
import Wire

/// Fuzzes the request parser: a client's stream, once whole and once cut in up to three places that the input
/// selects. Both must give the same requests.
@_cdecl("FuzzRequests_main")
public func requestFuzz(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
  // SAFETY: the process's own arguments, passed on.
  unsafe drive(count, words) { bytes, count in
    var choices = unsafe Choices(bytes, count)
    let first = choices.number(below: 256)
    let maxValue = first % 2 == 0 ? 1 << 20 : 12
    let dialect = Dialect(first / 2)
    let places = (0..<3).map { _ in choices.number(below: 65536) }
    let stream = choices.rest
    let cuts = places.map { $0 % (stream.count + 1) }
    let whole = StreamReader.read(stream, cuts: [], maxValue: maxValue, dialect)
    let pieces = StreamReader.read(stream, cuts: cuts, maxValue: maxValue, dialect)
    guard whole == pieces else { violated("cut at \(cuts): \(pieces), whole: \(whole)") }
    return 0
  }
}

extension Dialect {
  /// One of the pairs of eras; 0 is the default. The meta commands are never newer than the others.
  fileprivate init(_ choice: Int) {
    guard choice > 0 else {
      self.init()
      return
    }
    let all = Era.allCases
    let classic = all[choice % all.count]
    self.init(classic: classic, meta: min(classic, all[choice / all.count % all.count]))
  }
}
