import Dispatch
import Foundation

/// A group of threads of one test. `join` waits no longer than its limit.
final class Crew: Sendable {
  private let group = DispatchGroup()

  func run(_ body: @escaping @Sendable () -> Void) {
    group.enter()
    Foundation.Thread.detachNewThread { [group] in
      body()
      group.leave()
    }
  }

  /// Whether all threads have ended within `seconds`.
  func join(seconds: Int) -> Bool { group.wait(timeout: .now() + .seconds(seconds)) == .success }
}
