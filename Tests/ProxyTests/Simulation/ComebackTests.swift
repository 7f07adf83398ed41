import Control
import Foundation
import Testing

@testable import Proxy

/// Servers that return, each seed in a separate world. `RINGROAD_SEEDS=1000` runs a hundred, because one takes as
/// long as ten of `SimulationTests`; `RINGROAD_SEED=17` runs one and prints it.
@Suite struct ComebackTests {
  struct Outcome: Sendable {
    var violation: String?
    var reads: Int
    var ejections: Int
    var returns: Int
    var deleted: Int
    var flushes: Int
    var swept: Int
    var misses: Int
    var promises: Int

    init(_ seed: UInt64, _ omission: Comeback.Omission? = nil) {
      let world = Comeback(seed: seed, omission: omission)
      world.run()
      violation = world.violation
      reads = world.reads
      ejections = world.ejections
      deleted = world.control.keysDeleted
      misses = world.misses
      promises = world.promises
      returns = 0
      flushes = 0
      swept = 0
      for entry in world.logged {
        switch entry.message {
        case "server up":
          returns += 1
          if entry.fields.contains(where: { $0 == ("deleted", "everything") }) { flushes += 1 }
        case "server no longer holds copies of other servers' keys": swept += 1
        default: break
        }
      }
    }
  }

  private static func outcomes(_ seeds: Range<UInt64>, _ omission: Comeback.Omission?) async -> [Outcome] {
    await withTaskGroup(of: Outcome.self) { group in
      for seed in seeds { group.addTask { Outcome(seed, omission) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
  }

  @Test func noServerReturnsWithAnOldValue() async {
    if let seed = ProcessInfo.processInfo.environment["RINGROAD_SEED"].flatMap({ UInt64($0) }) {
      let world = Comeback(seed: seed, isTraced: true)
      world.run()
      print(world.trace.joined(separator: "\n"))
      #expect(world.violation == nil)
      return
    }
    let seeds = (ProcessInfo.processInfo.environment["RINGROAD_SEEDS"].flatMap { UInt64($0) } ?? 600) / 10
    let outcomes = await Self.outcomes(0..<seeds, nil)
    let violations = outcomes.compactMap(\.violation)
    for violation in violations.prefix(5) { Issue.record("\(violation)") }
    #expect(violations.isEmpty, "\(violations.count) of \(seeds); RINGROAD_SEED=<seed> replays one")
    guard seeds >= 60 else { return }
    let sum = outcomes.reduce(into: [0, 0, 0, 0, 0, 0, 0, 0]) { sum, one in
      sum[0] += one.reads
      sum[1] += one.ejections
      sum[2] += one.returns
      sum[3] += one.deleted
      sum[4] += one.flushes
      sum[5] += one.swept
      sum[6] += one.misses
      sum[7] += one.promises
    }
    // Minimums of: reads of values, ejections, returns, deletes, flushes, stand-ins cleaned, writes answered as
    // misses, deletions for these.
    print("comebacks: \(sum)")
    for (what, least) in zip(sum, [50_000, 100, 200, 500, 10, 50, 5000, 500]) {
      #expect(what >= least, "\(sum)")
    }
  }

  /// A step that the harness omits is detected.
  @Test(arguments: Comeback.Omission.allCases)
  func anOmittedFailoverStepIsDetected(_ omission: Comeback.Omission) async {
    let outcomes = await Self.outcomes(0..<40, omission)
    let found = outcomes.filter { $0.violation != nil }.count
    print("without \(omission): \(found) of 40")
    #expect(found >= 10)
  }
}
