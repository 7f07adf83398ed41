import Stats

/// A server's answer: the given rows and `END`.
func answer(_ rows: String...) -> [UInt8] {
  Array((rows.map { $0 + "\r\n" }.joined() + "END\r\n").utf8)
}

/// The merged answer for the client, as lines; `servers` is the number of servers asked.
func merged(
  _ kind: StatsKind, _ answers: [[UInt8]], of servers: Int? = nil, limits: MergeLimits = MergeLimits()
) -> [String] {
  var stats = MergedStats(kind: kind, ownPID: 4711, limits: limits)
  for one in answers { stats.take(one) }
  return lines(stats.rendered(of: servers ?? answers.count))
}

/// The lines of an answer without their line ends. The answer must end in a line end.
func lines(_ bytes: [UInt8]) -> [String] {
  let text = String(decoding: bytes, as: UTF8.self)
  guard text.hasSuffix("\r\n") else { return ["(no line end) " + text] }
  return text.dropLast().split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
}

/// The name and value of each `STAT` line.
func statRows(_ bytes: [UInt8]) -> [(name: String, value: String)] {
  lines(bytes).compactMap { line in
    let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0] == "STAT" else { return nil }
    return (String(parts[1]), parts.count == 3 ? String(parts[2]) : "")
  }
}

extension MergedStats {
  /// `add` for an array of bytes.
  @discardableResult mutating func take(_ answer: [UInt8]) -> Bool {
    // SAFETY: every byte of an array is initialised.
    unsafe add(answer.span.bytes)
  }
}

extension ServersListing {
  mutating func take(label: String, bytes: [UInt8]) {
    // SAFETY: every byte of an array is initialised.
    unsafe add(label: label, answer: bytes.span.bytes)
  }
}
