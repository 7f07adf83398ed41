import Glibc
import Net
import Settings

/// Runs the demo: real memcacheds on this machine, a ringroad in front of them, and a tour that shows it at work.
///
/// Afterwards everything stays up until Ctrl-C, to be tried by hand. In any case the child processes are ended and
/// the files removed. Returns 0 if every statement of the tour was true, else 1.
package func demo(_ options: DemoOptions) -> Int32 {
  do throws(DemoFailure) {
    let patience = try DemoPatience()
    let cast = try DemoCast(patience)
    defer { cast.end() }
    do throws(DemoFailure) {
      try cast.start(servers: options.servers)
      try DemoTour(cast, patience).run()
      if options.once { return 0 }
      try cast.invite()
      try patience.waitForTheEnd(of: cast)
      return 0
    } catch {
      if case .told(let reason) = error {
        StandardStreams.complain("ringroad: \(reason)")
        for line in cast.lastWords { StandardStreams.complain("  \(line)") }
      }
      return 1
    }
  } catch {
    if case .told(let reason) = error { StandardStreams.complain("ringroad: \(reason)") }
    return 1
  }
}

/// Why the demo ended early.
enum DemoFailure: Error {
  /// A check or an operation failed; the reason in one line.
  case told(String)
  /// Ctrl-C, or the reader of the output is gone.
  case interrupted
}

/// Prints a line of the tour.
func tell(_ line: String) throws(DemoFailure) {
  guard StandardStreams.write(Array((line + "\n").utf8)) else { throw .interrupted }
}

/// Waits for a time or a descriptor, but never past a signal that ends the demo.
final class DemoPatience {
  private let signals: Signals

  init() throws(DemoFailure) {
    do throws(SystemError) {
      signals = try Signals([SIGINT, SIGTERM, SIGHUP])
    } catch {
      throw .told(error.description)
    }
  }

  /// Waits until a descriptor is readable, or writable; false at the deadline.
  func wait(for descriptor: Int32, toWrite: Bool = false, until deadline: ContinuousClock.Instant)
    throws(DemoFailure) -> Bool
  {
    while true {
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { return false }
      var watched = [
        pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: descriptor, events: Int16(toWrite ? POLLOUT : POLLIN), revents: 0),
      ]
      let milliseconds = min(60_000, left / .milliseconds(1) + 1)
      // SAFETY: the array has two entries; poll skips a negative descriptor.
      let ready = unsafe poll(&watched, 2, Int32(milliseconds))
      if ready < 0 && errno != EINTR { throw .told("poll: \(SystemError.reason(errno))") }
      if watched[0].revents != 0 { throw .interrupted }
      if ready > 0 && watched[1].revents != 0 { return true }
    }
  }

  func sleep(_ duration: Duration) throws(DemoFailure) {
    _ = try wait(for: -1, until: .now + duration)
  }

  /// Waits until Ctrl-C, which is a normal end, or until the proxy ends, which is a failure.
  func waitForTheEnd(of cast: DemoCast) throws(DemoFailure) {
    do throws(DemoFailure) {
      while true {
        try sleep(.milliseconds(500))
        for server in cast.noteDeaths() {
          try tell("  (\(server) is down; the proxy works without it)")
        }
        guard cast.isProxyAlive else { throw .told("the proxy has ended") }
      }
    } catch {
      if case .interrupted = error { return }
      throw error
    }
  }
}
