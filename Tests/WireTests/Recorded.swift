import Foundation
import Testing

@testable import Wire

/// A request and the recorded answers of memcached of several versions, each followed by the answer to `version`.
struct Recorded {
  /// In the order of the numbers in the file.
  static let versions = ["1.4.39", "1.5.22", "1.6.9", "1.6.14", "1.6.18", "1.6.21", "1.6.45"]

  let sent: [UInt8]
  /// One answer per version.
  let answers: [[UInt8]]

  static func all() throws -> [Recorded] {
    let file = try #require(
      Bundle.module.url(forResource: "answers", withExtension: "txt", subdirectory: "Vectors"))
    var rows: [Recorded] = []
    var sent: [UInt8]?
    var answers = [[UInt8]](repeating: [], count: versions.count)
    func finish() {
      if let sent { rows.append(Recorded(sent: sent, answers: answers)) }
    }
    for line in try Data(contentsOf: file).split(separator: 10) where line.first != 35 {
      if line.first == 62 {
        finish()
        sent = plain(line.dropFirst())
      } else {
        let digits = line.prefix { $0 != 32 }
        let answer = plain(line.dropFirst(digits.count + 1))
        for digit in digits { answers[Int(digit) - 48] = answer }
      }
    }
    finish()
    return rows
  }

  /// The bytes of an escaped text; `\!`, a closed connection, is no byte.
  private static func plain(_ text: some Collection<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      guard byte == 92 else {
        out.append(byte)
        continue
      }
      switch rest.popFirst() {
      case 114: out.append(13)
      case 110: out.append(10)
      case 92: out.append(92)
      case 120:
        out.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
      default: break
      }
    }
    return out
  }

  static func era(of version: String) -> Era {
    let line = Array("VERSION \(version)\r\n".utf8)
    // SAFETY: the bytes of an array of bytes are all initialised.
    return unsafe Era(version: line.span.bytes)
  }
}
