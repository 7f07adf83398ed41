import Bytes
import Foundation
import TestSupport
import Testing

@testable import Wire

struct Base64Tests {
  private static func decoded(_ text: String) -> [UInt8]? {
    let bytes = Array(text.utf8)
    return Cliff(room: bytes.count).holding(bytes) { span in
      DecodedKey(span, from: 0, count: bytes.count).map { key in (0..<key.count).map { key.bytes[$0] } }
    }
  }

  private static func encoded(_ bytes: [UInt8]) -> String {
    Cliff(room: bytes.count).holding(bytes) { span in
      let letters = (0..<Base64.length(encoding: bytes.count)).map {
        Base64.letter($0, of: span, from: 0, count: bytes.count)
      }
      return String(decoding: letters, as: UTF8.self)
    }
  }

  @Test func base64RoundTripsEveryKey() {
    var random = Seeded(64)
    for count in 1...186 {
      let key = (0..<count).map { _ in UInt8(random.below(256)) }
      let text = Data(key).base64EncodedString()
      #expect(Self.encoded(key) == text)
      #expect(Self.decoded(text) == key)
    }
  }

  /// As memcached 1.6.18 decodes: its quirks affect on which server a key is.
  @Test(arguments: [
    ("Zm9v", "foo"), ("Zm8=", "fo"), ("Zg==", "f"), ("Z m9v", "foo"), ("-Z.m_9\u{1}v", "foo"),
    ("Zm8=Zm9v", "fo"), ("Zm8=====", "fo"), ("Zm9vZm8=Zm9vZm9v", "foofo"), ("Z=9v", "d\u{f}"),
  ])
  func base64DecodingSkipsBytesThatAreNotLetters(text: String, key: String) {
    #expect(Self.decoded(text) == Array(key.utf8))
  }

  @Test(arguments: ["", "Z", "Zm", "Zm9", "Zm9vZ", "====", "Z===", "Zm9v====", "!!!!", "Zm8=Zm9"])
  func base64KeysThatMemcachedRejectsAreRejected(text: String) {
    #expect(Self.decoded(text) == nil)
  }

  @Test(arguments: ["a b", "a\r", "\nb", "\0"])
  func decodedKeyWithBlankOrLineEndIsNotText(key: String) {
    let text = Array(Self.encoded(Array(key.utf8)).utf8)
    Cliff(room: text.count).holding(text) { span in
      #expect(DecodedKey(span, from: 0, count: text.count)?.isText == false)
    }
  }

  @Test func onlyTheExactBase64EncodingOfAKeyMatchesIt() {
    let raw = Array("xfoobx".utf8)
    for text in ["Zm9vYg==", "Zm9vYg=", "Zm9vYgAA", "Zm9vYh==", "foob", "Zm9v", ""] {
      let letters = Array(text.utf8)
      let isIt = Cliff(room: raw.count).holding(raw) { bytes in
        Cliff(room: letters.count).holding(letters) { span in
          Base64.isEncoding(
            span, Word(start: 0, length: letters.count), of: bytes, Word(start: 1, length: 4))
        }
      }
      #expect(isIt == (text == "Zm9vYg=="), "\(text)")
    }
  }
}
