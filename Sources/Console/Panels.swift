/// The smaller tables of a frame: pools, hot keys, events.
struct Panels {
  let composition: Composition
  let report: ProxyReport

  private var columns: Int { composition.canvas.columns }

  /// A head over the whole width.
  private func head(_ words: Line) -> Line {
    var line = Line(" ", .heading) + words
    line.pad(to: columns, .heading)
    return line
  }

  func pools(most: Int) -> [Line] {
    guard most > 0 else { return [] }
    let steps = composition.dashboard.history.pools
    let name = max(8, min(report.pools.map { $0.name.unicodeScalars.count }.max() ?? 0, columns / 3))
    // Narrow terminals have the first ones only.
    let words = ["up", "req/s", "hits", "err/s", "p50", "p99", "p99.9", "placement"]
    let fields = [9, 6, 6, 6, 7, 7, 7, 11]
    var (count, width) = (0, name)
    while count < fields.count, width + fields[count] < columns {
      width += fields[count]
      count += 1
    }
    var first = Line("pool", .heading)
    first.pad(to: name, .heading)
    for i in 0..<count { first.add(words[i], .heading, in: fields[i], toRight: true) }
    let hidden = report.pools.count - most
    if hidden > 0, columns - first.width > 16 { first.add("  (\(hidden) more)", .heading) }
    return [head(first)]
      + report.pools.prefix(most).map { pool in
        let recent = steps[pool.name] ?? []
        let errors = recent.mean(composition.dashboard.seconds, \.errors)
        let cells: [(String, Style)] = [
          ("\(pool.up) of \(pool.servers)", pool.up < pool.servers ? .bad : .good),
          (amount(recent.mean(composition.dashboard.seconds, \.requests)), .plain),
          (share(recent.hitRatio), .plain), (amount(errors), (errors ?? 0) > 0 ? .bad : .plain),
          (latency(pool.latency.p50), .plain), (latency(pool.latency.p99), .plain),
          (latency(pool.latency.p999), .plain), (pool.placement, .faint),
        ]
        var line = Line(" ")
        line.add(pool.name, in: name)
        for i in 0..<count {
          line.add(" ")
          line.add(cells[i].0, cells[i].1, in: fields[i] - 1, toRight: true)
        }
        return line
      }
  }

  func hotKeys(most: Int) -> [Line] {
    guard most > 0 else { return [] }
    let server = max(6, min(report.hotKeys.map { $0.server.unicodeScalars.count }.max() ?? 0, columns / 3))
    return [head(Line("hot keys", .heading))]
      + report.hotKeys.prefix(most).map { key in
        var line = Line(" ")
        line.add(share(key.share), .strong, in: 5, toRight: true)
        line.add(" ")
        line.add(key.server, .faint, in: server)
        line.add(" \(fitted(printable(key.key), max(1, columns - line.width - 1)))")
        return line
      }
  }

  /// The newest first.
  func events(most: Int) -> [Line] {
    guard most > 0 else { return [] }
    return [head(Line("events", .heading))]
      + report.events.suffix(most).reversed().map { event in
        var line = Line()
        line.add(age(report.status.now - event.time), .faint, in: 5, toRight: true)
        line.add(" ")
        line.add(event.level, composition.style(ofLevel: event.level), in: 7)
        line.add(" \(fitted(printable(event.text), max(1, columns - line.width - 1)))")
        return line
      }
  }
}
