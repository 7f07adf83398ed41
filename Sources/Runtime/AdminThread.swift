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
  private var tails: [HTTPRequest.ID: Tail] = [:]

  /// A tail that a client has open.
  private struct Tail {
    let asEvents: Bool
    /// How many requests it may show until the end of this second, and those that were too many.
    var room = TailFilter.mostInASecond
    var leftOut = 0
  }

  /// Starts the thread, which serves on this socket as long as the process lives. The socket must stay open.
  static func start(
    on socket: Int32, names: [String], sharedStats: SharedStats, history: EventHistory,
    inbox: Mailbox<AdminReply>, outbox: Mailbox<AdminRequest>
  ) throws(SystemError) {
    let thread = try AdminThread(
      on: socket, names: names, sharedStats: sharedStats, history: history, inbox: inbox, outbox: outbox)
    guard Thread.start(name: "ringroad-admin", { thread.server.run(thread) }) else {
      throw SystemError(errno: EAGAIN, operation: "start a thread")
    }
    sharedStats.recording.isOn.store(true, ordering: .relaxed)
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
    case .tail(var filter, let asEvents):
      filter.id = id
      guard sharedStats.tails.open(filter) else { return .now(.tooManyTails) }
      tails[id] = Tail(asEvents: asEvents)
      return .stream(.tail(asEvents: asEvents))
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

  func left(_ id: HTTPRequest.ID) {
    streams[id] = nil
    if tails.removeValue(forKey: id) != nil { sharedStats.tails.close(id) }
  }

  func woken() {
    for reply in inbox.take() { server.answer(reply.id, reply.response) }
  }

  // MARK: - Time

  func tick() {
    ticks &+= 1
    if ticks % 10 == 0 {
      recorder.record(sharedStats.snapshot(), sharedStats.recording.takeLatencies())
      // So that the first answer about them is not an old one.
      sharedStats.hotKeys.want()
      sharedStats.recording.beats.add(1, ordering: .relaxed)
    }
    if !tails.isEmpty { sendTails() }
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

  /// Sends each tail the requests that were found for it since the last tick.
  private func sendTails() {
    let control = sharedStats.report
    let (now, time) = (Clock.now(), Clock.time())
    for id in Array(tails.keys) {
      guard var tail = tails[id] else { continue }
      let writer = TailWriter(control, asEvents: tail.asEvents)
      let batch = sharedStats.tails.take(id)
      var bytes: [UInt8] = []
      for one in batch.requests.sorted(by: { $0.at < $1.at }).prefix(tail.room) {
        let seconds = time - now.since(one.at) / .seconds(1)
        bytes += writer.request(one, seconds: seconds, time: LogLine.timestamp(seconds))
      }
      tail.leftOut += batch.leftOut + max(0, batch.requests.count - tail.room)
      tail.room -= min(tail.room, batch.requests.count)
      if ticks % 10 == 0 {
        if tail.leftOut > 0 { bytes += writer.leftOut(tail.leftOut) }
        tail.leftOut = 0
        tail.room = TailFilter.mostInASecond
      }
      // A client that has left is noticed when it is sent something, twice.
      if bytes.isEmpty, ticks % 3 == 0 { bytes = writer.pause }
      tails[id] = tail
      server.send(bytes, to: id)
    }
  }
}
