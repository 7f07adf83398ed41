/// What the flags of a meta request ask for, as far as others than the key's server must know it.
@usableFromInline @frozen
package struct MetaFlags: OptionSet, BitwiseCopyable, Sendable {
  @usableFromInline package let rawValue: UInt8
  @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `b`: the key is written in base64.
  package static let base64 = MetaFlags(rawValue: 1)
  /// `q`: the plain outcome is not to be told.
  package static let quiet = MetaFlags(rawValue: 2)
  /// `v`: the value comes back.
  package static let value = MetaFlags(rawValue: 4)
  /// `C`: a cas number is compared; memcached 1.6.40 gives no value when it matches.
  package static let compare = MetaFlags(rawValue: 8)
  /// `O`: the client's own opaque comes back.
  package static let opaque = MetaFlags(rawValue: 16)
  /// `k` on a key that a server may print raw although it is no text: the server is not asked for it, and
  /// it is written into the reply here.
  package static let hiddenKey = MetaFlags(rawValue: 32)
  /// As many words as memcached takes: there is no room for an opaque.
  package static let full = MetaFlags(rawValue: 64)
  /// `me` of a key that a server might print raw although it is no text: the server is asked only whether it is there.
  package static let unshown = MetaFlags(rawValue: 128)
}

/// What stands behind a flag's letter, for every flag that memcached knows.
enum MetaToken: BitwiseCopyable {
  /// Nothing; what does stand there is not looked at.
  case none
  /// Seconds: `T30`.
  case time
  /// The client's flags: `F5`.
  case clientFlags
  case number
  /// One letter: `ME`.
  case mode
  /// Any text: `Oabc`.
  case text

  /// Nil for a letter that is no flag in any era. memcached takes every flag with every command, whether it means
  /// something there or not.
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

  /// The same, for the flags that memcached of an era knows.
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
