extension ChangePlan {
  /// Moves shown of each pool; the rest is one line.
  private static var mostMoves: Int { 20 }
  /// The same of the JSON form.
  private static var mostListed: Int { 1000 }

  /// What a person reads, with line ends.
  package var text: String {
    var lines: [String] = []
    for pool in pools {
      let about = pool.isExact ? "" : "about "
      let count =
        pool.serversBefore == pool.serversAfter
        ? counted(pool.serversAfter, "server")
        : "\(counted(pool.serversBefore, "server")) before, \(pool.serversAfter) after"
      lines.append(
        "pool \(quoted(pool.name)): \(about)\(Self.percent(pool.moved)) of the keys move (\(pool.placement), \(count))"
      )
      lines += Self.table(pool.moves)
      lines += pool.warnings.map { "  warning: \($0)" }
    }
    for name in addedPools { lines.append("pool \(quoted(name)) is new") }
    for name in removedPools {
      lines.append("pool \(quoted(name)) is removed: its servers keep their items until they expire")
    }
    lines += warnings.map { "warning: \($0)" }
    if let keys {
      lines.append(
        "keys: \(keys.moved) of \(keys.read) move (\(Self.percent(keys.share)))"
          + (keys.bytes > 0 ? ", \(Self.size(keys.movedBytes)) of \(Self.size(keys.bytes))" : ""))
      if keys.moved > 0 {
        lines.append(
          "  a read of one of these misses once: expect \(keys.moved) more misses for as many keys as were read here"
        )
      }
      if keys.unrouted > 0 {
        lines.append(
          "  \(keys.unrouted) keys have no route: on listeners with \"to\" the pool does not depend on the key"
        )
      }
      if keys.skipped > 0 { lines.append("  \(keys.skipped) lines are no keys") }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func table(_ moves: [Move]) -> [String] {
    guard let most = moves.first?.share else { return [] }
    let shown = moves.prefix(mostMoves)
    let from = max(4, shown.map { $0.from.utf8.count }.max() ?? 0)
    let to = max(2, shown.map { $0.to.utf8.count }.max() ?? 0)
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.utf8.count))
    }
    var lines = ["  \(padded("FROM", from))  \(padded("TO", to))  SHARE"]
    for move in shown {
      let share = percent(move.share)
      let bar = String(repeating: "█", count: max(1, Int((move.share / most * 30).rounded())))
      let gap = String(repeating: " ", count: max(0, 7 - share.utf8.count))
      lines.append("  \(padded(move.from, from))  \(padded(move.to, to))  \(gap)\(share)  \(bar)")
    }
    if moves.count > shown.count {
      let rest = moves.dropFirst(mostMoves).reduce(0) { $0 + $1.share }
      lines.append("  and \(moves.count - shown.count) more pairs of servers: \(percent(rest))")
    }
    return lines
  }

  /// One decimal place; more of what is below 0.1 %.
  private static func percent(_ share: Double) -> String {
    let scaled = share * 100
    if scaled == 0 { return "0 %" }
    let places = scaled < 0.1 ? 1000.0 : 10.0
    let value = (scaled * places).rounded() / places
    if value == 0 { return "under 0.001 %" }
    return "\(value) %"
  }

  private static func size(_ bytes: Int) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
    return unit == 0 ? "\(bytes) bytes" : "\((value * 10).rounded() / 10) \(units[unit])"
  }

  /// One JSON object, with its line end.
  package var json: String {
    let mostListed = Self.mostListed
    let pools = pools.map { pool in
      let moves = pool.moves.prefix(mostListed).map {
        #"{"from":\#(jsonString($0.from)),"to":\#(jsonString($0.to)),"share":\#($0.share)}"#
      }.joined(separator: ",")
      return #"{"pool":\#(jsonString(pool.name)),"moved":\#(pool.moved),"exact":\#(pool.isExact),"#
        + #""placement":\#(jsonString(pool.placement)),"servers_before":\#(pool.serversBefore),"#
        + #""servers_after":\#(pool.serversAfter),"moves":[\#(moves)],"#
        + #""moves_left_out":\#(max(0, pool.moves.count - mostListed)),"warnings":[\#(Self.list(pool.warnings))]}"#
    }.joined(separator: ",")
    let keys = keys.map {
      #","keys":{"read":\#($0.read),"moved":\#($0.moved),"share":\#($0.share),"bytes":\#($0.bytes),"#
        + #""moved_bytes":\#($0.movedBytes),"extra_misses":\#($0.moved),"unrouted":\#($0.unrouted),"skipped":\#($0.skipped)}"#
    }
    return #"{"pools":[\#(pools)],"added_pools":[\#(Self.list(addedPools))],"#
      + #""removed_pools":[\#(Self.list(removedPools))],"warnings":[\#(Self.list(warnings))]\#(keys ?? ""),"#
      + #""uncertain":\#(isUncertain),"errors":[]}"# + "\n"
  }

  /// The same object where the new configuration is wrong.
  package static func json(errors: [String]) -> String {
    #"{"pools":[],"added_pools":[],"removed_pools":[],"warnings":[],"uncertain":true,"errors":[\#(list(errors))]}"#
      + "\n"
  }

  private static func list(_ texts: [String]) -> String { texts.map(jsonString).joined(separator: ",") }
}
