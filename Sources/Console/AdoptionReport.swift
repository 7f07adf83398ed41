import Settings

/// What `ringroad adopt` says of a result: text for people, one JSON object, or a configuration. Has no key in it.
struct AdoptionReport {
  let result: AdoptionResult
  /// For each server, what there is to say about reading its keys.
  let remarks: [String?]

  private static let width = 100
  /// The most placements of the JSON object.
  private static let mostListed = 50

  private var sample: AdoptionSample { result.sample }

  /// Of servers that were not read nothing is known.
  var verdict: AdoptionResult.Verdict {
    result.verdict == .exact && remarks.contains { $0?.hasPrefix("not read") ?? false }
      ? .partial : result.verdict
  }
  private var isSingle: Bool { sample.servers.count == 1 }

  // MARK: Text

  /// The findings as lines.
  var lines: [String] {
    var lines = ["sample: \(counted(sample.keys.count, "key")) of \(counted(sample.servers.count, "server"))"]
    let width = sample.servers.map(\.address.count).max() ?? 0
    let counts = self.counts
    for (i, server) in sample.servers.enumerated() {
      let name = server.address + String(repeating: " ", count: width - server.address.count)
      lines.append("  \(name)  \(counted(counts[i], "key"))" + (remarks[i].map { ", \($0)" } ?? ""))
    }
    guard let best = result.best else { return lines + ["no keys could be read: nothing can be found out"] }
    lines += findings(of: best)
    if verdict != .exact { lines += advice }
    return lines
  }

  private func findings(of best: AdoptionFit) -> [String] {
    if isSingle { return ["with one server all placements are the same"] }
    var lines: [String] = []
    if result.isSmall {
      lines.append("with fewer than 50 keys other placements may fit by chance: read more of them")
    }
    if sample.serversWithKeys < 2 {
      return lines + [
        "all keys are of one server: every placement that favours it fits, so nothing can be found out"
      ]
    }
    if verdict == .nothing {
      lines.append(
        "nothing explains the sample: of \(result.tried) placements the best is about as right as chance")
      lines.append("  \(Self.count(best))  \(summary(best)); chance is \(share(chance))")
      return lines
    }
    lines.append(
      verdict == .exact
        ? "explains all keys:"
        : best.explained == best.keys
          ? "explains all keys that were read:"
          : best.share > 0.5
            ? "explains most keys of \(result.tried) placements, but not all:"
            : "comes nearest of \(result.tried) placements, and explains less than half of the keys:")
    lines.append("  \(Self.count(best))  \(summary(best))")
    lines += equals(of: best)
    if let mixture = result.mixture {
      lines.append("a mixture: \(words(mixture, of: best))")
      lines += equals(of: mixture.second)
    }
    if let next = result.runnerUp {
      lines.append("next of \(result.tried) placements, where chance is \(share(chance)):")
      lines.append("  \(Self.count(next))  \(next.candidate.pool.placementSummary)")
    }
    return lines
  }

  /// What may be the reason that keys are not explained.
  private var advice: [String] {
    var lines: [String] = []
    let counts = self.counts
    if result.mixture == nil {
      lines.append(
        verdict == .partial
          ? "no placement explains the others: they may be stale, as after a change of the servers"
          : "are these all servers of the cluster, and each as its clients have it?")
    }
    if result.mixture == nil, !sample.servers.contains(where: { $0.name != nil || $0.weight > 1 }) {
      lines.append(
        "do the clients give servers names or weights, or put a prefix before keys that they do not hash? Write that in a "
          + "file, and: ringroad adopt -f FILE")
    }
    for (i, server) in sample.servers.enumerated() where counts[i] == 0 {
      lines.append("\(server.address): if the clients do not have it, leave it out and try again")
    }
    return lines
  }

  /// `60% dalli, 40% ketama`, and what neither explains.
  private func words(_ mixture: AdoptionMixture, of best: AdoptionFit) -> String {
    let (first, second) = (percent(mixture.firstShare), percent(mixture.secondShare))
    let rest = 1 - mixture.firstShare - mixture.secondShare
    return "\(first) \(summary(best)), \(second) \(summary(mixture.second))"
      + (rest >= 0.01 ? ", \(percent(rest)) neither" : "")
  }

  private func equals(of fit: AdoptionFit) -> [String] {
    let others = names(of: fit)
    return others.isEmpty
      ? [] : Self.wrapped("the same here: " + others.joined(separator: "; "), indent: "    ")
  }

