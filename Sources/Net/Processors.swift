import CRingroad
import Glibc

/// The processors that the process may use, by the system's numbers.
@safe
package enum Processors {
  /// More are not looked at.
  private static let most = 4096

  /// Those that the calling thread may run on, lowest first: what taskset and cpusets have left. Empty if the system does not
  /// say.
  package static func allowed() -> [Int32] {
    var numbers = [Int32](repeating: 0, count: most)
    // SAFETY: the array's own memory, and as many places as it has.
    let count = unsafe numbers.withUnsafeMutableBufferPointer {
      unsafe ringroad_allowed_processors($0.baseAddress, Int32($0.count))
    }
    return Array(numbers.prefix(max(0, Int(count))))
  }

  /// Keeps the calling thread on one of them.
  package static func bind(to processor: Int32) throws(SystemError) {
    let code = processor >= 0 ? ringroad_bind_thread(processor) : EINVAL
    if code != 0 { throw SystemError(errno: code, operation: "bind to processor \(processor)") }
  }

  /// How many can be kept busy: as many as are allowed, and no more than the time that the control group grants is
  /// enough for. At least one.
  package static var usable: Int {
    let allowed = max(1, allowed().count)
    return min(allowed, ProcessorQuota.own ?? allowed)
  }
}
