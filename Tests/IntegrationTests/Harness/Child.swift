import Foundation
import Glibc
import Net
import Synchronization

/// A child process of a test. It is killed when this object is destroyed, even if the test fails.
final class Child: Sendable {
  let pid: pid_t
  private let end = Mutex<Spawn.End?>(nil)

  /// `output`, if given, is the file that receives the program's standard output and error.
  init(_ words: [String], environment: [String]? = nil, output: String? = nil) throws {
    guard let output else {
      pid = try Spawn.start(words, environment: environment)
      return
    }
    // SAFETY: the path is a C string for the length of the call.
    let descriptor = unsafe open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError.last("open \(output)") }
    defer { close(descriptor) }
    pid = try Spawn.start(words, environment: environment, output: descriptor, errors: descriptor)
  }

  deinit { kill() }

  /// Sends a signal, but none to a program that has ended: another process may have its number.
  func signal(_ number: Int32) {
    if ended() == nil { Spawn.terminate(pid, signal: number) }
  }

  /// Kills the program, and returns when it has ended.
  func kill() {
    guard ended() == nil else { return }
    Spawn.terminate(pid, signal: SIGKILL)
    end.withLock { $0 = Spawn.wait(pid) }
  }

  func ended() -> Spawn.End? {
    end.withLock {
      if $0 == nil { $0 = Spawn.ended(pid) }
      return $0
    }
  }

  /// How the program ended; nil if it still runs at the limit.
  func end(within limit: Duration) -> Spawn.End? {
    _ = eventually(within: limit) { self.ended() != nil }
    return ended()
  }

  /// Whether all its threads are stopped, after SIGSTOP.
  var isStopped: Bool {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return tasks.allSatisfy { task in
      let stat = FileManager.default.contents(atPath: "/proc/\(pid)/task/\(task)/stat") ?? Data()
      return String(decoding: stat, as: UTF8.self).split(separator: ")").last?.hasPrefix(" T") ?? false
    }
  }

  /// The resident memory in KiB, as the kernel counts it.
  var residentKiB: Int {
    let status = FileManager.default.contents(atPath: "/proc/\(pid)/status") ?? Data()
    for line in String(decoding: status, as: UTF8.self).split(separator: "\n")
    where line.hasPrefix("VmRSS:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }
    return 0
  }
}

/// Waits until `claim` is true; false if it is not true within the limit.
func eventually(within limit: Duration, _ claim: () -> Bool) -> Bool {
  let deadline = Clock.now().advanced(by: limit)
  while !claim() {
    if Clock.now() >= deadline { return false }
    usleep(5000)
  }
  return true
}

func pause(_ duration: Duration) {
  usleep(UInt32(duration.wholeNanoseconds / 1000))
}

extension Duration {
  fileprivate var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
  }
}
