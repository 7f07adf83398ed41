import Glibc

/// How much time on processors a control group grants, as a number of processors: what a container's CPU limit is.
///
///     cpu.max   "150000 100000" ─▶ 2      150 ms in each 100 ms: one and a half, and a part counts as a whole
///               "max 100000"    ─▶ nil    no limit
///
/// Of version 2; see "cpu.max" in the kernel's Documentation/admin-guide/cgroup-v2.rst.
@safe
package enum ProcessorQuota {
  /// What the process's own group and those above it grant; nil where there is no limit, or no such groups.
  package static var own: Int? {
    guard let groups = read("/proc/self/cgroup"), let group = group(in: groups) else { return nil }
    return least(of: group) { read("/sys/fs/cgroup" + $0 + "/cpu.max") }
  }

  /// The path of the process's group, from the lines of /proc/PID/cgroup: that of the line `0::/path`.
  static func group(in lines: String) -> String? {
    for line in lines.split(separator: "\n") where line.hasPrefix("0::/") {
      return String(line.dropFirst(3))
    }
    return nil
  }

  /// The least that a group and those above it are granted. In a container the path may be the host's, and only the topmost
  /// of them is there.
  static func least(of group: String, cpuMax: (_ group: String) -> String?) -> Int? {
    var names = group.split(separator: "/")
    var least: Int?
    while true {
      let path = names.map { "/" + $0 }.joined()
      if let count = cpuMax(path).flatMap(processors) { least = min(least ?? count, count) }
      guard names.popLast() != nil else { return least }
    }
  }

  /// What the text of a `cpu.max` grants, rounded up.
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
