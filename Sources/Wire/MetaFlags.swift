/// The flags of a meta request, as far as the proxy acts on them.
@usableFromInline @frozen
package struct MetaFlags: OptionSet, BitwiseCopyable, Sendable {
  @usableFromInline package let rawValue: UInt8
  @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `b`: the key is written in base64.
  package static let base64 = MetaFlags(rawValue: 1)
  /// `q`: suppress the reply for the usual outcome.
  package static let quiet = MetaFlags(rawValue: 2)
  /// `v`: return the value.
  package static let value = MetaFlags(rawValue: 4)
  /// `C`: compare a cas number; memcached 1.6.40 returns no value when it matches.
  package static let compare = MetaFlags(rawValue: 8)
  /// `O`: return the client's opaque.
  package static let opaque = MetaFlags(rawValue: 16)
  /// `k` for a key that is not text and that a server may print raw: the proxy does not send the `k`, and inserts the
  /// key into the reply itself.
  package static let hiddenKey = MetaFlags(rawValue: 32)
  /// The request has the maximum number of words that memcached accepts: there is no room for an opaque.
  package static let full = MetaFlags(rawValue: 64)
  /// `me` for a key that is not text and that a server may print raw: the proxy asks only whether the item exists.
  package static let unshown = MetaFlags(rawValue: 128)
}

/// The kind of token that follows a flag's letter, for every flag that memcached knows.
enum MetaToken: BitwiseCopyable {
  /// No token; memcached ignores bytes after the letter.
  case none
  /// A time in seconds: `T30`.
  case time
  /// The client's flags: `F5`.
  case clientFlags
  case number
  /// One letter: `ME`.
  case mode
  /// Any text: `Oabc`.
  case text

  /// Nil for a letter that is not a flag in any era. memcached accepts every flag with every command, even where it
  /// has no meaning.
  init?(_ letter: UInt8) {
    switch letter {
    case 98, 99, 102, 104, 107, 108, 113, 115, 116, 117, 118, 73, 120: self = .none  // bcfhklqstuvI x
    case 78, 82, 83, 84: self = .time  // NRST
    case 70: self = .clientFlags
    case 67, 68, 69, 74: self = .number  // CDEJ
    case 77: self = .mode
    case 76, 79, 80: self = .text  // LOP
    default: return nil
    }
  }

  /// The same, limited to the flags that memcached of an era knows.
  init?(_ letter: UInt8, _ era: Era) {
    let isKnown =
      switch letter {
      case 98, 76, 80: era >= .v1_6_10  // b, L, P
      case 69, 120: era >= .v1_6_27  // E, x
      case 83: era < .v1_6_10  // S
      default: true
      }
    guard isKnown else { return nil }
    self.init(letter)
  }
}
