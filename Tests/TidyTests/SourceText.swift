import Foundation
import Testing

/// A Swift file in three layers of the same length: its code, its comments, and the text of its strings.
///
///     let a = "b" // c
///     code      let a = "·"·····
///     comments  ··············· c
///     strings   ·········b······
///
/// What belongs to another layer is blank; line breaks are in all of them, so that a line has one number.
struct SourceText {
  let path: String
  let code: String
  let comments: String
  let strings: String

  init(path: String, text: String) {
    self.path = path
    var scanner = Scanner(text)
    scanner.run()
    code = String(decoding: scanner.code, as: UTF8.self)
    comments = String(decoding: scanner.comments, as: UTF8.self)
    strings = String(decoding: scanner.strings, as: UTF8.self)
  }

  var lineCount: Int { code.utf8.count { $0 == 10 } }

  /// Parts the bytes of a file into the three layers.
  private struct Scanner {
    private let bytes: [UInt8]
    private var at = 0
    private(set) var code: [UInt8] = []
    private(set) var comments: [UInt8] = []
    private(set) var strings: [UInt8] = []

    private enum Layer { case code, comments, strings }

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func run() {
      while at < bytes.count { scanCode(untilParenthesis: false) }
    }

    private func isNext(_ text: StaticString) -> Bool { bytes[at...].starts(with: "\(text)".utf8) }

    private mutating func take(_ count: Int, as layer: Layer) {
      for byte in bytes[at..<min(at + count, bytes.count)] {
        let blank: UInt8 = byte == 10 ? 10 : 32
        code.append(layer == .code ? byte : blank)
        comments.append(layer == .comments ? byte : blank)
        strings.append(layer == .strings ? byte : blank)
      }
      at = min(at + count, bytes.count)
    }

    /// Up to the end of the file, or behind the parenthesis that ends an interpolation.
    private mutating func scanCode(untilParenthesis isInterpolation: Bool) {
      var depth = 0
      while at < bytes.count {
        if isNext("//") {
          scanLineComment()
        } else if isNext("/*") {
          scanBlockComment()
        } else if let hashes = stringStart() {
          scanString(hashes)
        } else {
          if bytes[at] == UInt8(ascii: "(") { depth += 1 }
          if bytes[at] == UInt8(ascii: ")") { depth -= 1 }
          take(1, as: .code)
          if isInterpolation && depth == 0 { return }
        }
      }
    }

    private mutating func scanLineComment() {
      let end = bytes[at...].firstIndex(of: 10) ?? bytes.count
      take(end - at, as: .comments)
    }

    private mutating func scanBlockComment() {
      while at < bytes.count && !isNext("*/") { take(1, as: .comments) }
      take(2, as: .comments)
    }

    /// The number of `#` before a quote at this place; nil when there is no string here.
    private func stringStart() -> Int? {
      var i = at
      while i < bytes.count, bytes[i] == UInt8(ascii: "#") { i += 1 }
      return i < bytes.count && bytes[i] == UInt8(ascii: "\"") ? i - at : nil
    }

    private mutating func scanString(_ hashes: Int) {
      take(hashes, as: .code)
      let isMultiline = isNext("\"\"\"")
      let quotes = isMultiline ? 3 : 1
      take(quotes, as: .code)
      let end = [UInt8](repeating: UInt8(ascii: "\""), count: quotes) + marks(hashes)
      let escape = [UInt8(ascii: "\\")] + marks(hashes)
      while at < bytes.count {
        if bytes[at...].starts(with: end) { return take(end.count, as: .code) }
        if bytes[at...].starts(with: escape) {
          let isInterpolation = bytes[at...].dropFirst(escape.count).first == UInt8(ascii: "(")
          take(isInterpolation ? escape.count : escape.count + 1, as: .strings)
          if isInterpolation { scanCode(untilParenthesis: true) }
        } else {
          take(1, as: .strings)
        }
      }
    }

    private func marks(_ count: Int) -> [UInt8] { [UInt8](repeating: UInt8(ascii: "#"), count: count) }
  }
}

/// The files of the repository that hold the house's rules.
enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// All Swift files, read once.
  private static let swiftFiles = Result {
    try ["Sources", "Tests", "Fuzz"].flatMap { try files(in: $0) { $0.hasSuffix(".swift") } }
      .map { SourceText(path: $0, text: try text(of: $0)) }
  }

  /// The Swift files in these folders, parted into layers.
  static func swiftFiles(in folders: String...) throws -> [SourceText] {
    try folders.flatMap { folder in
      let found = try swiftFiles.get().filter { $0.path.hasPrefix(folder + "/") }
      // A rule over no file would hold whatever the code says.
      try #require(!found.isEmpty, "no Swift file in \(folder)")
      return found
    }
  }

  /// The paths of a folder's files, from the root, that pass a test.
  static func files(in folder: String, where isWanted: (String) -> Bool) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
      .map { "\(folder)/\($0)" }.filter { isWanted($0) && !$0.contains("/.") }.sorted()
  }

  static func text(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}
