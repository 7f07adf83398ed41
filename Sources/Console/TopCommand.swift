import Net
import Settings

/// Runs `ringroad top`: in the terminal until `q` or a signal; one look with `--once` or `--json`, and without a
/// terminal. Returns 0, or 1 if there is nothing to show, or 2 if the file is wrong.
package func top(_ options: TopOptions) -> Int32 {
  let endpoint: Endpoint
  do throws(ConfigFailure) {
    endpoint = try options.address.resolved().endpoint
  } catch {
    StandardStreams.complain(error.description)
    return 2
  }
  let term = Environment.variable("TERM")
  let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(Environment.variable).first { !$0.isEmpty }
  let painter = Painter(term: term, noColour: Environment.variable("NO_COLOR"), locale: locale)
  do throws(ConsoleFailure) {
    let proxy = ObservedProxy(try AdminClient(endpoint, timeout: .seconds(2)))
    if options.json { return StandardStreams.write(try proxy.json()) ? 0 : 1 }
    if options.once || !Terminal.isThere || Painter.isDumb(term) {
      return StandardStreams.write(try once(proxy, options, painter)) ? 0 : 1
    }
    try TerminalView(proxy, options, painter).run()
    return 0
  } catch {
    StandardStreams.complain("ringroad: \(error.words)")
    return 1
  }
}

/// One frame as plain text: all pools and servers. It takes a second, as rates need two looks.
private func once(
  _ proxy: ObservedProxy, _ options: TopOptions, _ painter: Painter
) throws(ConsoleFailure) -> [UInt8] {
  var dashboard = Dashboard(address: proxy.client.name)
  dashboard.seconds = max(1, Int(clampingTo: (options.interval / .seconds(1)).rounded()))
  for i in 0..<2 {
    if i > 0 {
      Clock.pause(nanoseconds: Int64(clamping: Int(clampingTo: options.interval / .nanoseconds(1))))
    }
    do throws(ConsoleFailure) {
      dashboard.take(try proxy.look(dashboard))
    } catch {
      throw ConsoleFailure("\(proxy.client.name): \(error.words)")
    }
  }
  let columns = Terminal.size?.columns ?? Environment.variable("COLUMNS").flatMap { Int($0) } ?? 100
  let canvas = Canvas(columns: min(1000, max(40, columns)), rows: nil, glyphs: painter.glyphs)
  return painter.plain(Composition.frame(dashboard, canvas))
}
