import Glibc
import Net
import Settings

/// Runs `ringroad adopt`: 0 if a placement explains all keys, 3 if one explains a part of them, 1 if none does or no keys
/// could be read, 2 if the command line or the file is wrong.
package func adopt(_ options: AdoptOptions) -> Int32 {
  let pool: PoolSettings
  do throws(ConfigFailure) {
    pool = try options.pool()
  } catch {
    StandardStreams.complain(error.description)
    return 2
  }
  if let path = options.output {
    guard case .missing = PathKind(of: path) else {
      StandardStreams.complain("ringroad: \(quoted(path)) exists already; give another name, or remove it")
      return 2
    }
  }
  let line = StatusLine()
  let sampler = KeySampler(limit: min(options.sample, max(1, AdoptionSample.most / pool.servers.count)))
  var samples: [ServerSample] = []
  for (i, server) in pool.servers.enumerated() {
    line.show(
      "reading keys of server \(i + 1) of \(pool.servers.count): \(printable(server.address.prefix(30)))")
    samples.append(sampler.sample(server.endpoint))
  }
  var sample = AdoptionSample(servers: pool.servers, ips: samples.map(\.ip), keys: samples.map(\.keys))
  if options.configPath != nil { sample.own = pool }
  let search = AdoptionSearch(sample) { done, all in
    if done % 16 == 0 { line.show("comparing placements: \(done) of \(all)") }
  }
  let report = AdoptionReport(result: search.result(), remarks: samples.map(\.remark))
  line.clear()
  return publish(report, options)
}

private func publish(_ report: AdoptionReport, _ options: AdoptOptions) -> Int32 {
  if !options.json {
    StandardStreams.write(Array(report.lines.map { printable($0) + "\n" }.joined().utf8), to: STDERR_FILENO)
  }
  if let path = options.output, let configuration = report.configuration {
    do throws(FileBytes.Failure) {
      try FileBytes.create(path, Array(configuration.utf8))
    } catch {
      StandardStreams.complain("ringroad: cannot write \(path): \(error.reason)")
      return 1
    }
    if !options.json { StandardStreams.complain("written: \(path)") }
  }
  let text = options.json ? report.json : options.output == nil ? report.configuration ?? "" : ""
  guard StandardStreams.write(Array(text.utf8)) else { return 1 }
  return switch report.verdict {
  case .exact: 0
  case .partial: 3
  case .nothing: 1
  }
}
