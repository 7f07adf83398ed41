import Bytes
import Routing
import Topology
import Wire

/// What a leg knows of the `try` that it is a part of: so a read that continues from one server to the next needs no
/// memory besides.
///
///     a read      which tree, which leaf was asked, which leaves before have missed
///     a change    its gate, which waits for deletions elsewhere
struct RouteMark: BitwiseCopyable, Equatable {
  /// Generations are numbered 0 to this.
  static var mostGenerations: UInt8 { 7 }

  var bits: UInt32

  init(bits: UInt32) { self.bits = bits }

  init(tree: Int, leaf: Int, generation: UInt8) {
    bits =
      UInt32(generation) &<< 28 | UInt32(truncatingIfNeeded: leaf & 15) &<< 24
      | UInt32(truncatingIfNeeded: tree & 4095) &<< 12
  }

  init(_ gate: Ref<Gate>) { bits = gate.index | 1 &<< 31 }

  /// The gate that its reply must pass; nil for a read.
  var gate: Ref<Gate>? { bits &>> 31 == 1 ? Ref(bits & ~(1 &<< 31)) : nil }

  var tree: Int { Int(bits &>> 12 & 4095) }
  var leaf: Int { Int(bits &>> 24 & 15) }
  /// The reload after which it was made: after the next one its numbers mean nothing.
  var generation: UInt8 { UInt8(truncatingIfNeeded: bits &>> 28 & 7) }

  /// Whether another leaf was asked before this one. Then the exchange knows since when.
  var hasMoved: Bool { bits &>> 11 & 1 == 1 }

  /// What the leaves have said. Those before its own that have not missed were in trouble, or known to be out.
  func states(_ own: LegState) -> LegStates {
    var states = LegStates()
    for i in 0..<leaf { states[i] = hasMissed(i) ? .no : .skipped }
    states[leaf] = own
    return states
  }

  /// The same read, asked of another leaf.
  func moved(to leaf: Int, _ states: LegStates, generation: UInt8) -> RouteMark {
    var mark = RouteMark(tree: tree, leaf: leaf, generation: generation)
    for i in 0..<leaf where states[i] == .no { mark.bits |= 1 &<< UInt32(min(i, 10)) }
    mark.bits |= 1 &<< 11
    return mark
  }

  private func hasMissed(_ leaf: Int) -> Bool { bits &>> UInt32(min(leaf, 10)) & 1 == 1 }
}

extension Command {
  /// What a request for keys asks for.
  init(_ request: Request, _ bytes: RawSpan) {
    switch request.verb {
    case .gets: self = .gets
    case .gat: self = .gat
    case .gats: self = .gats
    case .set: self = .set
    case .add: self = .add
    case .replace: self = .replace
    case .append: self = .append
    case .prepend: self = .prepend
    case .cas: self = .cas
    case .delete: self = .delete
    case .incr: self = .incr
    case .decr: self = .decr
    case .touch: self = .touch
    case .metaGet, .metaSet, .metaDelete, .metaArithmetic: self = Self.meta(request, bytes)
    case .get, .metaDebug, .metaNoop, .flushAll, .stats, .version, .verbosity, .quit, .keyDump: self = .get
    }
  }

  private static func meta(_ request: Request, _ bytes: RawSpan) -> Command {
    if request.verb == .metaDelete { return .delete }
    var flags = request.flags(bytes)
    var (command, mode) = (Command.get, UInt8(0))
    while let word = flags.next(bytes) {
      switch bytes.byte(at: word.from) {
      case 84, 78, 69: if request.verb == .metaGet { command = .gat }  // T N E
      case 99: if command == .get { command = .gets }  // c
      case 77 where word.length > 1: mode = bytes.byte(at: word.from &+ 1) | 32  // M
      default: break
      }
    }
    switch request.verb {
    case .metaGet: return command
    case .metaArithmetic: return mode == 100 || mode == 45 ? .decr : .incr  // d -
    default: break
    }
    if request.meta.contains(.compare) { return .cas }
    switch mode {
    case 101: return .add
    case 97: return .append
    case 112: return .prepend
    case 114: return .replace
    default: return .set
    }
  }
}

extension Request {
  /// Iterates over the flags of a meta request.
  func flags(_ bytes: RawSpan) -> KeyWalk {
    var walk = KeyWalk(from: keyStart &+ keyLength, to: lineEnd(bytes))
    if verb == .metaSet { _ = walk.next(bytes) }
    return walk
  }

  /// Where its line ends, without the line's end.
  func lineEnd(_ bytes: RawSpan) -> Int {
    let keyEnd = keyStart &+ keyLength
    let end = bytes.firstNewline(from: min(keyEnd, bytes.byteCount)) ?? bytes.byteCount
    return end > keyEnd && bytes.byte(at: end &- 1) == 13 ? end &- 1 : end
  }
}

extension RequestKind {
  /// What a request is to do. A meta read with `N` or `R` may hand out the right to store, and a meta delete with a
  /// condition is a decision of the server in charge.
  init(_ command: Command, _ request: Request, _ bytes: RawSpan) {
    self.init(command)
    guard request.verb == .metaGet || request.verb == .metaDelete else { return }
    var flags = request.flags(bytes)
    while let word = flags.next(bytes) {
      switch (request.verb, bytes.byte(at: word.from)) {
      case (.metaGet, 78), (.metaGet, 82): self = .lease
      case (.metaDelete, 67), (.metaDelete, 73), (.metaDelete, 120): self = .change
      default: break
      }
    }
  }
}
