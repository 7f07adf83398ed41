import Glibc
import Net

/// The demo's child processes, real memcacheds and the proxy, and a directory for their configuration and log.
///
///     memcached   memcached   memcached      ports that were free
///           └─────────┼─────────┘
///                 ringroad                   127.0.0.1:11311, or the next port that is free
final class DemoCast {
  struct Server {
    var port: UInt16
    /// Nil when it is not running.
    var pid: pid_t?
    var name: String { "127.0.0.1:\(port)" }
  }

  let patience: DemoPatience
  let directory: String
  private let log: Int32
  private(set) var servers: [Server] = []
  private(set) var port: UInt16 = 11311
  private var proxy: pid_t?
  /// Where the proxy shows itself in a browser.
  private var dashboard: String?

  var configuration: String { directory + "/ringroad.yml" }
  var logPath: String { directory + "/ringroad.log" }

  init(_ patience: DemoPatience) throws(DemoFailure) {
    self.patience = patience
    var template = Array((DemoCast.temporaryDirectory + "/ringroad-demo-XXXXXX").utf8CString)
    // SAFETY: the template ends in NUL; mkdtemp writes over its last letters.
    guard unsafe mkdtemp(&template) != nil else {
      throw .told("cannot create a directory for the demo: \(SystemError.reason(errno))")
    }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // SAFETY: the path is a C string for the length of the call.
    log = unsafe open(directory + "/ringroad.log", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
  }

  private static var temporaryDirectory: String {
    // SAFETY: no thread changes the environment; the string is copied at once.
    guard let path = unsafe getenv("TMPDIR") else { return "/tmp" }
    let text = unsafe String(cString: path)
    return text.hasPrefix("/") ? text : "/tmp"
  }

  // MARK: - Starting

  func start(servers count: Int) throws(DemoFailure) {
    for _ in 0..<count { servers.append(try startAnywhere()) }
    try startProxy()
    let what = count == 1 ? "One memcached" : "\(count) memcacheds"
    try tell("\(what) and a ringroad in front, on this machine only:\n")
    for server in servers { try tell("  memcached  \(server.name)  pid \(server.pid ?? 0)") }
    try tell("  ringroad   127.0.0.1:\(port)  pid \(proxy ?? 0)  \(configuration)")
    if let dashboard { try tell("  dashboard  \(dashboard)") }
    if port != 11311 { try tell("             (port 11311 is in use)") }
  }

  /// Starts a server on a free port; if another process takes the port first, on the next one.
  private func startAnywhere() throws(DemoFailure) -> Server {
    for _ in 0..<5 {
      guard let port = DemoCast.freePort(0) else { break }
      if let pid = try startServer(on: port) { return Server(port: port, pid: pid) }
    }
    throw .told("no memcached could be started")
  }

  /// Starts the server at this index of the list again, on its port.
  func restart(_ i: Int) throws(DemoFailure) {
    guard let pid = try startServer(on: servers[i].port) else {
      throw .told("memcached could not be started again on \(servers[i].name)")
    }
    servers[i].pid = pid
  }

  /// Starts a memcached and waits until it answers; nil if it ends instead.
  private func startServer(on port: UInt16) throws(DemoFailure) -> pid_t? {
    var words = ["memcached", "-l", "127.0.0.1", "-p", "\(port)", "-U", "0", "-m", "64", "-t", "1"]
    // memcached refuses to run as root.
    if Privileges.areFull { words += ["-u", "nobody"] }
    let pid = try start(words)
    do throws(DemoFailure) {
      return try answers(on: port, pid) ? pid : nil
    } catch {
      stop(pid, by: SIGKILL)
      throw error
    }
  }

  private func startProxy() throws(DemoFailure) {
    while DemoCast.freePort(port) == nil {
      guard port < 11411 else { throw .told("no port is free from 11311 to 11411") }
      port += 1
    }
    var text = "# Written by the demo. Edit and save it: the proxy reloads it and logs the changes.\n"
    // The first port that is free from the usual one on.
    let admin = (UInt16(11312)..<11412).first { $0 != port && DemoCast.freePort($0) != nil }
    if let admin { dashboard = "http://127.0.0.1:\(admin)/" }
    text += "listen: 127.0.0.1:\(port)\nadmin: \(admin.map { "127.0.0.1:\($0)" } ?? "off")\nservers:\n"
    for server in servers { text += "  - \(server.name)\n" }
    // SAFETY: the path is a C string for the length of the call.
    let file = unsafe open(configuration, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .told("\(configuration): \(SystemError.reason(errno))") }
    let isWritten = StandardStreams.write(Array(text.utf8), to: file)
    close(file)
    guard isWritten else { throw .told("\(configuration) could not be written") }
    let pid = try start([DemoCast.executable, "--config", configuration])
    proxy = pid
    guard try answers(on: port, pid) else {
      proxy = nil
      throw .told("the proxy did not start")
    }
  }

  private func start(_ words: [String]) throws(DemoFailure) -> pid_t {
    do throws(SystemError) {
      return try Spawn.start(words, output: log, errors: log)
    } catch {
      if words[0] == "memcached" && error.errno == ENOENT {
        throw .told("the demo needs memcached, and there is none in PATH: apt-get install memcached")
      }
      throw .told(error.description)
    }
  }

  /// Waits until a started program answers on its port; false if it has ended instead.
  private func answers(on port: UInt16, _ pid: pid_t) throws(DemoFailure) -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
      if Spawn.ended(pid) != nil { return false }
      let answer = try? DemoClient(port, patience).ask("version")
      if answer?.hasPrefix("VERSION ") == true { return Spawn.ended(pid) == nil }
      try patience.sleep(.milliseconds(10))
    }
    throw .told("127.0.0.1:\(port) was started but does not answer")
  }

  /// A port without a listener: the one given, or any for 0; nil if it is taken.
  private static func freePort(_ wanted: UInt16) -> UInt16? {
    guard let address = Address(ip: "127.0.0.1", port: wanted), let listener = try? Listener(address) else {
      return nil
    }
    return listener.address.port
  }

  /// The path of this program's file.
  private static var executable: String {
    // SAFETY: realpath allocates a string that ends in NUL, which is freed here.
    guard let path = unsafe realpath("/proc/self/exe", nil) else { return "/proc/self/exe" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  // MARK: - Stopping

  /// Kills a server without warning.
  func kill(_ i: Int) {
    guard let pid = servers[i].pid else { return }
    stop(pid, by: SIGKILL)
    servers[i].pid = nil
  }

  /// The servers that ended by themselves, or were killed by hand, since the last call.
  func noteDeaths() -> [String] {
    var names: [String] = []
    for i in servers.indices {
      guard let pid = servers[i].pid, Spawn.ended(pid) != nil else { continue }
      servers[i].pid = nil
      names.append(servers[i].name)
    }
    return names
  }

  var isProxyAlive: Bool {
    guard let pid = proxy else { return false }
    if Spawn.ended(pid) == nil { return true }
    proxy = nil
    return false
  }

  /// Ends all children, the proxy first, and removes the directory.
  func end() {
    if let pid = proxy { stop(pid, by: SIGTERM) }
    proxy = nil
    // All at once: a memcached checks for signals only once a second, with its clock.
    for server in servers { if let pid = server.pid { Spawn.terminate(pid) } }
    for i in servers.indices {
      if let pid = servers[i].pid { stop(pid, by: SIGTERM) }
      servers[i].pid = nil
    }
    if log >= 0 { close(log) }
    // SAFETY: paths are C strings for the length of the calls.
    _ = unsafe unlink(configuration)
    _ = unsafe unlink(logPath)
    _ = unsafe rmdir(directory)
  }

  /// Ends a child and waits for it; if it takes longer than a drain, it is killed.
  private func stop(_ pid: pid_t, by signal: Int32) {
    Spawn.terminate(pid, signal: signal)
    let deadline = ContinuousClock.now + .seconds(7)
    while ContinuousClock.now < deadline {
      if Spawn.ended(pid) != nil { return }
      _ = usleep(2000)
    }
    Spawn.terminate(pid, signal: SIGKILL)
    Spawn.wait(pid)
  }

  // MARK: - Output

  /// The last lines of the log.
  var lastWords: ArraySlice<String> { logLines.suffix(8) }

  var logLines: [String] {
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while log >= 0 {
      // SAFETY: at most `count` bytes of the array are filled, which outlives the call.
      let n = unsafe chunk.withUnsafeMutableBytes {
        unsafe pread(log, $0.baseAddress, $0.count, text.count)
      }
      guard n > 0 else { break }
      text += chunk[..<n]
    }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// Prints the commands to try once the tour is over.
  func invite() throws(DemoFailure) {
    let program = CommandLine.arguments.first ?? "ringroad"
    try tell("\nTry it yourself now. In another terminal, in bash:\n")
    let words = "printf '%s\\r\\n' \"$@\" quit >&3"
    try tell("  ask() ( exec 3<>/dev/tcp/127.0.0.1/\(port) && \(words) && cat <&3 )")
    try tell("  ask 'set greeting 0 0 5' hello")
    try tell("  ask 'get greeting demo:1 demo:2 demo:3'")
    try tell("  ask 'stats servers'")
    try tell("  ask 'stats ringroad'")
    try tell("  \(program) route --config \(configuration) greeting demo:1 demo:2 demo:3")
    if let server = servers.first(where: { $0.pid != nil }), let pid = server.pid {
      try tell("  kill -9 \(pid)    # \(server.name); then repeat the requests")
    }
    try tell("  tail -f \(logPath)    # and edit ringroad.yml in the same directory")
    try tell("\nCtrl-C ends the proxy and the memcacheds.")
  }
}
