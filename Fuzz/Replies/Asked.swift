import Bytes
import FuzzDriver
import Wire

/// The request that the parsed reply answers: its kind, key and size limit.
struct Asked {
  enum Kind: CaseIterable {
    case single
    case singleWithCAS
    case block
    case blockWithCAS
    case report
    case stored
    case deleted
    case number
    case touched
    case done
    case version
    case values
    case errorLine
  }

  let kind: Kind
  let key: [UInt8]
  let maxValue: Int

  var withCAS: Bool { kind == .singleWithCAS || kind == .blockWithCAS }

  /// The parser's verdict on `reply`, with the bytes of `before` in front of it.
  func read(_ before: ArraySlice<UInt8>, _ reply: ArraySlice<UInt8>) -> ReplyVerdict {
    exactly((Array("get ".utf8) + key)[...]) { asked in
      exactly((before + reply)[...]) { read($0, at: before.count, asked) }
    }
  }

  private func read(_ bytes: RawSpan, at p: Int, _ asked: RawSpan) -> ReplyVerdict {
    func line(_ expected: Expectation) -> ReplyVerdict {
      ReplyVerdict(ReplyParser.line(bytes, at: p, expected))
    }
    switch kind {
    case .single, .singleWithCAS:
      return ReplyVerdict(
        ReplyParser.single(
          bytes, at: p, asked: asked, keyStart: 4, keyLength: key.count, withCAS: withCAS,
          maxValue: maxValue))
    case .block, .blockWithCAS:
      return ReplyVerdict(
        ReplyParser.block(
          bytes, at: p, asked: asked, keyStart: 4, keyLength: key.count, withCAS: withCAS,
          maxValue: maxValue))
    case .report: return ReplyVerdict(ReplyParser.report(bytes, at: p))
    case .errorLine: return ReplyVerdict(ReplyParser.errorLine(bytes, at: p))
    case .stored: return line(.stored)
    case .deleted: return line(.deleted)
    case .number: return line(.number)
    case .touched: return line(.touched)
    case .done: return line(.done)
    case .version: return line(.version)
    case .values: return line(.values)
    }
  }
}

/// A parser's verdict, reduced to what the invariants need.
enum ReplyVerdict: Equatable {
  case partial
  case value(Int)
  case taken(Int)
  case refused

  init(_ answer: Answer) {
    switch answer {
    case .partial, .opening: self = .partial
    case .reply(let length, .hit): self = .value(length)
    case .reply(let length, _): self = .taken(length)
    case .broken: self = .refused
    }
  }

  init(_ block: Block) {
    switch block {
    case .partial, .opening: self = .partial
    case .value(let length): self = .value(length)
    case .end: self = .taken(5)
    case .otherKey, .other, .broken: self = .refused
    }
  }
}
