import Bytes
import Net
import Synchronization

/// Looks host names up on threads of its own, so that nobody else ever waits for a resolver.
///
///     control thread ── ask(host) ──▶ questions ──▶ ringroad-names ── getaddrinfo ──▶ answers, and a bell
///
/// A lookup takes as long as the system's resolver likes; a few threads, started when they are needed, keep
/// one silent zone from holding up the others. Every question is answered once, in any order.
final class Resolver: Sendable {
  /// The addresses of a host, of no port, the system's first choice first; never empty.
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

  /// Threads at the most.
  static let most = 4

  let answers: Mailbox<Answer>
  private let state = Mutex(State())
  private let bell = Semaphore()
  private let lookup: Lookup

  init(_ lookup: @escaping Lookup = Resolver.system) throws(SystemError) {
    answers = try Mailbox()
    self.lookup = lookup
  }

  /// getaddrinfo(3), whatever it is configured to ask.
  static let system: Lookup = { host in
    do throws(ResolveError) {
      return .success(try Address.resolve(host: host, port: 0))
    } catch {
      return .failure(error)
    }
  }

  /// Returns at once; the answer comes to `answers`.
  func ask(_ host: String) {
    let needsThread = state.withLock { state in
      state.questions.append(host)
      guard state.questions.count > state.idle, state.threads < Self.most else { return false }
      state.threads += 1
      return true
    }
    if needsThread, !Thread.start(name: "ringroad-names", { self.work() }) {
      // The next question tries again; threads that there are get to this one.
      state.withLock { $0.threads -= 1 }
    }
    bell.signal()
  }

  private final class Find: Sendable {
    let result = Mutex<Result<[Address], ResolveError>?>(nil)
  }

  /// Looks one host up and waits at most so long; nil when nothing was found out by then. For who has nobody to serve
  /// yet. The thread that it takes ends with the lookup.
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
