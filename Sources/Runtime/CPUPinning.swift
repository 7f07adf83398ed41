import Net

/// The processor that each worker is pinned to, if workers are pinned: round robin over those that the process may use.
struct CPUPinning: Equatable {
  /// Nil: not pinned, the kernel may move the workers.
  private let processors: [Int32]?
  private let workers: Int

  /// `processors` are those of the process's own affinity mask, so that taskset and cpusets are respected.
  init(_ processors: [Int32]?, workers: Int) {
    self.processors = processors
    self.workers = workers
  }

  func processor(of worker: Int) -> Int32? {
    guard let processors, !processors.isEmpty else { return nil }
    return processors[worker % processors.count]
  }

  /// Logs how the workers are pinned, and warns if that cannot work as configured.
  func announce(to log: Log) {
    guard let processors else { return }
    guard !processors.isEmpty else {
      return log.warning("workers are not pinned", ["reason": "the allowed processors cannot be read"])
    }
    log.info(
      "workers are pinned",
      ["processors": (0..<workers).compactMap(processor).map(String.init).joined(separator: " ")])
    if workers > processors.count {
      log.warning(
        "more workers than processors: some share a processor",
        ["workers": "\(workers)", "processors": "\(processors.count)", "do": "lower threads"])
    }
  }

  /// Pins the calling thread. A failure is logged; the worker then runs unpinned.
  static func take(_ processor: Int32?, worker: Int, log: Log) {
    guard let processor else { return }
    do throws(SystemError) {
      try Processors.bind(to: processor)
    } catch {
      log.warning(
        "a worker is not pinned",
        ["worker": "\(worker)", "processor": "\(processor)", "reason": error.description])
    }
  }
}
