import CRingroad
import Glibc

/// The processors that the process may use, by the kernel's numbers.
@safe
package enum Processors {
  /// The number of processors read; higher ones are ignored.
  private static let most = 4096

  /// The processors that the calling thread may run on, lowest first, as taskset and cpusets restrict them. Empty if
  /// the kernel does not say.
  package static func allowed() -> [Int32] {
    var numbers = [Int32](repeating: 0, count: most)
    // SAFETY: the array's own memory and its count.
    let count = unsafe numbers.withUnsafeMutableBufferPointer {
      unsafe ringroad_allowed_processors($0.baseAddress, Int32($0.count))
    }
    return Array(numbers.prefix(max(0, Int(count))))
  }

  /// Pins the calling thread to one processor.
  package static func bind(to processor: Int32) throws(SystemError) {
    let code = processor >= 0 ? ringroad_bind_thread(processor) : EINVAL
    if code != 0 { throw SystemError(errno: code, operation: "bind to processor \(processor)") }
  }

  /// The number of processors that can be kept busy: those allowed, but no more than the control group's limit. At
  /// least one.
  package static var usable: Int {
    let allowed = max(1, allowed().count)
    return min(allowed, ProcessorQuota.own ?? allowed)
  }
}
