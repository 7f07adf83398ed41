import Net
import Stats
import Synchronization

/// The tails that clients of the admin interface have open, and what the workers have found for them: each worker adds to
/// that once a tick, and the admin thread takes it.
final class TailDesk: Sendable {
  private let state = Mutex((filters: [TailFilter](), found: [UInt64: TailBatch]()))
  /// Changes with the filters.
  let version = Atomic<Int>(0)

  /// The filters now.
  var filters: [TailFilter] { state.withLock { $0.filters } }

  /// Opens a tail; false if there are too many.
  func open(_ filter: TailFilter) -> Bool {
    let isOpen = state.withLock { state in
      guard state.filters.count < TailFilter.most else { return false }
      state.filters.append(filter)
      return true
    }
    version.add(1, ordering: .releasing)
    return isOpen
  }

  func close(_ id: UInt64) {
    state.withLock { state in
      state.filters.removeAll { $0.id == id }
      state.found[id] = nil
    }
    version.add(1, ordering: .releasing)
  }

  func add(_ batches: [(tail: UInt64, batch: TailBatch)]) {
    state.withLock { state in
      for (id, batch) in batches where state.filters.contains(where: { $0.id == id }) {
        state.found[id, default: TailBatch()].add(batch, most: TailFilter.mostInASecond)
      }
    }
  }

  /// Removes and returns what was found for a tail since the last call.
  func take(_ id: UInt64) -> TailBatch { state.withLock { $0.found.removeValue(forKey: id) ?? TailBatch() } }
}
