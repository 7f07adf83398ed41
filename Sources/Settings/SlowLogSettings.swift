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

extension SettingsDecoder {
  /// Decodes `off`, or a mapping with `over`.
  mutating func slowLog(_ node: YAMLNode) -> SlowLogSettings {
    var slow = SlowLogSettings()
    guard case .mapping = node.content else {
      guard node.scalar != "off" else { return slow }
      let isTime = node.scalar.map { (try? Self.timeout($0)) != nil } ?? false
      let hint = isTime ? "write {over: \(node.written)}" : nil
      refuse(
        node.position, .expected("off, or a mapping such as {over: 50ms}", found: node.found, hint: hint),
        about: LogKey.slow.rawValue)
      return slow
    }
    var hasTime = false
    for (key, _, value) in fields(of: node, LogKey.slow.rawValue, as: SlowKey.self) {
      switch key {
      case .over:
        hasTime = true
        read(value, key, into: &slow.over, Self.timeout)
      case .keys: read(value, key, into: &slow.keys) { text throws(Complaint) in try parseWord(text) }
      }
    }
    if !hasTime { refuse(node.position, "slow without \"over\"", hint: "such as {over: 50ms}") }
    return slow
  }
}
