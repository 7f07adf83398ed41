import Glibc

/// The processor time that a control group (version 2) grants, as a number of processors: a container's CPU limit.
///
///     cpu.max   "150000 100000" ─▶ 2      150 ms in each 100 ms: one and a half, rounded up
///               "max 100000"    ─▶ nil    no limit
///
/// See "cpu.max" in the kernel's Documentation/admin-guide/cgroup-v2.rst.
@safe
package enum ProcessorQuota {
  /// The smallest limit of the process's group and its ancestors; nil without a limit or without such groups.
  package static var own: Int? {
    guard let groups = read("/proc/self/cgroup"), let group = group(in: groups) else { return nil }
    return least(of: group) { read("/sys/fs/cgroup" + $0 + "/cpu.max") }
  }

  /// The path of the process's group: that of the line `0::/path` of /proc/PID/cgroup.
  static func group(in lines: String) -> String? {
    for line in lines.split(separator: "\n") where line.hasPrefix("0::/") {
      return String(line.dropFirst(3))
    }
    return nil
  }

  /// The smallest limit of a group and its ancestors. In a container the path may be the host's; then only the
  /// topmost exists.
  static func least(of group: String, cpuMax: (_ group: String) -> String?) -> Int? {
    var names = group.split(separator: "/")
    var least: Int?
    while true {
      let path = names.map { "/" + $0 }.joined()
      if let count = cpuMax(path).flatMap(processors) { least = min(least ?? count, count) }
      guard names.popLast() != nil else { return least }
    }
  }

  /// The number of processors in the text of a `cpu.max`, rounded up.
  static func processors(_ cpuMax: String) -> Int? {
    let words = cpuMax.split { $0 == " " || $0 == "\n" }
    guard words.count == 2, let quota = UInt32(words[0]), let period = UInt32(words[1]), quota > 0, period > 0
    else { return nil }
    return Int((UInt64(quota) + UInt64(period) - 1) / UInt64(period))
  }

  /// The first 4 KiB of a file; nil if it cannot be read.
  private static func read(_ path: String) -> String? {
    // SAFETY: the path is a C string for the length of the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    // SAFETY: the array's own bytes and count.
    let n = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
    return n >= 0 ? String(decoding: bytes.prefix(n), as: UTF8.self) : nil
  }
}
