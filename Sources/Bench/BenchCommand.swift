import Net
import Settings

/// Runs `ringroad bench`: loads the target, prints the report, and returns the exit code.
///
/// 0 all replies were right; 1 some were not; 3 a connection could not be opened, was lost, or stayed without a reply.
package func bench(_ options: BenchOptions) -> Int32 {
  do throws(BenchFailure) {
    var generator = try LoadGenerator.connected(options)
    try generator.work()
    let report = BenchReport(options, generator.run, generator.times)
    let text = options.json ? report.json : report.text
    let isWritten = StandardStreams.write(Array(text.utf8))
    return isWritten ? report.exitCode : 3
  } catch {
    StandardStreams.complain("ringroad: \(error.description)")
    return 3
  }
}
