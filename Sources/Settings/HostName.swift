/// Syntax checks of host names and IP addresses. Nothing is resolved here.
package enum HostName {
  /// The error in a host name or IPv4 address; nil if there is none.
  package static func fault(in host: String) -> String? {
    let bytes = Array(host.utf8)
    if bytes.isEmpty { return "no host" }
    if bytes.count > 253 { return "a host name has at most 253 bytes, this one \(bytes.count)" }
    if let bad = host.unicodeScalars.first(where: { !isAllowed($0) }) {
      return "\(quoted(String(bad))) in the host \(quoted(host)); expected letters, digits, '.', '-' and '_'"
    }
    if bytes.contains(where: isDigit), bytes.allSatisfy({ isDigit($0) || $0 == 46 }) {
      return isIPv4(host) ? nil : "\(quoted(host)) is not an IPv4 address"
    }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    // One dot at the end marks a complete name.
    let named = labels.last == "" ? labels.dropLast() : labels[...]
    if named.isEmpty || named.contains(where: { $0.isEmpty || $0.utf8.count > 63 || $0.hasPrefix("-") }) {
      return "\(quoted(host)) is not a host name"
    }
    return nil
  }

  /// Four numbers up to 255, without leading zeros (which some parsers read as octal).
  package static func isIPv4(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        guard part.utf8.allSatisfy(isDigit), part.utf8.count <= 3, let value = UInt16(part) else {
          return false
        }
        return value <= 255 && (part.utf8.count == 1 || !part.hasPrefix("0"))
      }
  }

  /// Up to eight groups with at most one `::`, an IPv4 tail, and a zone after `%`.
  package static func isIPv6(_ text: String) -> Bool {
    let zoned = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    if zoned.count == 2 {
      let zone = zoned[1].unicodeScalars
      guard !zone.isEmpty, zone.count <= 15, zone.allSatisfy(isAllowed) else { return false }
    }
    guard let address = zoned.first, address.utf8.count <= 45 else { return false }
    var groups = address.split(separator: ":", omittingEmptySubsequences: false)
    guard groups.count >= 3, groups.count <= 9 else { return false }
    // A leading or trailing "::" leaves two empty groups where the inner one leaves one.
    if groups[0].isEmpty {
      guard groups[1].isEmpty else { return false }
      groups.removeFirst()
    }
    if groups[groups.count - 1].isEmpty, groups.count > 1 {
      guard groups[groups.count - 2].isEmpty else { return false }
      groups.removeLast()
    }
    let gaps = groups.count { $0.isEmpty }
    var count = groups.count - gaps
    if let last = groups.last, last.contains(".") {
      guard isIPv4(String(last)) else { return false }
      groups.removeLast()
      count += 1
    }
    guard groups.allSatisfy({ $0.utf8.count <= 4 && $0.utf8.allSatisfy(isHexDigit) }) else { return false }
    return gaps == 0 ? count == 8 : gaps == 1 && count <= 7
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_": true
    default: false
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 32 >= 97 && byte | 32 <= 102)
  }
}
