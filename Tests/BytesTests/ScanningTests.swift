import TestSupport
import Testing

@testable import Bytes

/// Compares the word-by-word functions with plain loops, on bytes that end at an inaccessible page.
struct ScanningTests {
  /// Random bytes with runs of text, so that some scans are long and some short.
  static func material(_ random: inout Seeded) -> [UInt8] {
    let n = random.below(70)
    guard random.below(3) > 0 else { return random.bytes(n) }
    var bytes = (0..<n).map { _ in UInt8(33 + random.below(95)) }
    if n > 0, random.below(2) == 0 {
      bytes[random.below(n)] =
        [0, 9, 10, 13, 31, 32, 33, 127, 128, 160, 255].randomElement(using: &random) ?? 0
    }
    return bytes
  }

  @Test func firstBreakMatchesAByteLoop() {
    let cliff = Cliff(room: 128)
    var random = Seeded(1)
    for _ in 0..<4000 {
      let bytes = Self.material(&random)
      let from = random.below(bytes.count + 1)
      let expected = bytes.indices.first { $0 >= from && bytes[$0] <= 32 } ?? bytes.count
      cliff.holding(bytes) { #expect($0.firstBreak(from: from) == expected, "\(bytes) from \(from)") }
    }
  }

  /// Every byte value at every offset in a word, and with every neighbour from which the arithmetic could borrow.
  @Test func firstBreakIsRightForEveryByteAtEveryOffset() {
    let cliff = Cliff(room: 128)
    for value in UInt8.min...UInt8.max {
      for place in 0..<17 {
        for neighbour: UInt8 in [33, 128, 255] {
          var bytes = [UInt8](repeating: neighbour, count: 17)
          bytes[place] = value
          let found = cliff.holding(bytes) { $0.firstBreak(from: 0) }
          #expect(found == (value <= 32 ? place : 17), "\(value) at \(place)")
        }
      }
    }
  }

  @Test func firstOccurrenceOfAByteMatchesAByteLoop() {
    let cliff = Cliff(room: 128)
    var random = Seeded(2)
    for _ in 0..<4000 {
      let bytes = Self.material(&random)
      let from = random.below(bytes.count + 2)
      let end = random.below(bytes.count + 1)
      let wanted = random.below(2) == 0 ? 10 : bytes.randomElement(using: &random) ?? 10
      let newline = bytes.indices.first { $0 >= from && bytes[$0] == 10 }
      let hit = bytes.indices.first { $0 >= from && $0 < end && bytes[$0] == wanted }
      cliff.holding(bytes) {
        #expect($0.firstNewline(from: from) == newline)
        #expect($0.first(wanted, from: from, to: end) == hit)
      }
    }
  }

  @Test func rangesMatchExactlyWhenTheirBytesAreEqual() {
    let cliff = Cliff(room: 128)
    let other = Cliff(room: 128)
    var random = Seeded(3)
    for _ in 0..<4000 {
      let a = Self.material(&random)
      var b = a
      if !b.isEmpty, random.below(2) == 0 { b[random.below(b.count)] ^= 1 << UInt8(random.below(8)) }
      let i = random.below(a.count + 2) - 1
      let j = random.below(2) == 0 ? i : random.below(b.count + 2) - 1
      let count = random.below(a.count + 3) - 1
      let fits = i >= 0 && j >= 0 && count >= 0 && i + count <= a.count && j + count <= b.count
      let expected = fits && a[i..<(i + count)] == b[j..<(j + count)]
      cliff.holding(a) { first in
        other.holding(b) { second in
          #expect(first.matches(at: i, second, at: j, count: count) == expected)
        }
      }
    }
    // A difference at each offset of ranges of each length.
    for n in 1...40 {
      let a = random.bytes(n)
      for place in 0..<n {
        var b = a
        b[place] ^= 0x80
        cliff.holding(a) { first in
          other.holding(b) { second in
            #expect(first.matches(at: 0, second, at: 0, count: n) == false)
            #expect(first.matches(at: 0, second, at: 0, count: place) == true)
          }
        }
      }
    }
  }

  @Test func outOfBoundsRangesMatchNothing() {
    let a = Array("123".utf8)
    Cliff(room: 8).holding(a, expectNothingOutside)
    #expect(RawSpan().hasText("", at: 0) == true)
    #expect(RawSpan().hasText("x", at: 0) == false)
    #expect(RawSpan().firstNewline(from: 0) == nil)
    #expect(RawSpan().firstBreak(from: 0) == 0)
  }

  private func expectNothingOutside(_ span: RawSpan) {
    #expect(span.matches(at: 0, span, at: 0, count: 4) == false)
    #expect(span.matches(at: 4, span, at: 0, count: 0) == false)
    #expect(span.matches(at: -1, span, at: 0, count: 1) == false)
    #expect(span.matches(at: 0, span, at: .max, count: .max) == false)
    #expect(span.matches(at: 0, span, at: 0, count: .max) == false)
    #expect(span.matches(at: 3, span, at: 3, count: 0) == true)
    #expect(span.hasText("x", at: 3) == false)
    #expect(span.hasText("x", at: -1) == false)
    #expect(span.hasText("x", at: .max) == false)
    #expect(span.isText("x", from: 2, to: 4) == false)
    #expect(span.decimal(from: 0, to: 4) == nil)
    #expect(span.decimal(from: -1, to: 2) == nil)
    #expect(span.decimal(from: 2, to: 2) == nil)
    #expect(span.decimal(from: 2, to: 1) == nil)
  }

  @Test(arguments: [
    ("END\r\n", 0, true, true), ("END\r", 0, false, false), ("xEND\r\n", 1, true, true),
    ("", 0, false, false),
    ("END\r\nx", 0, true, false), ("end\r\n", 0, false, false),
  ])
  func textIsRecognisedOnlyAtItsOffset(text: String, at: Int, has: Bool, isAll: Bool) {
    let bytes = Array(text.utf8)
    Cliff(room: 16).holding(bytes) {
      #expect($0.hasText("END\r\n", at: at) == has)
      #expect($0.isText("END\r\n", from: at, to: bytes.count) == isAll)
    }
  }

  @Test(
    arguments: [
      ("0", 0), ("7", 7), ("0012", 12), ("9999999999999999999", 9_999_999_999_999_999_999),
      ("18446744073709551614", .max - 1), ("18446744073709551615", .max), ("18446744073709551616", nil),
      ("18446744073709551620", nil), ("20000000000000000000", nil), ("99999999999999999999", nil),
      ("00000000000000000001", 1), ("000000000000000000001", nil), ("100000000000000000000", nil),
      ("", nil), ("-1", nil), ("+1", nil), (" 1", nil), ("1 ", nil), ("12x", nil), ("x", nil),
      ("1844674407370955161x", nil), ("/", nil), (":", nil), ("1\0", nil),
    ] as [(String, UInt64?)])
  func decimalParsingAcceptsOnlyDigitsThatFit64Bits(text: String, number: UInt64?) {
    let bytes = Array(text.utf8)
    Cliff(room: 64).holding(bytes) { #expect($0.decimal(from: 0, to: bytes.count) == number) }
  }

  @Test func decimalParsingAgreesWithTheStandardLibrary() {
    let cliff = Cliff(room: 64)
    var random = Seeded(4)
    for _ in 0..<4000 {
      var text = String(random.next() >> UInt64(random.below(64)))
      if random.below(3) == 0 { text += String(random.below(10)) }
      if random.below(10) == 0 { text += ["x", " ", "-", "é"][random.below(4)] }
      let bytes = Array(("ab" + text).utf8)
      cliff.holding(bytes) { #expect($0.decimal(from: 2, to: bytes.count) == UInt64(text), "\(text)") }
    }
  }

  @Test func wordsAreReadAsLittleEndian() {
    let bytes: [UInt8] = [9, 1, 2, 3, 4, 5, 6, 7, 8]
    Cliff(room: 16).holding(bytes) {
      #expect($0.word(at: 1) == 0x0807_0605_0403_0201)
      #expect($0.halfWord(at: 5) == 0x0807_0605)
      #expect($0.byte(at: 8) == 8)
    }
  }
}
