import Foundation
import Settings
import TestSupport
import Testing

@Suite struct DamagedFileTests {
  /// The full example without its comments, so that every byte matters.
  private static func dense() throws -> [UInt8] {
    let lines = try ProxySettingsTests.text("config/full.yml").split(separator: "\n")
    let kept = lines.filter { !$0.drop { $0 == " " }.hasPrefix("#") }
    return Array((kept.joined(separator: "\n") + "\n").utf8)
  }

  /// Decodes the bytes, and checks that every error has a position in the file. Returns whether there was one.
  private func isRefused(_ bytes: [UInt8], _ what: Comment) -> Bool {
    do throws(ConfigFailure) {
      let settings = try ProxySettings.decode(bytes: bytes, file: "f")
      #expect(!settings.pools.isEmpty && !settings.listeners.isEmpty && !settings.routes.isEmpty, what)
      #expect(settings.pools.allSatisfy { !$0.servers.isEmpty }, what)
      #expect(
        settings.routes.allSatisfy { !$0.node.verb.targets.contains { settings.name(of: $0).isEmpty } }, what)
      return false
    } catch {
      let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
      var lengths = [0]
      var previous: Unicode.Scalar = "\0"
      for scalar in text {
        if scalar == "\r" || (scalar == "\n" && previous != "\r") {
          lengths.append(0)
        } else if scalar != "\n" {
          lengths[lengths.count - 1] += 1
        }
        previous = scalar
      }
      #expect(!error.errors.isEmpty, what)
      for error in error.errors {
        #expect(error.line >= 1 && error.line <= lengths.count, "\(what): \(error)")
        #expect(error.column >= 1, "\(what): \(error)")
        if error.line >= 1, error.line <= lengths.count {
          #expect(error.column <= lengths[error.line - 1] + 1, "\(what): \(error)")
        }
      }
      return true
    }
  }

  @Test func truncatedFileIsReadOrRefusedWithAPosition() throws {
    let bytes = try Self.dense()
    var refused = 0
    for end in 0...bytes.count where isRefused(Array(bytes[..<end]), "cut at \(end)") { refused += 1 }
    #expect(refused > 50 && refused < bytes.count)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func fileWithFlippedBytesIsReadOrRefusedWithAPosition(_ seed: UInt64) throws {
    let bytes = try Self.dense()
    var random = Seeded(seed)
    var refused = 0
    for round in 0..<250 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<damaged.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged[at] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.remove(at: at)
        // Characters with a meaning in YAML do the most damage.
        case 2:
          damaged.insert("{}[]:,-&*!|>'\"%@`#?\n\r\t ~0".utf8.randomElement(using: &random) ?? 0, at: at)
        default: damaged[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
        }
      }
      if isRefused(damaged, "seed \(seed), round \(round)") { refused += 1 }
    }
    #expect(refused > 100)
  }

  @Test func randomBytesAreRefusedWithAPosition() {
    var random = Seeded(5)
    for round in 0..<300 {
      let alphabet = Array("ab: \n-[]{},'\"|>&*!%?#\\x0\t\r".utf8)
      let noise = (0..<Int.random(in: 1...80, using: &random)).map { _ in
        alphabet.randomElement(using: &random) ?? 0
      }
      _ = isRefused(noise, "round \(round)")
    }
  }
}
