import Glibc

/// What the process uses of the system.
package enum ProcessUse {
  /// The number of open descriptors; O(that). -1 if the system does not say.
  package static func descriptors() -> Int {
    // SAFETY: the directory is closed below; its entries are only counted.
    guard let folder = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(folder) }
    var count = 0
    while unsafe readdir(folder) != nil { count += 1 }
    // Without `.`, `..` and the directory's own.
    return max(0, count - 3)
  }

  /// The memory that the process has in RAM; 0 if the system does not say.
  package static func residentBytes() -> UInt64 {
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { _ = close(descriptor) }
    var text = [UInt8](repeating: 0, count: 256)
    // SAFETY: the array's own bytes and count.
    let n = unsafe text.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    let words = text.prefix(max(0, n)).split(separator: 32)
    guard words.count > 1, let pages = UInt64(String(decoding: words[1], as: UTF8.self)) else { return 0 }
    return pages &* UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
  }

  /// The processor time of all its threads.
  package static func cpu() -> Duration {
    var time = timespec()
    // SAFETY: the clock exists on every Linux, and the pointer is to a local.
    _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
  }
}
