import Bytes

/// A range of memcached versions whose parsers take the same requests and refuse the others in the same words. Ordered by
/// age.
// swift-format-ignore: AlwaysUseLowerCamelCase
@usableFromInline @frozen
package enum Era: UInt8, BitwiseCopyable, Sendable, CaseIterable, Comparable {
  /// Before 1.5: no meta commands.
  case v1_4
  /// 1.5: an experimental `mg`, which no later version understands.
  case v1_5
  /// 1.6.0 to 1.6.9: `ms` takes its length from a flag, done is `OK`.
  case v1_6_0
  /// 1.6.10 to 1.6.17: a miss gives nothing back.
  case v1_6_10
  /// 1.6.18 and 1.6.19.
  case v1_6_18
  /// 1.6.20 to 1.6.26.
  case v1_6_20
  /// 1.6.27 to 1.6.39: the flags `E` and `x`.
  case v1_6_27
  /// 1.6.40 and later: the parser was rewritten.
  case v1_6_40

  @inlinable package static func < (a: Era, b: Era) -> Bool { a.rawValue < b.rawValue }

  /// Whether numbers are digits and nothing else, and a line begins with its command: since the parser was rewritten.
  @inlinable package var isStrict: Bool { self >= .v1_6_40 }

  /// The era that `VERSION 1.6.14` names; a program that calls itself something else counts as 1.6.18.
  package init(version line: RawSpan) {
    let starts: [(Era, (Int, Int, Int))] = [
      (.v1_6_40, (1, 6, 40)), (.v1_6_27, (1, 6, 27)), (.v1_6_20, (1, 6, 20)), (.v1_6_18, (1, 6, 18)),
      (.v1_6_10, (1, 6, 10)), (.v1_6_0, (1, 6, 0)), (.v1_5, (1, 5, 0)), (.v1_4, (0, 0, 0)),
    ]
    for (era, (major, minor, patch)) in starts
    where ReplyParser.isVersion(line, atLeast: major, minor, patch) {
      self = era
      return
    }
    self = .v1_6_18
  }
}

/// What the proxy takes from clients and in which words it refuses the rest: as the oldest of its servers does.
@usableFromInline @frozen
package struct Dialect: BitwiseCopyable, Equatable, Sendable {
  /// Of the classic commands: by the lowest version.
  @usableFromInline package var classic: Era
  /// Of the meta commands: never newer than what every server has shown that it speaks.
  @usableFromInline package var meta: Era

  @inlinable package init(classic: Era = .v1_6_18, meta: Era = .v1_6_18) {
    self.classic = classic
    self.meta = meta
  }
}
