import Glibc
import Net
import Settings

/// Shows a proxy at work on this machine: real memcacheds, a ringroad in front of them, and a tour.
///
/// Then all of it stays up to be tried by hand, until Ctrl-C. Whatever happens, what was started is ended
/// and what was written is removed. Returns 0 if everything that the tour tells was so, else 1.
func demo(_ options: DemoOptions) -> Int32 {
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

/// Why the demo ends before its time.
enum DemoFailure: Error {
  /// Something is not as it was told; one line.
  case told(String)
  /// Ctrl-C, or nobody reads any more.
  case interrupted
}

/// Says a line of the tour.
func tell(_ line: String) throws(DemoFailure) {
  guard StandardStreams.write(Array((line + "\n").utf8)) else { throw .interrupted }
}

/// How the demo waits: for a time, or for a descriptor, but never past a signal that ends it.
final class DemoPatience {
  private let signals: Signals

  init() throws(DemoFailure) {
    do throws(SystemError) {
      signals = try Signals([SIGINT, SIGTERM, SIGHUP])
    } catch {
      throw .told(error.description)
    }
  }

  /// Waits until a descriptor can be read from, or written to; false when the time is up first.
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
      // SAFETY: two entries, as is said; poll passes over a negative descriptor.
      let ready = unsafe poll(&watched, 2, Int32(milliseconds))
      if ready < 0 && errno != EINTR { throw .told("poll: \(SystemError.reason(errno))") }
      if watched[0].revents != 0 { throw .interrupted }
      if ready > 0 && watched[1].revents != 0 { return true }
    }
  }

  func sleep(_ duration: Duration) throws(DemoFailure) {
    _ = try wait(for: -1, until: .now + duration)
  }

  /// Waits for Ctrl-C, which is a good end, or for the proxy's own, which is none.
  func waitForTheEnd(of cast: DemoCast) throws(DemoFailure) {
    do throws(DemoFailure) {
      while true {
        try sleep(.milliseconds(500))
        for server in cast.noteDeaths() {
          try tell("  (\(server) is down; the proxy goes on without it)")
        }
        guard cast.isProxyAlive else { throw .told("the proxy has ended") }
      }
    } catch {
      if case .interrupted = error { return }
      throw error
    }
  }
}
