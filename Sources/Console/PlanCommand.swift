import Glibc
import Net
import Settings

/// Runs `ringroad plan`: prints what a change of the configuration moves. 0: the plan was made; 1: a file is wrong, or the
/// proxy does not answer; 2: more moves than `--max-moved` allows.
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
  StandardStreams.write(Array((options.json ? plan.json : plan.text).utf8))
  guard let most = options.mostMoved, plan.mostMoved * 100 > most else { return 0 }
  StandardStreams.complain("ringroad: more than \(options.mostMovedText) of the keys move")
  return 2
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

/// Reads keys from a file, `-` for standard input, a line each; nil if that is not possible. On a terminal a line says how
/// many there are.
private func countKeys(of path: String, from old: ProxySettings, to new: ProxySettings) -> ChangePlan.Keys? {
  var counter = KeyCounter(from: old, to: new)
  var lines = LineSplitter(longest: 4096)
  var (shown, isShown) = (0, false)
  let isTerminal = isatty(STDERR_FILENO) == 1
  do throws(FileBytes.Failure) {
    try FileBytes.stream(path == "-" ? "/dev/stdin" : path) { bytes in
      lines.take(bytes) { counter.take($0) }
      guard isTerminal, counter.keys.read - shown >= 100_000 else { return }
      (shown, isShown) = (counter.keys.read, true)
      StandardStreams.write(Array("\r\(shown) keys".utf8), to: STDERR_FILENO)
    }
  } catch {
    StandardStreams.complain("ringroad: \(path) cannot be read: \(error.reason)")
    return nil
  }
  lines.finish { counter.take($0) }
  if isShown { StandardStreams.write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
  return counter.keys
}
