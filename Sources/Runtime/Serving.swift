import CRingroad
import Glibc
import Net
import Settings

/// Runs the proxy until it is told to stop; returns the exit code.
///
/// In this order, so that each step can still fail with one clear line on standard error: descriptors,
/// listeners (which may need root), the background, the pid file, the user, the threads.
package func serve(_ settings: ProxySettings, _ launch: LaunchOptions) -> Int32 {
  do throws(StartFailure) {
    return try Launcher(settings, launch).run()
  } catch {
    complain("ringroad: \(error.reason)")
    return 1
  }
}

private func complain(_ text: String) {
  var line = Array((text + "\n").utf8)
  // SAFETY: the array's own bytes and count.
  _ = unsafe line.withUnsafeMutableBytes { unsafe write(2, $0.baseAddress, $0.count) }
}

private struct Launcher {
  let settings: ProxySettings
  let launch: LaunchOptions

  init(_ settings: ProxySettings, _ launch: LaunchOptions) {
    self.settings = settings
    self.launch = launch.daemon ? launch.anchored(in: Self.directory) : launch
  }

  func run() throws(StartFailure) -> Int32 {
    // Each client and each connection to a server is one; some are for the rest.
    _ = Descriptors.raise(to: UInt64(clamping: settings.limits.clients + 1024))
    var doors: [Door] = []
    for listener in settings.listeners { doors.append(try Door(listener)) }
    if launch.daemon {
      let code = ringroad_daemonize()
      guard code == 0 else { throw StartFailure("cannot go to the background: \(SystemError.reason(code))") }
    }
    let pidFile = try PIDFile(launch.pidFile)
    defer { pidFile.remove() }
    return try serve(consume doors)
  }

  private func serve(_ doors: consuming [Door]) throws(StartFailure) -> Int32 {
    if let user = launch.user {
      do throws(SystemError) {
        try Privileges.become(user: user)
      } catch {
        throw StartFailure("cannot become \(user): \(error)")
      }
    }
    let signals: Signals
    do throws(SystemError) {
      signals = try Signals()
    } catch {
      throw StartFailure(error.description)
    }
    ringroad_map_large_blocks()
    let log = Log(settings.log)
    log.start()
    // Not kept here: a listener that is closed later must have no other owner.
    let supervisor = try Supervisor(
      settings: settings, launch: launch, log: log, signals: signals, doors: consume doors)
    let code = supervisor.run()
    log.info("ended")
    log.finish(within: .seconds(1))
    return code
  }

  private static var directory: String {
    // SAFETY: with nil the C library allocates what it needs; it is freed here.
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }
}

/// The file that tells other programs this process's number.
private struct PIDFile {
  let path: String?

  init(_ path: String?) throws(StartFailure) {
    self.path = path
    guard let path else { return }
    // SAFETY: the path is a C string for the length of the call.
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw StartFailure(SystemError.last("write \(path)").description) }
    defer { _ = close(descriptor) }
    let text = Array("\(getpid())\n".utf8)
    // SAFETY: the array's own bytes and count.
    let n = unsafe text.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    guard n == text.count else { throw StartFailure(SystemError.last("write \(path)").description) }
  }

  func remove() {
    // SAFETY: the path is a C string for the length of the call.
    if let path { _ = unsafe unlink(path) }
  }
}
