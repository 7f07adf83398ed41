/// Which requests the log has as slow.
///
///     slow: off
///     slow: {over: 50ms, keys: hash}
package struct SlowLogSettings: Equatable, Sendable {
  /// How a line names the key of its request.
  package enum Keys: String, CaseIterable, Sendable {
    /// By its hash, FNV-1a of 64 bits, in 16 hexadecimal digits.
    case hash
    case plain
    case none
  }

  /// Requests that take at least this long are slow; nil: none is.
  package var over: Duration? = nil
  package var keys = Keys.hash

  package init() {}

  /// In the form of the file.
  var yaml: YAMLNode {
    guard let over else { return .word("off") }
    return .pairs([
      (key: SlowKey.over.rawValue, value: .word(Quantity.written(over))),
      (key: SlowKey.keys.rawValue, value: .word(keys.rawValue)),
    ])
  }
}
