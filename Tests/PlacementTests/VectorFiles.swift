import Foundation
import Routing
import Testing

/// Recorded answers of running clients and proxies: for each case of a file, the server of each key.
struct PlacementVectors: Decodable {
  struct Server: Decodable {
    let host: String
    let port: UInt16?
    let weight: UInt32
    let name: String?
    let kind: String
    /// What `host` resolved to for the peer.
    let address: String?
  }
  struct Case: Decodable {
    let id: String
    let servers: [Server]
    /// The name of the list in `keys.json` that was used.
    let keys: String
    /// Positions in `servers`.
    let expected: [Int]
  }
  let cases: [Case]
}

/// The hashes of some bytes by libhashkit, twemproxy, memcached's proxy and mcrouter.
struct HashVectors: Decodable {
  /// A number, or the text of one.
  struct Number: Decodable {
    let value: UInt64

    init(from decoder: any Decoder) throws {
      let box = try decoder.singleValueContainer()
      if let number = try? box.decode(UInt64.self) {
        value = number
      } else {
        value = UInt64(try box.decode(String.self)) ?? 0
      }
    }
  }

  struct Row: Decodable {
    let hex: String
    let libhashkit: [String: UInt32]
    let twemproxy: [String: UInt32]
    /// Numbers of 64 bits are texts.
    let mcproxy: [String: String]
    let mcrouter: [String: Number]

    var bytes: [UInt8] {
      let digits = Array(hex.utf8)
      return stride(from: 0, to: digits.count - 1, by: 2).compactMap { i in
        UInt8(String(decoding: digits[i..<i + 2], as: UTF8.self), radix: 16)
      }
    }
  }
  let rows: [Row]
}

func vectors<T: Decodable>(_ file: String, as type: T.Type = T.self) throws -> T {
  let url = try #require(
    Bundle.module.url(forResource: file, withExtension: "json", subdirectory: "Vectors"), "\(file).json")
  return try JSONDecoder().decode(type, from: Data(contentsOf: url))
}

extension KeyHash {
  func hash(_ key: [UInt8]) -> UInt32 {
    // SAFETY: a byte has no padding.
    let bytes = unsafe key.span.bytes
    return hash(bytes, from: 0, count: bytes.byteCount)
  }
}
