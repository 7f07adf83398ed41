import Foundation

/// A declaration of a type, an extension or a function, with the lines that it takes.
struct Declaration {
  enum Kind { case type, `extension`, function }

  let kind: Kind
  let name: String
  /// The words before the keyword: attributes and access.
  let attributes: String
  /// Counted from 0.
  let firstLine: Int
  let lastLine: Int
  /// The types and extensions around it, the outermost first.
  let parents: [String]

  var lineCount: Int { lastLine - firstLine + 1 }
}

extension SourceText {
  /// What begins a declaration with a body.
  private static let heads = try! NSRegularExpression(
    pattern: #"(?<![.\w`])(?:(struct|class|enum|protocol|actor|extension)\s+([A-Z]\w*)"#
      + #"|(func)\s+(\w+|[^\s\w(]+)|((?:de)?init)\b(?=[?<( {])|(subscript)\b)"#)

  /// All declarations with a body in braces, by their first lines.
  func declarations() -> [Declaration] {
    let text = code as NSString
    var lines: [Int] = [0]
    for (i, byte) in code.utf8.enumerated() where byte == 10 { lines.append(i + 1) }
    func line(of offset: Int) -> Int { lines.partitioningIndex { $0 > offset } - 1 }

    let bytes = Array(code.utf8)
    var found: [Declaration] = []
    var open: [(name: String, isType: Bool, end: Int)] = []
    for match in Self.heads.matches(in: code, range: NSRange(location: 0, length: text.length)) {
      let start = match.range.location
      open.removeAll { $0.end < start }
      guard let body = Self.body(bytes, from: match.range.upperBound) else { continue }
      let firstLine = line(of: start)
      let lineStart = lines[firstLine]
      let before = String(decoding: bytes[lineStart..<start], as: UTF8.self)
      let isType = match.range(at: 1).location != NSNotFound
      let named = [2, 4, 5, 6].first { match.range(at: $0).location != NSNotFound }
      let name = named.map { text.substring(with: match.range(at: $0)) } ?? "?"
      let isExtension = isType && text.substring(with: match.range(at: 1)) == "extension"
      found.append(
        Declaration(
          kind: isExtension ? .extension : isType ? .type : .function, name: name, attributes: before,
          firstLine: firstLine, lastLine: line(of: body.upperBound),
          parents: open.filter(\.isType).map(\.name)))
      open.append((name, isType, body.upperBound))
    }
    return found
  }

  /// The braces of the declaration whose head goes on at `start`; nil when it has none.
  private static func body(_ bytes: [UInt8], from start: Int) -> ClosedRange<Int>? {
    var i = start
    var depth = 0
    while i < bytes.count {
      switch bytes[i] {
      case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "{") where depth <= 0: return closing(bytes, from: i).map { i...$0 }
      case UInt8(ascii: "}") where depth <= 0: return nil
      case 10 where depth <= 0 && isEnd(bytes, at: i): return nil
      default: break
      }
      if depth < 0 { return nil }
      i += 1
    }
    return nil
  }

  /// Whether the declaration ends with this line: the next is not its continuation.
  private static func isEnd(_ bytes: [UInt8], at newline: Int) -> Bool {
    let rest = bytes[(newline + 1)...].drop { $0 == 32 || $0 == 10 }
    return !["{", "where", "->", "throws", "async", "&", ",", ":", ")"].contains {
      rest.starts(with: $0.utf8)
    } && bytes[..<newline].last { $0 != 32 } != UInt8(ascii: ",")
  }

  private static func closing(_ bytes: [UInt8], from start: Int) -> Int? {
    var depth = 0
    for i in start..<bytes.count {
      if bytes[i] == UInt8(ascii: "{") { depth += 1 }
      if bytes[i] == UInt8(ascii: "}") {
        depth -= 1
        if depth == 0 { return i }
      }
    }
    return nil
  }
}

extension Array {
  /// The first index of which the claim holds, where it holds of all behind it, too.
  func partitioningIndex(_ isBehind: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
