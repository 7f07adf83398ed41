import TestSupport
import Testing

@testable import Bytes

extension Buffer {
  /// Appends part of an array, through a span that is longer at both ends.
  mutating func append(_ slice: ArraySlice<UInt8>, _ pool: inout BufferPool) {
    let padded = [0xaa] + Array(slice) + [0xbb]
    // SAFETY: the bytes of an array of bytes are all initialised.
    append(unsafe padded.span.bytes, from: 1, count: slice.count, &pool)
  }
}

/// Compares a buffer with an array that performs the same operations.
struct BufferTests {
  /// The readable bytes, as an array.
  static func content(_ buffer: borrowing Buffer) -> [UInt8] {
    let bytes = buffer.readable
    return (0..<bytes.byteCount).map { bytes.byte(at: $0) }
  }

  @Test func emptyBufferHoldsNoMemory() {
    var pool = BufferPool()
    var buffer = Buffer()
    #expect(buffer.isEmpty == true)
    #expect(buffer.count == 0)
    #expect(buffer.footprint == 0)
    #expect(buffer.readable.byteCount == 0)
    buffer.consume(0)
    buffer.removeAll()
    buffer.truncate(to: 0)
    buffer.release(to: &pool)
    buffer.append(RawSpan(), &pool)
    buffer.append("", &pool)
    #expect(buffer.footprint == 0)
    #expect(pool.inUse == 0)
  }

