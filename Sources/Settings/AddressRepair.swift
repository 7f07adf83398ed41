// Suggestions for an address that is not valid.

extension Endpoint {
  /// The scheme at the start of a text, such as `tcp://`; nil without one.
  static func scheme(of text: String) -> String? {
    let word = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    return !word.isEmpty && text[word.endIndex...].hasPrefix("://") ? "\(word)://" : nil
  }

  /// The valid address that was probably meant; nil if there is none.
  ///
  ///     tcp://10.0.0.1:11211/   10.0.0.1 11211   ::1   [::1]11211   *:11311   11311   10.0.0.1:0
  static func repaired(_ text: String, for use: Use) -> String? {
    guard text.utf8.count <= Bounds.hintBytes else { return nil }
    let bare = bare(text)
    guard !bare.isEmpty else { return nil }
    let port = String(use.usualPort)
    let colon = bare.lastIndex(of: ":") ?? bare.endIndex
    let parts = bare.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    let isAnyHost = parts.count < 3 && ["", "*"].contains(parts[0])
    let host = isAnyHost ? use.usualHost : parts[0]
    let candidates = [
      bare.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } ? "127.0.0.1:\(bare)" : bare,
      "[\(bare)]:\(port)", "[\(bare[..<colon])]:\(bare[colon...].dropFirst())",
      "\(host):\(parts.count > 1 ? parts[1] : port)", parts.count < 3 ? "\(host):\(port)" : "",
    ]
    return candidates.first { (try? exactly($0, for: use)) != nil }
  }

  /// The text without a scheme, a path, brackets, quotes and what follows the address.
  private static func bare(_ text: String) -> String {
    let scheme = scheme(of: text) ?? ""
    let words = text.dropFirst(scheme.count).split(separator: " ", maxSplits: 1).map(String.init)
    guard var bare = words.first else { return "" }
    if words.count == 2 {
      if words[1].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) {
        bare += ":" + words[1]
      } else if !bare.contains(":") {
        return text
      }
    }
    let address = bare.prefix { !"/?".contains($0) }
    if !scheme.isEmpty || address.contains(":") || address.contains(".") { bare = String(address) }
    bare = bare.replacing("]:", with: ":").replacing("]", with: ":").filter { !"[\"',;".contains($0) }
    return bare.hasSuffix(":") && !bare.hasSuffix("::") ? String(bare.dropLast()) : bare
  }
}
