import Bytes
import Net
import Proxy
import Synchronization

/// What the control thread tells a worker.
enum ControlMessage: Sendable {
  /// A client was accepted: this descriptor is the worker's now.
  case client(descriptor: Int32)
  /// Work by this plan; servers are found at these addresses, which some have by a name.
  case apply(WorkerPlan, addresses: [UInt32: Address], named: Set<UInt32>)
  /// How a server stands from now on. Say that you know, and surrender what your journal holds against it if
  /// that is wanted. `wasFlushed`: whether it was made safe by a flush, if that is news.
  case status(server: UInt32, ServerStatus, ticket: UInt64, takesEntries: Bool, wasFlushed: Bool?)
  /// Surrender the copies that these servers hold of others' keys.
  case orphans([UInt32], ticket: UInt64)
  /// The server is at another address from now on.
  case moved(server: UInt32, to: Address)
  /// The server keeps its address, by a lookup that began at `asked`.
  case confirmed(server: UInt32, asked: Instant)
  /// Answer what has come, then end.
  case drain
  /// Answer who waits that nothing will come any more, and end.
  case stop
}

/// What a worker tells the control thread.
enum WorkerReport: Sendable {
  /// With the address of the server that it is about, as the worker knows it.
  case seen(worker: Int, WorkerEvent, at: Address?)
  /// A connection to a server was made, and it answers.
  case reached(server: UInt32, at: Address)
  /// A connection to a server with a host name was lost then, or has fallen silent: its address is in doubt.
  case lost(server: UInt32, at: Instant)
  /// The ticket's message has been read, and this was surrendered.
  case answered(worker: Int, ticket: UInt64, [UInt32: Journal.Entries])
  /// A worker has ended, as it was told.
  case ended(worker: Int)
}

/// A letter box between two threads: the only memory they share, and a bell.
///
/// Never on the path of a request: letters are about clients that come, plans, health and the end.
final class Mailbox<Letter: Sendable>: Sendable {
  private let letters = Mutex<[Letter]>([])
  let bell: Wakeup

  init() throws(SystemError) {
    bell = try Wakeup()
  }

  /// From any thread.
  func post(_ letter: Letter) {
    let isFirst = letters.withLock { box in
      box.append(letter)
      return box.count == 1
    }
    if isFirst { bell.wake() }
  }

  /// From any thread: several at once, which are taken together.
  func post(contentsOf several: [Letter]) {
    guard !several.isEmpty else { return }
    let isFirst = letters.withLock { box in
      box.append(contentsOf: several)
      return box.count == several.count
    }
    if isFirst { bell.wake() }
  }

  /// Everything that has come, oldest first.
  func take() -> [Letter] {
    letters.withLock { box in
      let all = box
      box.removeAll(keepingCapacity: true)
      return all
    }
  }
}
