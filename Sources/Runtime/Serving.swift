import CRingroad
import Control
import Glibc
import Net
import Settings

/// Runs the proxy until a signal ends it; returns the exit code.
///
/// The order lets each step fail with one clear line on standard error: descriptors, signals, listeners (which may need
/// root), the background, the pid file, the user, the threads. The process that puts the proxy into the background
/// reports how the start went: it exits when the background process serves, or has failed.
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
    var inherited = Inherited.take()
    // A socket must not get the number of a closed standard stream: log lines would go to it.
    Descriptors.fillStandard()
    let signals: Signals
    do throws(SystemError) {
      signals = try Signals(ignoring: Signals.ignored)
    } catch {
      throw StartFailure(error.description)
    }
    // Each client and each connection to a server takes one descriptor; the proxy itself needs some.
    let budget = DescriptorBudget(settings, workers: settings.threads ?? Supervisor.cores)
    let limit = Descriptors.raise(to: UInt64(clamping: budget.wanted)).limit
    guard limit >= budget.least else {
      throw StartFailure(
        "too few descriptors: \(limit), but the start takes \(budget.least); raise ulimit -n, or LimitNOFILE"
      )
    }
    var listeningSockets: [ListeningSocket] = []
    for listener in settings.listeners {
      listeningSockets.append(try ListeningSocket(listener, inherited: { inherited.removeValue(forKey: $0) }))
    }
    let admin = try adminSocket { inherited.removeValue(forKey: $0) }
    if let stranger = inherited.keys.first {
      throw StartFailure(
        "inherited a socket that listens on \(stranger), which is not in the configuration; "
          + "add it to listen, or remove it from the socket unit")
    }
    if let loss = LogSink.loss(at: settings.log.destination, isDetaching: launch.daemon) {
      complain("ringroad: the log goes nowhere: \(loss.reason); \(loss.remedy)")
    }
    var starter: Int32 = -1
    if launch.daemon {
      // SAFETY: the address of a local; no thread was started that still runs.
      let code = unsafe ringroad_daemonize(&starter)
      guard code == 0 else {
        throw StartFailure("cannot start in the background: \(SystemError.reason(code))")
      }
    }
    let pidFile = try PIDFile(launch.pidFile)
    defer { pidFile.remove() }
    return try serve(consume listeningSockets, admin, consume signals, starter: starter)
  }

  /// The admin interface's listener; nil without one, or if only the default asks for it and it cannot be opened.
  private func adminSocket(inherited: (Address) -> Int32?) throws(StartFailure) -> Result<
    ListeningSocket?, StartFailure
  > {
    guard let listener = settings.admin.listener else { return .success(nil) }
    do throws(StartFailure) {
      return .success(try ListeningSocket(listener, inherited: inherited))
    } catch {
      if settings.admin.isRequired { throw error }
      return .failure(error)
    }
  }

  private func serve(
    _ listeningSockets: consuming [ListeningSocket], _ admin: Result<ListeningSocket?, StartFailure>,
    _ signals: consuming Signals, starter: Int32
  ) throws(StartFailure) -> Int32 {
    if let user = launch.user { try become(user) }
    ringroad_map_large_blocks()
    try LogSink.check(settings.log.destination)
    let log = Log(settings.log)
    log.start()
    // The listeners are not kept here: closing one later takes that it has no other owner.
    let supervisor = try Supervisor(
      settings: settings, launch: launch, log: log, signals: signals,
      listeningSockets: consume listeningSockets)
    switch admin {
    case .success(let socket): supervisor.adminSocket = socket
    case .failure(let reason):
      log.warning(
        "no admin interface: its address is not free",
        ["reason": reason.reason, "do": "set admin to another address, or to off"])
    }
    if starter >= 0 { ringroad_detach(starter) }
    let code = supervisor.run()
    log.info("ended")
    log.finish(within: .seconds(1))
    return code
  }

  /// Switches to the user of `-u`. As in memcached, the flag has no effect if the process is not root.
  private func become(_ user: String) throws(StartFailure) {
    do throws(SystemError) {
      if Privileges.areFull { return try Privileges.become(user: user) }
      if try !Privileges.isUser(user) {
        complain("ringroad: -u \(user) is ignored: only root can switch to another user")
      }
    } catch {
      throw StartFailure("cannot switch to user \(user): \(error.words ?? error.description)")
    }
  }

  private static var directory: String {
    // SAFETY: with nil the C library allocates what it needs; it is freed here.
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }
}

/// The pid file.
private struct PIDFile {
  let path: String?
  /// Open for writing, to empty the file if it cannot be deleted; -1 without a file.
  private let descriptor: Int32

  init(_ path: String?) throws(StartFailure) {
    self.path = path
    guard let path else {
      descriptor = -1
      return
    }
    if let other = PIDFile.number(in: path).flatMap(PIDFile.running) {
      complain("ringroad: the pid file \(path) named process \(other), which runs; it names this one now")
    }
    // SAFETY: the path is a C string for the length of the call.
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw StartFailure(SystemError.last("cannot write the pid file \(path)").description)
    }
    let text = Array("\(getpid())\n".utf8)
    // SAFETY: the array's own bytes and count.
    let n = unsafe text.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    guard n == text.count else {
      throw StartFailure(SystemError.last("cannot write the pid file \(path)").description)
    }
  }

  /// Deletes the file, unless another process has written its own pid there meanwhile. The user of `-u` may not be
  /// allowed to delete it: then it is left empty, and names no process.
  func remove() {
    guard let path else { return }
    defer { _ = close(descriptor) }
    guard PIDFile.number(in: path) == "\(getpid())\n" else { return }
    // SAFETY: the path is a C string for the length of the call.
    if unsafe unlink(path) != 0 { _ = ftruncate(descriptor, 0) }
  }

  /// The pid, if it is another process's that runs.
  private static func running(_ text: String) -> pid_t? {
    guard let pid = pid_t(text.prefix { $0.isNumber }), pid > 0, pid != getpid() else { return nil }
    return kill(pid, 0) == 0 || errno == EPERM ? pid : nil
  }

  private static func number(in path: String) -> String? {
    // SAFETY: the path is a C string for the length of the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    var text = [UInt8](repeating: 0, count: 32)
    // SAFETY: the array's own bytes and count.
    let n = unsafe text.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    return n >= 0 ? String(decoding: text.prefix(n), as: UTF8.self) : nil
  }
}
