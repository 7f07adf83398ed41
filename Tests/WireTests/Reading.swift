import Bytes
import TestSupport

@testable import Wire

/// The parse of one part of a client's stream.
enum Seen: Equatable {
  /// A request, as a server gets it (without `noreply`); the value follows the line.
  case request(Verb, [UInt8], isQuiet: Bool, isVerbatim: Bool)
  case refused(Refusal, isQuiet: Bool)
  case hangUp
  /// The stream ends before a line end, in a value, or while bytes are skipped; with the number of bytes received, or
  /// still to be skipped.
  case openLine(Int)
  case openValue(Int)
  case skipping(Int)
}

extension Seen: CustomStringConvertible {
  /// The form used in the tables: `set k 0 0 1|x`, `quietly delete k`, `CLIENT_ERROR …`, `quietly ERROR`.
  var description: String {
    switch self {
    case .request(let verb, let bytes, let isQuiet, _):
      var text = escaped(bytes)
      if verb.isStorage { text = text.replacing("\\r\\n", with: "|", maxReplacements: 1) }
      if text.hasSuffix("\\r\\n") { text.removeLast(4) }
      return (isQuiet ? "quietly " : "") + text
    case .refused(let why, let isQuiet):
      return (isQuiet ? "quietly " : "") + words(why)
    case .hangUp: return "hang up"
    case .openLine(let n): return "open line \(n)"
    case .openValue(let n): return "open value \(n)"
    case .skipping(let n): return "skipping \(n)"
    }
  }

  private func words(_ why: Refusal) -> String {
    String(describing: why.line).split(separator: "\r\n").joined()
  }
}

/// Printable text unchanged, other bytes as escapes.
func escaped(_ bytes: some Sequence<UInt8>) -> String {
  var text = ""
  for byte in bytes {
    switch byte {
    case 10: text += "\\n"
    case 13: text += "\\r"
    case 9: text += "\\t"
    case 0: text += "\\0"
    case 32..<127: text.unicodeScalars.append(Unicode.Scalar(byte))
    default: text += "\\x" + String(byte, radix: 16)
    }
  }
  return text
}

/// Parses a client's stream as the proxy does: takes whole requests, keeps the rest for the next call, skips what is
/// refused. Every parse gets bytes that end at an inaccessible page.
struct Reading {
  var seen: [Seen] = []
  /// The indices of refusals that skip more than the line.
  private(set) var swallowing: Set<Int> = []
  private var kept: [UInt8] = []
  private var scanned = 0
  private var skip = 0
  private var isOver = false
  private var isInValue = false
  private let maxValue: Int
  private let dialect: Dialect
  private let cliff: Cliff

  init(maxValue: Int, dialect: Dialect = Dialect(), cliff: Cliff) {
    self.maxValue = maxValue
    self.dialect = dialect
    self.cliff = cliff
  }

  mutating func receive(_ piece: ArraySlice<UInt8>) {
    guard !isOver else { return }
    kept += piece
    let consumed = serve()
    kept.removeFirst(consumed)
  }

  /// The end of the stream: records what is incomplete.
  mutating func finish() {
    guard !isOver else { return }
    if skip > 0 { seen.append(.skipping(skip)) }
    if !kept.isEmpty { seen.append(isInValue ? .openValue(kept.count) : .openLine(kept.count)) }
  }

  private mutating func serve() -> Int {
    var p = 0
    while p < kept.count, !isOver {
      if skip > 0 {
        let n = min(skip, kept.count - p)
        skip -= n
        p += n
        continue
      }
      var line = RequestLine()
      var request = Request()
      let (verdict, what) = cliff.holding(kept) { bytes in
        let verdict = RequestParser.next(
          bytes, from: p, scanned: scanned, maxValue: maxValue, dialect: dialect, line: &line, into: &request)
        guard case .request = verdict else { return (verdict, nil as Seen?) }
        return (verdict, Encoding(bytes, p, request, line, dialect).seen)
      }
      if case .partial = verdict {
        scanned = kept.count - p
        isInValue = false
        return p
      }
      scanned = 0
      isInValue = false
      switch verdict {
      case .partial: break
      case .partialBody:
        isInValue = true
        return p
      case .request:
        if let what { seen.append(what) }
        p += request.length
        if request.verb == .quit { isOver = true }
      case .refused(let why, let n, let isQuiet):
        if n > request.lineLength { swallowing.insert(seen.count) }
        seen.append(.refused(why, isQuiet: isQuiet))
        skip = max(0, n - (kept.count - p))
        p = min(kept.count, p + n)
      case .hangUp:
        seen.append(.hangUp)
        isOver = true
      }
    }
    return isOver ? kept.count : p
  }

  /// The parse of a stream that arrives in these pieces.
  static func of(
    _ pieces: [ArraySlice<UInt8>], maxValue: Int, dialect: Dialect = Dialect(), cliff: Cliff
  ) -> [Seen] {
    var reading = Reading(maxValue: maxValue, dialect: dialect, cliff: cliff)
    for piece in pieces { reading.receive(piece) }
    reading.finish()
    return reading.seen
  }

  /// Parses a stream that arrives at once.
  init(_ input: [UInt8], dialect: Dialect) {
    self.init(maxValue: 1 << 20, dialect: dialect, cliff: Cliff(room: input.count))
    receive(input[...])
    finish()
  }

  /// The parse of a stream that arrives at once.
  static func of(_ input: [UInt8], maxValue: Int = 1 << 20, dialect: Dialect = Dialect()) -> [Seen] {
    of([input[...]], maxValue: maxValue, dialect: dialect, cliff: Cliff(room: input.count))
  }

  /// Splits the stream in two at every byte, and into single bytes: every way must give the same parse. Returns the
  /// difference, if there is one.
  static func everySplit(
    _ input: [UInt8], maxValue: Int = 1 << 20, dialect: Dialect = Dialect()
  ) -> String? {
    let cliff = Cliff(room: input.count)
    let whole = of([input[...]], maxValue: maxValue, dialect: dialect, cliff: cliff)
    // For long inputs only the first and last bytes, and some between.
    let step = input.count > 600 ? 97 : 1
    for cut in 1..<max(2, input.count)
    where cut % step == 0 || cut < 20 || input.count - cut < 20 || (2040...2060).contains(cut) {
      let got = of(
        [input[..<min(cut, input.count)], input[min(cut, input.count)...]], maxValue: maxValue,
        dialect: dialect, cliff: cliff)
      if got != whole { return "cut at \(cut): \(got), uncut: \(whole)" }
    }
    let size = input.count > 600 ? 31 : 1
    let pieces = stride(from: 0, to: input.count, by: size).map { input[$0..<min($0 + size, input.count)] }
    let got = of(pieces, maxValue: maxValue, dialect: dialect, cliff: cliff)
    return got == whole ? nil : "in pieces of \(size): \(got), uncut: \(whole)"
  }
}
