import Bytes
import TestSupport

@testable import Wire

/// Random streams that resemble a client's: known words in unusual numbers, positions and spellings.
enum Grammar {
  private static let commands = [
    "get", "gets", "gat", "gats", "bget", "set", "add", "replace", "append", "prepend", "cas", "delete",
    "incr",
    "mg", "mg", "mg", "ms", "ms", "md", "md", "ma", "ma", "me", "decr", "touch", "flush_all", "version",
    "verbosity", "mn", "stats", "foo", "ge", "s", "setx", "cass",
  ]
  private static let words = [
    "a", "b", "k", "noreply", "0", "1", "2", "3", "5", "-1", "-0", "+1", "00", "10", "4294967296",
    "4294967297",
    "18446744073709551615", "18446744073709551616", "9223372036854775807", "9223372036854775808",
    "-4294967295",
    "-9223372036854775808", "1\t", "\t1", "1x", "x", "-", "+", "1\t-", "9999999999999999999\t-", "é", "a\tb",
    "0",
    "1", "0", "1", "k1", "k2", "\u{b}2", "\u{1}", "k\u{1f}k", "\u{7f}", "\t", "2147483645", "2147483647",
    "-18446744073709551615", Case.longKey,
    Case.tooLongKey, "item",
  ]

  /// One to three requests.
  static func stream(_ random: inout Seeded) -> [UInt8] {
    var bytes: [UInt8] = []
    for i in 0..<(1 + random.below(3)) {
      let one = request(&random)
      // memcached drops the answers before a read with too long a key.
      bytes += i == 0 ? one : shortened(one)
    }
    return bytes
  }

  /// The same with a few bytes changed, removed or inserted; it may be incomplete.
  static func damaged(_ stream: [UInt8], _ random: inout Seeded) -> [UInt8] {
    var bytes = stream
    for _ in 0..<(1 + random.below(3)) where !bytes.isEmpty {
      let i = random.below(bytes.count)
      switch random.below(5) {
      case 0: bytes[i] = UInt8(random.below(256))
      case 1: bytes[i] = [0, 10, 13, 32, 9].randomElement(using: &random) ?? 0
      case 2: bytes.remove(at: i)
      case 3: bytes.insert([0, 10, 13, 32, 48].randomElement(using: &random) ?? 0, at: i)
      default: bytes.removeLast(min(random.below(4), bytes.count))
      }
    }
    return bytes
  }

  /// Whether the proxy may parse a stream differently from memcached, for one of the reasons in `Difference`.
  static func mayDiffer(_ bytes: [UInt8]) -> Bool {
    bytes.contains(0) || bytes.first == 0x80
      || bytes.indices.contains { bytes[$0] == 13 && ($0 + 1 == bytes.count || bytes[$0 + 1] != 10) }
      || bytes.split { $0 == 32 || $0 == 10 || $0 == 13 }.contains { isNoText(Array($0)) }
  }

  /// Whether a word may be a binary key that memcached prints raw, line ends included.
  private static func isNoText(_ word: [UInt8]) -> Bool {
    // SAFETY: the bytes of an array of bytes are all initialised.
    guard let key = DecodedKey(unsafe word.span.bytes, from: 0, count: word.count) else { return false }
    return !key.isText
  }

  /// A read without keys that are too long.
  private static func shortened(_ request: [UInt8]) -> [UInt8] {
    let text = String(decoding: request, as: UTF8.self)
    guard text.drop(while: { $0 == " " }).hasPrefix("g") || text.contains("bget") else { return request }
    return Array(text.replacing(Case.tooLongKey, with: "kk").utf8)
  }

  static func request(_ random: inout Seeded) -> [UInt8] {
    let command = commands.randomElement(using: &random) ?? "get"
    var line = gap(&random, least: 0) + command
    if command.count == 2, command.first == "m", command != "mn" { return meta(line, command, &random) }
    let isStorage = ["set", "add", "replace", "append", "prepend", "cas"].contains(command)
    if isStorage, random.below(4) > 0 { return storage(line, &random, isCAS: command == "cas") }
    for _ in 0..<random.below(5) { line += gap(&random, least: 1) + word(&random) }
    if random.below(5) == 0 { line += gap(&random, least: 1) + "noreply" }
    return Array((line + gap(&random, least: 0) + end(&random)).utf8)
  }

  private static let flags = [
    "v", "q", "k", "O", "O1", "Oabc", "s", "t", "c", "f", "l", "h", "u", "b", "N0", "N30", "T0", "T30", "T-1",
    "R30",
    "C1", "C", "F5", "Fx", "MA", "ME", "MR", "MI", "MD", "M+", "M", "M12", "I", "D2", "Dx", "J5", "P", "Lx",
  ]

  /// A meta request with a few flags, some of them invalid.
  private static func meta(_ start: String, _ command: String, _ random: inout Seeded) -> [UInt8] {
    let keys = [
      "a", "b", "k1", "k2", "Zm9v", "foo", "Zm9vYg==", "foob", "YQ==", "!", Case.longKey, "a\tb", "\u{1}",
      "k\u{1f}",
    ]
    var line = start + gap(&random, least: 1) + (keys.randomElement(using: &random) ?? "a")
    let size = random.below(12)
    if command == "ms" { line += gap(&random, least: 1) + (random.below(8) == 0 ? word(&random) : "\(size)") }
    for _ in 0..<random.below(random.below(12) == 0 ? 22 : 6) {
      let flag = random.below(12) == 0 ? word(&random) : flags.randomElement(using: &random) ?? "v"
      line += gap(&random, least: 1) + flag
    }
    var bytes = Array((line + gap(&random, least: 0) + end(&random)).utf8)
    guard command == "ms" else { return bytes }
    for _ in 0..<size { bytes.append(UInt8(48 + random.below(10))) }
    if random.below(8) == 0 { bytes.append(48) }
    return bytes + [13, 10]
  }

  /// A storage request with mostly valid numbers.
  private static func storage(_ start: String, _ random: inout Seeded, isCAS: Bool) -> [UInt8] {
    var line =
      start + " "
      + (random.below(8) == 0 ? word(&random) : "k\(random.below(5))\(random.below(6) == 0 ? "\t\u{1}" : "")")
    let size = random.below(12)
    for i in 0..<(isCAS ? 4 : 3) {
      let plain = i == 2 ? String(size) : String(random.below(9))
      line += gap(&random, least: 1) + (random.below(8) == 0 ? word(&random) : plain)
    }
    if random.below(3) == 0 {
      line += gap(&random, least: 1) + (random.below(4) == 0 ? word(&random) : "noreply")
    }
    var value = (0..<size).map { _ in UInt8(97 + random.below(26)) }
    if random.below(6) == 0 { value.append(UInt8(97 + random.below(26))) }
    if random.below(6) == 0, !value.isEmpty { value.removeLast() }
    return Array((line + gap(&random, least: 0) + end(&random)).utf8) + value
      + (random.below(8) == 0 ? [10] : [13, 10])
  }

  private static func word(_ random: inout Seeded) -> String { words.randomElement(using: &random) ?? "a" }

  private static func gap(_ random: inout Seeded, least: Int) -> String {
    String(repeating: " ", count: least + (random.below(6) == 0 ? random.below(3) : 0))
  }

  private static func end(_ random: inout Seeded) -> String { random.below(5) == 0 ? "\n" : "\r\n" }
}
