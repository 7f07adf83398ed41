import Net
import Synchronization

/// A queue of messages for one thread, with a bell that wakes it. The control thread and the workers share no other
/// memory but `SharedStats` and the log.
///
/// Never on the path of a request: messages carry new clients, plans, health and the shutdown.
final class Mailbox<Letter: Sendable>: Sendable {
  private let letters = Mutex<[Letter]>([])
  let bell: Wakeup

  init() throws(SystemError) {
    bell = try Wakeup()
  }

  /// Adds a message. Callable from any thread.
  func post(_ letter: Letter) {
    let isFirst = letters.withLock { box in
      box.append(letter)
      return box.count == 1
    }
    if isFirst { bell.wake() }
  }

  /// Adds several messages at once, which are taken together. Callable from any thread.
  func post(contentsOf several: [Letter]) {
    guard !several.isEmpty else { return }
    let isFirst = letters.withLock { box in
      box.append(contentsOf: several)
      return box.count == several.count
    }
    if isFirst { bell.wake() }
  }

  /// Removes and returns all messages, oldest first.
  func take() -> [Letter] {
    letters.withLock { box in
      let all = box
      box.removeAll(keepingCapacity: true)
      return all
    }
  }
}