  /// Other placements with the same servers for all keys of the sample.
  private func names(of fit: AdoptionFit) -> [String] {
    var names: [String] = []
    for one in fit.equals {
      var name = one.pool.placementSummary
      if one.order != fit.candidate.order { name += " (\(Self.order(of: one)))" }
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  private func summary(_ fit: AdoptionFit) -> String {
    let text = fit.candidate.pool.placementSummary
    let isReordered = fit.candidate.isReordered || fit.candidate.pool.servers.map(\.address) != addresses
    return isReordered ? "\(text) (\(Self.order(of: fit.candidate)))" : text
  }

  private static func order(of candidate: AdoptionCandidate) -> String {
    "servers " + candidate.pool.servers.map(\.address).joined(separator: ", ")
  }

  private var addresses: [String] { sample.servers.map(\.address) }
  private var chance: Double { 1 / Double(max(1, sample.servers.count)) }

  private var counts: [Int] {
    var counts = sample.servers.map { _ in 0 }
    for owner in sample.owners { counts[owner] += 1 }
    return counts
  }

  private static func count(_ fit: AdoptionFit) -> String {
    "\(fit.explained)/\(fit.keys) \(share(fit.share))"
  }

  /// A text on lines of bounded length, broken at blanks.
  static func wrapped(_ text: String, indent: String) -> [String] {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
      if line.count + word.count + 1 > width, line != indent {
        lines.append(line)
        line = indent
      }
      line += (line == indent ? "" : " ") + word
    }
    return lines + [line]
  }

  // MARK: Configuration

  /// The configuration of the best placement; nil if nothing explains the sample.
  var configuration: String? {
    guard let best = result.best, verdict != .nothing else { return nil }
    var remarks =
      isSingle
      ? ["Written by ringroad adopt. With one server all placements are the same."]
      : [
        "Written by ringroad adopt: \(summary(best)) explains \(best.explained) of \(best.keys) keys."
      ]
    if best.share < 0.9, result.mixture == nil, !isSingle {
      remarks.append("Do not use it before you know why the other keys are elsewhere.")
    }
    if result.isSmall, !isSingle {
      remarks.append("With fewer than 50 keys other placements may fit by chance.")
    }
    if let mixture = result.mixture {
      remarks.append("The servers have a mixture: \(words(mixture, of: best)).")
    }
    let others = isSingle ? [] : names(of: best)
    if !others.isEmpty { remarks.append("The same here: \(others.joined(separator: "; ")).") }
    return best.candidate.pool.configuration(remarks: remarks.flatMap { Self.wrapped($0, indent: "") })
  }

  // MARK: JSON

  /// One object with its line end.
  var json: String {
    let counts = self.counts
    let servers = sample.servers.enumerated().map { i, server in
      #"{"server":\#(jsonString(server.address)),"keys":\#(counts[i]),"remark":\#(Self.text(remarks[i]))}"#
    }
    let listed = result.fits.prefix(Self.mostListed).map(object)
    let mixture = result.mixture.map { mixture in
      #"{"first_share":\#(fixed(mixture.firstShare, 3)),"second_share":\#(fixed(mixture.secondShare, 3)),"#
        + #""second":\#(object(mixture.second))}"#
    }
    return #"{"verdict":\#(jsonString(verdict.rawValue)),"keys":\#(sample.keys.count),"#
      + #""servers":[\#(servers.joined(separator: ","))],"tried":\#(result.tried),"chance":\#(fixed(chance, 3)),"#
      + #""small":\#(result.isSmall),"candidates":[\#(listed.joined(separator: ","))],"#
      + #""mixture":\#(mixture ?? "null"),"configuration":\#(Self.text(configuration))}"# + "\n"
  }

  private func object(_ fit: AdoptionFit) -> String {
    let pool = fit.candidate.pool
    let servers = pool.servers.map { jsonString($0.address) }.joined(separator: ",")
    let equals = names(of: fit).map(jsonString).joined(separator: ",")
    return
      #"{"placement":\#(jsonString(pool.placement.name)),"summary":\#(jsonString(pool.placementSummary)),"#
      + #""hash":\#(jsonString((pool.hash ?? pool.placement.defaultHash).name)),"servers":[\#(servers)],"#
      + #""explained":\#(fit.explained),"keys":\#(fit.keys),"share":\#(fixed(fit.share, 3)),"#
      + #""equals":[\#(equals)]}"#
  }

  private static func text(_ text: String?) -> String { text.map(jsonString) ?? "null" }

  /// A share in whole percent.
  private func percent(_ share: Double) -> String { fixed(share * 100, 0) + "%" }
}
