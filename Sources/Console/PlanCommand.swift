import Glibc
import Net
import Settings

/// Runs `ringroad plan`: prints what a change of the configuration moves. 0: the plan was made; 1: a file is wrong, or the
/// proxy does not answer; 2: more moves than `--max-moved` allows; 3: whether that is so cannot be said.
package func plan(_ options: PlanOptions) -> Int32 {
  let old: ProxySettings
  let new: ProxySettings
  do throws(ConfigFailure) {
    new = try ProxySettings.load(path: options.newPath)
    if let path = options.oldPath {
      old = try ProxySettings.load(path: path)
    } else {
      guard let running = try runningSettings(options) else { return 1 }
      old = running
    }
  } catch {
    StandardStreams.complain(error.description)
    return 1
  }
  var plan = ChangePlan(from: old, to: new)
  if let path = options.keysPath {
    guard let keys = countKeys(of: path, from: old, to: new) else { return 1 }
    plan.keys = keys
  }
  if let limit = options.sample { plan.keys = sampleKeys(limit, from: old, to: new) }
  guard StandardStreams.write(Array((options.json ? plan.json : plan.text).utf8)) else { return 1 }
  guard let most = options.mostMoved else { return 0 }
  // Sums of shares are off in their last digits.
  if plan.mostMoved * 100 > most + 1e-9 {
    StandardStreams.complain("ringroad: more than \(options.mostMovedText) of the keys move")
    return 2
  }
  if let keys = plan.keys, keys.read == 0 || keys.unrouted > 0 {
    StandardStreams.complain("ringroad: \(keys.read == 0 ? "no keys" : "not all keys") could be counted")
    return 3
  }
  if plan.keys == nil, plan.isUncertain {
    StandardStreams.complain(
      "ringroad: how many keys move cannot be said without keys: give --keys or --sample")
    return 3
  }
  return 0
}

/// The configuration that a proxy runs with, asked of its admin interface; nil if it does not answer.
private func runningSettings(_ options: PlanOptions) throws(ConfigFailure) -> ProxySettings? {
  let endpoint = try options.address.resolved().endpoint
  let text: String
  do throws(ConsoleFailure) {
    let client = try AdminClient(endpoint, timeout: .seconds(5))
    do throws(ConsoleFailure) {
      guard let yaml = try client.required("/api/v1/config")["yaml"].text else {
        throw ConsoleFailure("it does not show its configuration")
      }
      text = yaml
    } catch {
      throw ConsoleFailure("\(client.name): \(error.words)")
    }
  } catch {
    StandardStreams.complain("ringroad: \(error.words); two files are compared with: ringroad plan OLD NEW")
    return nil
  }
  return try ProxySettings.decode(bytes: Array(text.utf8), file: "the running configuration")
}

/// Reads keys from each server of the old configuration. A server that cannot be read is named on standard error.
private func sampleKeys(_ limit: Int, from old: ProxySettings, to new: ProxySettings) -> ChangePlan.Keys {
  var counter = KeyCounter(from: old, to: new)
  let line = StatusLine()
  var seen: Set<Endpoint> = []
  let servers = old.pools.flatMap(\.servers).filter { seen.insert($0.endpoint.comparable).inserted }
  for (i, server) in servers.enumerated() {
    line.show("reading keys of server \(i + 1) of \(servers.count): \(printable(server.address.prefix(30)))")
    let sample = KeySampler(limit: limit).sample(server.endpoint)
    for (key, bytes) in zip(sample.keys, sample.sizes) { counter.count(key, bytes) }
    guard let remark = sample.remark else { continue }
    line.clear()
    StandardStreams.complain("ringroad: server \(server.address): \(remark)")
  }
  line.clear()
  return counter.keys
}

/// Reads keys from a file, `-` for standard input, a line each; nil if that is not possible. On a terminal a line says how
/// many there are.
private func countKeys(of path: String, from old: ProxySettings, to new: ProxySettings) -> ChangePlan.Keys? {
  var counter = KeyCounter(from: old, to: new)
  var lines = LineSplitter(longest: 4096)
  var (shown, isShown) = (0, false)
  let isTerminal = isatty(STDERR_FILENO) == 1
  do throws(FileBytes.Failure) {
    try FileBytes.stream(path) { bytes in
      lines.take(bytes) { counter.take($0) }
      guard isTerminal, counter.keys.read - shown >= 100_000 else { return }
      (shown, isShown) = (counter.keys.read, true)
      StandardStreams.write(Array("\r\(shown) keys".utf8), to: STDERR_FILENO)
    }
  } catch {
    StandardStreams.complain("ringroad: \(FileBytes.name(path)) cannot be read: \(error.reason)")
    return nil
  }
  lines.finish { counter.take($0) }
  if isShown { StandardStreams.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
  return counter.keys
}
