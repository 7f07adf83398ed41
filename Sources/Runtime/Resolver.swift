import Bytes
import Net
import Synchronization

/// Looks host names up on separate threads, so that no other thread waits for the system's resolver.
///
///     control thread ── ask(host) ──▶ questions ──▶ ringroad-names ── getaddrinfo ──▶ answers, and a bell
///
/// A lookup may take any time. A few threads, started when needed, keep a zone that does not respond from delaying
/// other names. Every question is answered once, in any order.
final class Resolver: Sendable {
  /// Returns the addresses of a host, without ports, the system's first choice first; never empty.
  typealias Lookup = @Sendable (_ host: String) -> Result<[Address], ResolveError>

  struct Answer: Sendable {
    let host: String
    let result: Result<[Address], ResolveError>
  }

  private struct State {
    var questions: [String] = []
    var threads = 0
    var idle = 0
  }

  /// The most threads.
  static let most = 4

  let answers: Mailbox<Answer>
  private let state = Mutex(State())
  private let bell = Semaphore()
  private let lookup: Lookup

  init(_ lookup: @escaping Lookup = Resolver.system) throws(SystemError) {
    answers = try Mailbox()
    self.lookup = lookup
  }

  /// A lookup with getaddrinfo(3), as the system configures it (hosts file, DNS, and others).
  static let system: Lookup = { host in
    do throws(ResolveError) {
      return .success(try Address.resolve(host: host, port: 0))
    } catch {
      return .failure(error)
    }
  }

  /// Queues a lookup and returns at once; the result arrives in `answers`.
  func ask(_ host: String) {
    let needsThread = state.withLock { state in
      state.questions.append(host)
      guard state.questions.count > state.idle, state.threads < Self.most else { return false }
      state.threads += 1
      return true
    }
    if needsThread, !Thread.start(name: "ringroad-names", { self.work() }) {
      // The next question tries to start a thread again; the threads that exist answer this one.
      state.withLock { $0.threads -= 1 }
    }
    bell.signal()
  }

  private final class Find: Sendable {
    let result = Mutex<Result<[Address], ResolveError>?>(nil)
  }

  /// Looks one host up and blocks for at most `patience`; nil if the lookup has not ended by then. For the start, when
  /// no client is served yet. The lookup runs on a new thread, which ends with it.
  static func find(
    _ host: String, within patience: Duration, _ lookup: @escaping Lookup = Resolver.system
  ) -> Result<[Address], ResolveError>? {
    let find = Find()
    let isStarted = Thread.start(name: "ringroad-names") {
      let result = lookup(host)
      find.result.withLock { $0 = result }
    }
    let deadline = Clock.now().advanced(by: patience)
    while isStarted {
      if let result = find.result.withLock({ $0 }) { return result }
      if Clock.now() >= deadline { break }
      Clock.pause(nanoseconds: 1_000_000)
    }
    return nil
  }

  private func work() {
    while true {
      state.withLock { $0.idle += 1 }
      bell.wait()
      let host = state.withLock { state -> String? in
        state.idle -= 1
        return state.questions.isEmpty ? nil : state.questions.removeFirst()
      }
      if let host { answers.post(Answer(host: host, result: lookup(host))) }
    }
  }
}
