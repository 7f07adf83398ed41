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
