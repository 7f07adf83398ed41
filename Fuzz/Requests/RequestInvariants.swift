import Bytes
import FuzzDriver
import Wire

/// Checks that must hold for every request that the parser accepts.
enum RequestInvariants {
  static func check(_ bytes: RawSpan, _ p: Int, _ request: Request, _ line: RequestLine, maxValue: Int) {
    let end = p + request.lineLength
    guard request.lineLength > 0, request.bodyLength >= 0, end + request.bodyLength <= bytes.byteCount else {
      violated("a request of \(request.length) bytes at \(p) of \(bytes.byteCount)")
    }
    guard bytes.byte(at: end - 1) == 10, bytes.firstNewline(from: p) == end - 1 else {
      violated("a line that ends elsewhere")
    }
    if request.verb.isStorage { checkBody(bytes, end, request, maxValue) }
    checkKey(bytes, p, request)
    if request.isVerbatim { checkVerbatim(bytes, p, request, line) }
    if isCanary, request.verb == .touch { violated("the canary") }
  }

  private static func checkBody(_ bytes: RawSpan, _ end: Int, _ request: Request, _ maxValue: Int) {
    let last = end + request.bodyLength
    guard request.bodyLength >= 2, request.bodyLength - 2 <= maxValue, bytes.byte(at: last - 2) == 13,
      bytes.byte(at: last - 1) == 10
    else { violated("a value of \(request.bodyLength) bytes, ended otherwise than by CR LF") }
  }

  private static func checkKey(_ bytes: RawSpan, _ p: Int, _ request: Request) {
    let lineEnd = p + request.lineLength
    let end = request.keyStart + request.keyLength
    let isKeyless = request.keyStart == 0 && request.keyLength == 0
    guard isKeyless || (request.keyStart > p && request.keyLength >= 0 && end < lineEnd) else {
      violated("a key outside its line")
    }
    // The keys of a multi-get are checked one by one when it is forwarded.
    guard !request.isMulti else { return }
    guard request.keyLength <= 250 else { violated("a key of \(request.keyLength) bytes") }
    for i in request.keyStart..<end {
      let byte = bytes.byte(at: i)
      guard byte != 0, byte != 10, byte != 13, byte != 32 else { violated("byte \(byte) in a key") }
    }
  }

  /// A request that is forwarded unchanged has one canonical form, which every parser reads alike.
  private static func checkVerbatim(_ bytes: RawSpan, _ p: Int, _ request: Request, _ line: RequestLine) {
    let end = p + request.lineLength
    guard !request.isQuiet, !request.isMulti else { violated("a quiet or many-keyed request is verbatim") }
    var plain: [UInt8] = []
    if request.verb.isRetrieval {
      guard request.verb == .get || request.verb == .gets else { violated("\(request.verb) is verbatim") }
      plain = Array((request.verb == .get ? "get " : "gets ").utf8)
      for i in 0..<request.keyLength { plain.append(bytes.byte(at: request.keyStart + i)) }
    } else {
      let firstNumber = line[0].length == 2 ? line.count : 2
      for i in 0..<line.count {
        if i > 0 { plain.append(32) }
        if i >= firstNumber {
          plain += Array(number(bytes, line[i]).utf8)
        } else {
          for j in line[i].from..<line[i].to { plain.append(bytes.byte(at: j)) }
        }
      }
    }
    plain += [13, 10]
    guard plain.count == request.lineLength else { violated("a verbatim line of another length") }
    for i in 0..<plain.count where bytes.byte(at: p + i) != plain[i] {
      violated("a verbatim line that is not plain, at byte \(i) of \(end - p)")
    }
  }

  private static func number(_ bytes: RawSpan, _ word: Word) -> String {
    guard let number = Number(bytes, word) else { violated("a verbatim number that is none") }
    return (number.isNegative ? "-" : "") + String(number.magnitude)
  }
}
