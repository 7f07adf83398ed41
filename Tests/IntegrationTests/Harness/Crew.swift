import Dispatch
import Foundation

/// Threads of a test's own. None is waited for longer than it is given.
final class Crew: Sendable {
  private let group = DispatchGroup()

  func run(_ body: @escaping @Sendable () -> Void) {
    group.enter()
    Foundation.Thread.detachNewThread { [group] in
      body()
      group.leave()
    }
  }

  /// Whether all have come to their end within so many seconds.
  func join(seconds: Int) -> Bool { group.wait(timeout: .now() + .seconds(seconds)) == .success }
}
