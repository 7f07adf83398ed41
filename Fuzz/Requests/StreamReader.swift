import Bytes
import FuzzDriver
import Wire

/// Parses a client's stream in pieces, as the proxy does: takes whole requests, keeps the rest, and skips refused
/// bytes. Each parse sees memory that ends where the bytes end.
struct StreamReader {
  private(set) var stretches: [Stretch] = []
  private var kept: [UInt8] = []
  /// The position of `kept` in the stream.
  private var position = 0
  private var scanned = 0
  private var skip = 0
  private var isOver = false
  private let maxValue: Int
  private let dialect: Dialect

  /// Reads all of `stream`, in pieces that end at `cuts`.
  static func read(
    _ stream: ArraySlice<UInt8>, cuts: [Int], maxValue: Int, _ dialect: Dialect
  ) -> [Stretch] {
    var reader = StreamReader(maxValue: maxValue, dialect: dialect)
    var from = stream.startIndex
    for cut in cuts.sorted() + [stream.count] {
      let to = stream.startIndex + cut
      reader.receive(stream[from..<to])
      from = to
    }
    if !reader.isOver && (reader.skip > 0 || !reader.kept.isEmpty) {
      reader.stretches.append(Stretch(kind: .open, start: reader.position, length: reader.kept.count))
    }
    return reader.stretches
  }

  private init(maxValue: Int, dialect: Dialect) {
    self.maxValue = maxValue
    self.dialect = dialect
  }

  private mutating func receive(_ piece: ArraySlice<UInt8>) {
    guard !isOver else { return }
    kept += piece
    var next = self
    exactly(kept[...]) { next.serve($0) }
    self = next
  }

  private mutating func serve(_ bytes: RawSpan) {
    var p = 0
    defer {
      kept.removeFirst(p)
      position += p
    }
    while p < bytes.byteCount, !isOver {
      if skip > 0 {
        let n = min(skip, bytes.byteCount - p)
        skip -= n
        p += n
        continue
      }
      var line = RequestLine()
      var request = Request()
      let verdict = RequestParser.next(
        bytes, from: p, scanned: scanned, maxValue: maxValue, dialect: dialect, line: &line, into: &request)
      scanned = 0
      switch verdict {
      case .partial:
        scanned = bytes.byteCount - p
        return
      case .partialBody:
        return
      case .request:
        take(bytes, p, request, line)
        p += request.length
      case .refused(let why, let length, let isQuiet):
        guard length > 0 else { violated("a refusal takes \(length) bytes") }
        stretches.append(Stretch(kind: .refused(why, isQuiet: isQuiet), start: position + p, length: length))
        let n = min(length, bytes.byteCount - p)
        p += n
        skip = length - n
      case .hangUp:
        stretches.append(Stretch(kind: .hangUp, start: position + p, length: 0))
        isOver = true
      }
    }
  }

  private mutating func take(_ bytes: RawSpan, _ p: Int, _ request: Request, _ line: RequestLine) {
    RequestInvariants.check(bytes, p, request, line, maxValue: maxValue)
    let from = request.keyLength == 0 ? 0 : position + request.keyStart
    stretches.append(
      Stretch(
        kind: .request(
          request.verb, isQuiet: request.isQuiet, isVerbatim: request.isVerbatim, isMulti: request.isMulti,
          key: from..<from + request.keyLength),
        start: position + p, length: request.length))
    if request.verb == .quit { isOver = true }
  }
}
