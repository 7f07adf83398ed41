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
  /// `C`: a cas number is compared; memcached 1.6.30 gives no value when it matches.
  package static let compare = MetaFlags(rawValue: 8)
  /// `O`: the client's own opaque comes back.
  package static let opaque = MetaFlags(rawValue: 16)
  /// `k` on a key that a server may print raw although it is no text: the server is not asked for it, and
  /// it is written into the reply here.
  package static let hiddenKey = MetaFlags(rawValue: 32)
  /// As many words as memcached takes: there is no room for an opaque.
  package static let full = MetaFlags(rawValue: 64)
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

  /// Nil for a letter that is no flag. memcached takes every flag with every command, whether it means
  /// something there or not. `E` and `x` came with 1.6.30; older servers refuse them themselves.
  init?(_ letter: UInt8) {
    switch letter {
    case 98, 99, 102, 104, 107, 108, 113, 115, 116, 117, 118, 73, 120: self = .none  // bcfhklqstuvI x
    case 78, 82, 84: self = .time  // NRT
    case 70: self = .clientFlags
    case 67, 68, 69, 74: self = .number  // CDEJ
    case 77: self = .mode
    case 76, 79, 80: self = .text  // LOP
    default: return nil
    }
  }
}
