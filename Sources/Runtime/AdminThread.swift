import Admin
import Bytes
import Control
import Glibc
import Net
import Settings
import Stats

/// What the admin thread asks of the control thread.
enum AdminRequest: Sendable {
  case reload(HTTPRequest.ID)
  case mark(HTTPRequest.ID, server: String, isDown: Bool)
}

/// The control thread's answer.
struct AdminReply: Sendable {
  let id: HTTPRequest.ID
  let response: HTTPResponse
}

/// The thread of the admin interface: it answers HTTP requests from what the other threads have published, and once a
/// second records that. Nothing it does makes another thread wait, but for the moment in which it copies their numbers.
final class AdminThread: HTTPHandler {
  private let server: HTTPServer
  private let sharedStats: SharedStats
  private let history: EventHistory
  private let inbox: Mailbox<AdminReply>
  private let outbox: Mailbox<AdminRequest>
  private var site: Site
  private var recorder = Recorder()
  private var ticks = 0
  /// The streams of events, with the number of the last one that each was sent.
  private var streams: [HTTPRequest.ID: Int] = [:]

  /// Starts the thread, which serves on this socket as long as the process lives. The socket must stay open.
  static func start(
    on socket: Int32, names: [String], sharedStats: SharedStats, history: EventHistory,
    inbox: Mailbox<AdminReply>, outbox: Mailbox<AdminRequest>
  ) throws(SystemError) {
    sharedStats.beats.store(1, ordering: .relaxed)
    let isStarted = Thread.start(name: "ringroad-admin") {
      guard
        let thread = try? AdminThread(
          on: socket, names: names, sharedStats: sharedStats, history: history, inbox: inbox, outbox: outbox)
      else { return }
      thread.server.run(thread)
    }
    guard isStarted else { throw SystemError(errno: EAGAIN, operation: "start a thread") }
  }

  private init(
    on socket: Int32, names: [String], sharedStats: SharedStats, history: EventHistory,
    inbox: Mailbox<AdminReply>, outbox: Mailbox<AdminRequest>
  ) throws(SystemError) {
    server = try HTTPServer(on: socket, wokenBy: inbox.bell)
    site = Site(hosts: names)
    self.sharedStats = sharedStats
    self.history = history
    self.inbox = inbox
    self.outbox = outbox
  }

  // MARK: - Requests

  func answer(_ request: HTTPRequest, id: HTTPRequest.ID) -> HTTPAnswer {
    let settings = sharedStats.settings
    var snapshot = sharedStats.snapshot()
    if request.path == "/metrics" { snapshot.process = Self.process() }
    let numbers = MetricSource(snapshot, recorder, settings)
    let sources = Site.Sources(
      numbers, now: Clock.now(), events: { [history] in history.events(since: $0) },
      hotKeys: { [sharedStats] in sharedStats.hotKeys.merged() },
      token: { settings.admin.tokenFile.flatMap(Self.token) })
    switch site.answer(request, sources) {
    case .response(let response): return .now(response)
    case .reload:
      outbox.post(.reload(id))
      return .later
    case .mark(let server, let isDown):
      outbox.post(.mark(id, server: server, isDown: isDown))
      return .later
    case .events(let since):
      streams[id] = since
      return .stream(.eventStream)
    }
  }

  private static func process() -> ProcessNumbers {
    var numbers = ProcessNumbers()
    numbers.descriptors = UInt64(max(0, ProcessUse.descriptors()))
    numbers.descriptorLimit = Descriptors.current().limit
    numbers.residentBytes = ProcessUse.residentBytes()
    numbers.cpuSeconds = ProcessUse.cpu() / .seconds(1)
    return numbers
  }

  /// The first line of the file, read each time: a new token needs no reload.
  private static func token(in path: String) -> String? {
    guard let bytes = try? FileBytes.read(path, most: 4096, waits: false) else { return nil }
    let line = bytes.prefix { $0 != 10 && $0 != 13 }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
  }

  func left(_ id: HTTPRequest.ID) { streams[id] = nil }

  func woken() {
    for reply in inbox.take() { server.answer(reply.id, reply.response) }
  }

  // MARK: - Time

  func tick() {
    ticks &+= 1
    if ticks % 10 == 0 {
      let book = sharedStats.latencies.withLock { book in
        defer { book = LatencyBook() }
        return book
      }
      recorder.record(sharedStats.snapshot(), book)
      sharedStats.beats.add(1, ordering: .relaxed)
    }
    guard !streams.isEmpty else { return }
    let latest = history.latest
    for (id, last) in streams where last < latest {
      let events = history.events(since: last)
      server.send(Site.stream(of: events), to: id)
      streams[id] = events.last?.seq ?? latest
    }
    // A client that has left is noticed when it is sent something.
    if ticks % 20 == 0 { for id in streams.keys { server.send(Array(":\n\n".utf8), to: id) } }
  }
}
