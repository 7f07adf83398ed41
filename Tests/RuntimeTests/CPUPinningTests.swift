import Testing

@testable import Runtime

@Suite struct CPUPinningTests {
  @Test(
    arguments: [
      ([0, 1, 2, 3], 4, [0, 1, 2, 3]), ([2, 5, 7], 2, [2, 5]), ([3, 4], 5, [3, 4, 3, 4, 3]), ([9], 1, [9]),
    ] as [([Int32], Int, [Int32])])
  func workersArePinnedRoundRobinToProcessors(_ processors: [Int32], _ workers: Int, _ seats: [Int32]) {
    let pinning = CPUPinning(processors, workers: workers)
    #expect((0..<workers).map(pinning.processor) == seats)
  }

  @Test(arguments: [nil, []] as [[Int32]?]) func noWorkerIsPinnedWithoutProcessors(_ processors: [Int32]?) {
    #expect(CPUPinning(processors, workers: 3).processor(of: 1) == nil)
  }
}
