import Routing

// A pool as `ringroad adopt` finds it: its text, and a configuration of it.

extension PoolSettings {
  /// What decides where its keys are, on one line: `twemproxy-ketama, hash md5, hash_tag "{}"`.
  package var placementSummary: String {
    var parts = [placementText]
    if let hash { parts.append("hash \(hash.name)") }
    if hashTag != nil { parts.append("hash_tag \(PlacementWords.written(hashTag))") }
    return parts.joined(separator: ", ")
  }

  /// A configuration of this pool alone, with the settings that decide where its keys are. `remarks` are comments before
  /// it.
  package func configuration(remarks: [String]) -> String {
    var lines = remarks.map { "# \($0)" }
    lines.append("servers:")
    lines += servers.map { server in
      let isPlain = server.weight == 1 && server.name == nil && server.resolved == nil && !server.isMarkedDown
      return "  - \((isPlain ? .word(server.address) : server.yaml).written)"
    }
    lines.append("placement: \(placementText)")
    if let hash { lines.append("hash: \(hash.name)") }
    if hashTag != nil { lines.append("hash_tag: \(PlacementWords.written(hashTag))") }
    return lines.map { $0 + "\n" }.joined()
  }
}
