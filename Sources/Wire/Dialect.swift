/// A range of memcached versions whose parsers accept the same requests and refuse the others with the same errors.
/// Ordered by age.
// swift-format-ignore: AlwaysUseLowerCamelCase
@usableFromInline @frozen
package enum Era: UInt8, BitwiseCopyable, Sendable, CaseIterable, Comparable {
  /// Before 1.5: no meta commands.
  case v1_4
  /// 1.5: an experimental `mg`, which no later version understands.
  case v1_5
  /// 1.6.0 to 1.6.9: `ms` takes its length from a flag, and success is `OK`.
  case v1_6_0
  /// 1.6.10 to 1.6.17: a miss returns no opaque and no key.
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

  /// Whether numbers must be digits only and a line must begin with its command: since 1.6.40 rewrote the parser.
  @inlinable package var isStrict: Bool { self >= .v1_6_40 }

  /// The era of a reply such as `VERSION 1.6.14`; a server that reports another kind of text counts as 1.6.18.
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

/// Which requests the proxy accepts from clients, and with which errors it refuses the others: as its oldest server
/// does.
@usableFromInline @frozen
package struct Dialect: BitwiseCopyable, Equatable, Sendable {
  /// The era for the classic commands: that of the lowest version.
  @usableFromInline package var classic: Era
  /// The era for the meta commands: never newer than what every server has proved to speak.
  @usableFromInline package var meta: Era

  @inlinable package init(classic: Era = .v1_6_18, meta: Era = .v1_6_18) {
    self.classic = classic
    self.meta = meta
  }
}