  @Test(arguments: 0..<UInt64(6))
  func randomBufferOperationsMatchAnArray(seed: UInt64) {
    var random = Seeded(seed)
    var pool = BufferPool()
    var buffer = Buffer()
    var model: [UInt8] = []
    for step in 0..<1500 {
      switch random.below(22) {
      case 0..<5:
        let bytes = random.bytes(random.below(80))
        buffer.append(bytes[...], &pool)
        model += bytes
      case 5:
        let bytes = random.bytes(random.below(9000))
        let from = random.below(bytes.count + 1)
        let n = random.below(bytes.count - from + 1)
        buffer.append(bytes[from..<(from + n)], &pool)
        model += bytes[from..<(from + n)]
      case 6:
        let byte = UInt8(random.below(256))
        buffer.append(byte: byte, &pool)
        model.append(byte)
      case 7:
        buffer.append("VALUE something\r\n", &pool)
        model += Array("VALUE something\r\n".utf8)
      case 8:
        let number = random.next() >> UInt64(random.below(64))
        buffer.append(decimal: number, &pool)
        model += Array(String(number).utf8)
      case 9:
        buffer.append(text: "é\(step)", &pool)
        model += Array("é\(step)".utf8)
      case 10..<15:
        let n = random.below(min(model.count, 400) + 1)
        buffer.consume(n)
        model.removeFirst(n)
      case 15:
        let n = random.below(model.count + 1)
        buffer.truncate(to: n)
        model.removeLast(model.count - n)
      case 16: fill(&buffer, &model, &random, &pool)
      case 17:
        buffer.reserve(random.below(5000), &pool)
        let i = random.below(model.count + 1)
        let n = random.below(model.count - i + 1) / 4
        buffer.remove(from: i, count: n)
        model.removeSubrange(i..<i + n)
      case 20:
        let bytes = random.bytes(random.below(300))
        // SAFETY: a byte has no padding that could be uninitialised.
        unsafe buffer.append(bytes.span.bytes, addingEnd: true, &pool)
        model += bytes + Array("END\r\n".utf8)
      case 21:
        buffer.dropLast(min(2, model.count))
        model.removeLast(min(2, model.count))
        if model.count > 3 {
          let i = random.below(model.count - 2)
          buffer.overwrite(at: i, "get")
          model.replaceSubrange(i..<i + 3, with: Array("get".utf8))
        }
      case 18 where random.below(20) == 0:
        buffer.removeAll()
        model = []
      case 19 where random.below(20) == 0:
        buffer.release(to: &pool)
        model = []
        #expect(buffer.footprint == 0)
      default:
        copyAll(of: buffer, &pool, is: model)
      }
      #expect(buffer.count == model.count)
      #expect(buffer.isEmpty == model.isEmpty)
      #expect(buffer.footprint >= buffer.count)
      #expect(pool.inUse == buffer.footprint)
      if step % 10 == 0 { #expect(Self.content(buffer) == model, "seed \(seed), step \(step)") }
    }
    #expect(Self.content(buffer) == model)
  }

  private func fill(
    _ buffer: inout Buffer, _ model: inout [UInt8], _ random: inout Seeded, _ pool: inout BufferPool
  ) {
    let bytes = random.bytes(random.below(3000))
    let room = bytes.count + random.below(100)
    // SAFETY: the room that is filled is only touched inside the call.
    let written = unsafe buffer.fill(upTo: room, &pool) { target in
      #expect(target.count == room)
      // SAFETY: the room is at least as long as the bytes.
      unsafe target.copyBytes(from: bytes)
      return bytes.count
    }
    #expect(written == bytes.count)
    model += bytes
  }

  private func copyAll(of buffer: borrowing Buffer, _ pool: inout BufferPool, is model: [UInt8]) {
    var copy = Buffer()
    copy.append(buffer, from: 0, count: buffer.count, &pool)
    #expect(Self.content(copy) == model)
    copy.release(to: &pool)
  }

  /// Short runs are copied word by word: no byte may be missing or written past the end.
  @Test func appendCopiesRunsOfEveryLengthExactly() {
    let cliff = Cliff(room: 256)
    var random = Seeded(7)
    for n in 0...80 {
      for offset in 0..<9 {
        let bytes = random.bytes(n)
        var pool = BufferPool()
        var buffer = Buffer()
        for _ in 0..<offset { buffer.append(byte: 0xee, &pool) }
        cliff.holding(bytes) { buffer.append($0, &pool) }
        buffer.append(byte: 0xdd, &pool)
        #expect(Self.content(buffer) == [UInt8](repeating: 0xee, count: offset) + bytes + [0xdd])
      }
    }
  }

  @Test(arguments: [0, 9, 10, 99, 100, 1_234_567_890, UInt64(Int64.max), .max - 1, .max])
  func bufferWritesNumbersInDecimal(number: UInt64) {
    var pool = BufferPool()
    var buffer = Buffer()
    buffer.append(decimal: number, &pool)
    #expect(Self.content(buffer) == Array(String(number).utf8))
  }

  @Test func bufferReusesConsumedSpaceBeforeGrowing() {
    var pool = BufferPool()
    var buffer = Buffer()
    let piece = [UInt8](repeating: 1, count: 1000)
    for _ in 0..<1000 {
      buffer.append(piece[...], &pool)
      buffer.consume(piece.count)
    }
    #expect(buffer.footprint == 2048)
    // The same with a few bytes always left over.
    buffer.append(piece[0..<(0 + 10)], &pool)
    for _ in 0..<1000 {
      buffer.append(piece[0..<(0 + 900)], &pool)
      buffer.consume(900)
    }
    #expect(buffer.count == 10)
    #expect(buffer.footprint == 2048)
  }

  @Test func growingBufferKeepsItsBytesAndReturnsTheOldBlock() {
    var pool = BufferPool()
    var buffer = Buffer()
    var model: [UInt8] = []
    var random = Seeded(11)
    while model.count < 300_000 {
      let bytes = random.bytes(777)
      buffer.append(bytes[...], &pool)
      model += bytes
      #expect(pool.inUse == buffer.footprint)
    }
    #expect(Self.content(buffer) == model)
    #expect(buffer.footprint < 4 * model.count)
    buffer.release(to: &pool)
    #expect(pool.inUse == 0)
  }

  @Test func fillThatWritesNothingChangesNothing() {
    var pool = BufferPool()
    var buffer = Buffer()
    // SAFETY: nothing is written.
    #expect(unsafe buffer.fill(upTo: 0, &pool) { _ in 0 } == 0)
    buffer.append("abc", &pool)
    #expect(unsafe buffer.fill(upTo: 5000, &pool) { _ in 0 } == 0)
    #expect(Self.content(buffer) == Array("abc".utf8))
    #expect(buffer.footprint >= 5003)
  }
}
