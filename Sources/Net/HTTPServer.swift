import Bytes
import CLibevent
import Glibc

/// What an `HTTPServer` calls, always on its own thread.
package protocol HTTPHandler: AnyObject {
  func answer(_ request: HTTPRequest, id: HTTPRequest.ID) -> HTTPAnswer
  /// The client of a request that is answered later, or by a stream, has left.
  func left(_ id: HTTPRequest.ID)
  /// Ten times a second.
  func tick()
  /// The wake-up that the server watches was rung.
  func woken()
}

/// libevent's HTTP server on one listening socket, with limits of connections and time that it does not have itself. All
/// its functions are for the thread that calls `run`.
///
/// libevent counts no connections, so this does: it makes the buffer event of each, learns its descriptor after the turn,
/// and knows by the socket's inode when that is closed. At the limit it stops accepting, and closes those that are idle.
@safe
package final class HTTPServer {
  /// A client's connection.
  fileprivate struct Connection {
    let descriptor: Int32
    /// The number of its socket: another socket may have the descriptor by now.
    let number: UInt64
    /// When it was accepted, or last answered.
    var since: Instant
    var isStream = false
    var isAwaited = false
  }

  /// The buffer event of a connection that was just accepted.
  @safe private struct Accepted {
    let event: OpaquePointer
  }

  /// A request that is not answered yet, or is answered by a stream.
  @safe private struct Pending {
    let request: OpaquePointer
    let descriptor: Int32
    var isStream = false
  }

  private let limits: HTTPLimits
  private let base: OpaquePointer
  private let server: OpaquePointer
  private let listener: OpaquePointer
  private var timer: UnsafeMutablePointer<event>?
  private var bell: UnsafeMutablePointer<event>?
  private var connections: [Int32: Connection] = [:]
  /// Connections accepted in this turn, whose descriptors are not known yet.
  private var accepted: [Accepted] = []
  private var pending: [HTTPRequest.ID: Pending] = [:]
  private var lastID: HTTPRequest.ID = 0
  private var isAccepting = true
  private var hasEnded = false
  private weak var handler: (any HTTPHandler)?

  /// Serves on `socket`, which stays the caller's and must listen as long as the server lives. `bell` wakes the thread.
  package init(
    on socket: Int32, wokenBy bell: borrowing Wakeup, limits: HTTPLimits = HTTPLimits()
  ) throws(SystemError) {
    self.limits = limits
    // SAFETY: each is checked before it is used, and owned by this object until `deinit`.
    guard let base = unsafe event_base_new(), let server = unsafe evhttp_new(base),
      let listener = unsafe evconnlistener_new(base, nil, nil, UInt32(LEV_OPT_CLOSE_ON_EXEC), 0, socket)
    else { throw .last("evhttp_new") }
    unsafe self.base = base
    unsafe self.server = server
    unsafe self.listener = listener
    configure(bell.descriptor)
  }

  deinit {
    // SAFETY: the events are freed before their base; the HTTP server frees its listener, which leaves the socket open.
    unsafe event_free(timer)
    unsafe event_free(bell)
    for connection in accepted { unsafe bufferevent_decref(connection.event) }
    unsafe evhttp_free(server)
    unsafe event_base_free(base)
  }

  private func configure(_ bell: Int32) {
    // SAFETY: the context is this object, which outlives the server: both end in `deinit`.
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe evhttp_bind_listener(server, listener)
    unsafe evconnlistener_set_error_cb(listener) { listener, context in
      // Too few descriptors: accepting again at the next tick, not at once for ever.
      unsafe HTTPServer.from(context).stopAccepting()
    }
    unsafe evhttp_set_max_headers_size(server, limits.head)
    unsafe evhttp_set_max_body_size(server, limits.body)
    var patience = timeval(tv_sec: Int(limits.patience / .seconds(1)), tv_usec: 0)
    unsafe evhttp_set_timeout_tv(server, &patience)
    // The handler refuses methods by itself.
    unsafe evhttp_set_allowed_methods(server, 0x1ff)
    unsafe evhttp_set_bevcb(
      server, { _, context in unsafe HTTPServer.from(context).accept() }, context)
    unsafe evhttp_set_gencb(
      server,
      { request, context in
        guard let request = unsafe request else { return }
        unsafe HTTPServer.from(context).received(request)
      }, context)
    var interval = timeval(tv_sec: 0, tv_usec: 100_000)
    unsafe timer = event_new(
      base, -1, Int16(EV_PERSIST), { _, _, context in unsafe HTTPServer.from(context).tick() }, context)
    unsafe event_add(timer, &interval)
    unsafe self.bell = event_new(
      base, bell, Int16(EV_READ | EV_PERSIST | EV_ET),
      { _, _, context in unsafe HTTPServer.from(context).handler?.woken() }, context)
    unsafe event_add(self.bell, nil)
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPServer {
    // SAFETY: every callback was given this object, and none is called after its `deinit`.
    unsafe Unmanaged<HTTPServer>.fromOpaque(context.unsafelyUnwrapped).takeUnretainedValue()
  }

  // MARK: - The loop

  /// Serves until `stop`.
  package func run(_ handler: any HTTPHandler) {
    self.handler = handler
    while !hasEnded {
      guard unsafe event_base_loop(base, Int32(EVLOOP_ONCE)) >= 0 else { return }
      noteAccepted()
    }
  }

  package func stop() { hasEnded = true }

  private func tick() {
    let now = Clock.now()
    connections = connections.filter { $0.value.isOpen }
    let isFull = connections.count >= limits.connections
    for connection in connections.values where !connection.isStream && !connection.isAwaited {
      // libevent's own timeout restarts with every byte.
      if now.since(connection.since) > (isFull ? .seconds(1) : limits.patience * 2) {
        shutdown(connection.descriptor, Int32(SHUT_RDWR))
      }
    }
    if !isAccepting, !isFull {
      isAccepting = true
      unsafe evconnlistener_enable(listener)
    }
    handler?.tick()
  }

  // MARK: - Connections

  /// The buffer event of a connection that is being accepted.
  private func accept() -> OpaquePointer? {
    guard let connection = unsafe bufferevent_socket_new(base, -1, 0) else { return nil }
    // SAFETY: kept until the end of this turn, by when it has its descriptor; nothing else happens to it before.
    unsafe bufferevent_incref(connection)
    // libevent reads on while it writes; it needs room for a whole body.
    unsafe bufferevent_setwatermark(connection, Int16(EV_READ), 0, limits.head + limits.body)
    unsafe accepted.append(Accepted(event: connection))
    if connections.count + accepted.count >= limits.connections { stopAccepting() }
    return unsafe connection
  }

  private func stopAccepting() {
    isAccepting = false
    unsafe evconnlistener_disable(listener)
  }

  private func noteAccepted() {
    for connection in accepted {
      let descriptor = unsafe bufferevent_getfd(connection.event)
      if descriptor >= 0, let number = Connection.number(of: descriptor) {
        connections[descriptor] = Connection(descriptor: descriptor, number: number, since: Clock.now())
      }
      unsafe bufferevent_decref(connection.event)
    }
    accepted = []
  }

  // MARK: - Requests

  private func received(_ request: OpaquePointer) {
    // SAFETY: the request is libevent's until it is answered, and so are its connection and texts.
    let connection = unsafe evhttp_request_get_connection(request)
    let descriptor = unsafe bufferevent_getfd(evhttp_connection_get_bufferevent(connection))
    lastID &+= 1
    let id = lastID
    let message = unsafe read(request)
    if let fault = unsafe HTTPServer.fault(of: request) {
      let headers = [("Content-Type", "text/plain"), ("Connection", "close")]
      return unsafe send(HTTPResponse(400, headers: headers, body: Array("\(fault)\n".utf8)), to: request)
    }
    switch handler?.answer(message, id: id) ?? .now(HTTPResponse(503)) {
    case .now(let response):
      connections[descriptor]?.since = Clock.now()
      unsafe send(response, to: request)
    case .later:
      connections[descriptor]?.isAwaited = true
      unsafe wait(for: id, request, connection, descriptor)
    case .stream(let response):
      let isFull = pending.values.count(where: { $0.isStream }) >= limits.streams
      guard !isFull, message.method != "HEAD" else {
        handler?.left(id)
        connections[descriptor]?.since = Clock.now()
        return unsafe send(
          isFull ? HTTPResponse(503, body: Array("too many streams\n".utf8)) : response, to: request)
      }
      connections[descriptor]?.isStream = true
      unsafe wait(for: id, request, connection, descriptor)
      pending[id]?.isStream = true
      unsafe add(response.headers, to: request)
      unsafe evhttp_send_reply_start(request, Int32(response.status), response.reason)
      send(response.body, to: id)
    }
  }

  private func wait(
    for id: HTTPRequest.ID, _ request: OpaquePointer, _ connection: OpaquePointer?, _ descriptor: Int32
  ) {
    unsafe pending[id] = Pending(request: request, descriptor: descriptor)
    let context = unsafe Unmanaged.passUnretained(self).toOpaque()
    // SAFETY: the context is this object, which outlives its connections.
    unsafe evhttp_connection_set_closecb(
      connection,
      { connection, context in
        let descriptor = unsafe bufferevent_getfd(evhttp_connection_get_bufferevent(connection))
        unsafe HTTPServer.from(context).closed(descriptor)
      }, context)
  }

  /// A client has left. libevent gives its request up, unlinked from the connection, unless it ends itself.
  private func closed(_ descriptor: Int32) {
    connections[descriptor] = nil
    for (id, one) in pending where one.descriptor == descriptor {
      pending[id] = nil
      // SAFETY: nothing else has it any more.
      if unsafe evhttp_request_get_connection(one.request) == nil { unsafe evhttp_request_free(one.request) }
      handler?.left(id)
    }
  }

  /// Answers a request that was to be answered later; does nothing if its client has left.
  package func answer(_ id: HTTPRequest.ID, _ response: HTTPResponse) {
    guard let one = pending.removeValue(forKey: id) else { return }
    connections[one.descriptor]?.isAwaited = false
    connections[one.descriptor]?.since = Clock.now()
    unsafe send(response, to: one.request)
  }

  /// Continues a stream. A client that leaves too much unread is disconnected.
  package func send(_ bytes: [UInt8], to id: HTTPRequest.ID) {
    guard let one = pending[id], one.isStream, !bytes.isEmpty else { return }
    // SAFETY: the request is pending, so its connection is open.
    let connection = unsafe evhttp_request_get_connection(one.request)
    let unread = unsafe evbuffer_get_length(
      bufferevent_get_output(evhttp_connection_get_bufferevent(connection)))
    guard unread <= limits.unread else {
      shutdown(one.descriptor, Int32(SHUT_RDWR))
      return
    }
    guard let buffer = unsafe evbuffer_new() else { return }
    unsafe HTTPServer.add(bytes, to: buffer)
    unsafe evhttp_send_reply_chunk(one.request, buffer)
    unsafe evbuffer_free(buffer)
  }

  private func read(_ request: OpaquePointer) -> HTTPRequest {
    let headers = unsafe evhttp_request_get_input_headers(request)
    func header(_ name: String) -> String? {
      guard let value = unsafe evhttp_find_header(headers, name) else { return nil }
      return unsafe String(cString: value)
    }
    let target = unsafe evhttp_request_get_uri(request).map { unsafe String(cString: $0) } ?? ""
    var path = target[...]
    var host = header("Host")
    if let scheme = target.firstRange(of: "://"), !target.hasPrefix("/") {
      let rest = target[scheme.upperBound...]
      let slash = rest.firstIndex(of: "/") ?? rest.endIndex
      host = String(rest[..<slash])
      path = slash == rest.endIndex ? "/" : rest[slash...]
    }
    let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var result = HTTPRequest(
      method: unsafe HTTPServer.method(evhttp_request_get_command(request)),
      path: parts.first.map(String.init) ?? "", query: parts.count > 1 ? String(parts[1]) : nil, host: host)
    result.accept = header("Accept")
    result.authorization = header("Authorization")
    result.contentType = header("Content-Type")
    let input = unsafe evhttp_request_get_input_buffer(request)
    var body = [UInt8](repeating: 0, count: unsafe min(limits.body, evbuffer_get_length(input)))
    // SAFETY: the array's own bytes and count.
    unsafe body.withUnsafeMutableBytes { _ = unsafe evbuffer_copyout(input, $0.baseAddress, $0.count) }
    result.body = body
    return result
  }

  /// Why it is not clear which host a request means, or where it ends; nil if it is. libevent reads no body of a GET and of
  /// other methods: it would take that for the next request. It takes the first of several lengths, and chunks before any
  /// length. A proxy in front may see that differently, and so may be made to send a request that it never saw.
  private static func fault(of request: OpaquePointer) -> String? {
    let headers = unsafe evhttp_request_get_input_headers(request)
    /// All values of a header, which is removed.
    func values(_ name: String) -> [String] {
      var values: [String] = []
      while let value = unsafe evhttp_find_header(headers, name) {
        values.append(unsafe String(cString: value))
        unsafe evhttp_remove_header(headers, name)
      }
      return values
    }
    if values("Host").count > 1 { return "several hosts" }
    let (lengths, codings) = (values("Content-Length"), values("Transfer-Encoding"))
    if lengths.count + codings.count > 1 { return "several lengths" }
    if codings.contains(where: { $0.lowercased() != "chunked" }) { return "an unknown transfer encoding" }
    if lengths.contains(where: { !$0.utf8.allSatisfy { (48...57).contains($0) } }) { return "a bad length" }
    let hasBody = !codings.isEmpty || lengths.contains { $0 != "0" }
    let mayHaveBody = ["POST", "PUT", "PATCH"].contains(method(unsafe evhttp_request_get_command(request)))
    return hasBody && !mayHaveBody ? "a body where none is read" : nil
  }

  private static func method(_ command: evhttp_cmd_type) -> String {
    switch command {
    case EVHTTP_REQ_GET: "GET"
    case EVHTTP_REQ_POST: "POST"
    case EVHTTP_REQ_HEAD: "HEAD"
    case EVHTTP_REQ_PUT: "PUT"
    case EVHTTP_REQ_DELETE: "DELETE"
    case EVHTTP_REQ_OPTIONS: "OPTIONS"
    case EVHTTP_REQ_PATCH: "PATCH"
    default: "other"
    }
  }

  private func send(_ response: HTTPResponse, to request: OpaquePointer) {
    unsafe add(response.headers, to: request)
    guard let buffer = unsafe evbuffer_new() else { return }
    // libevent would send the body after the headers of a HEAD, where the client expects the next response.
    if unsafe evhttp_request_get_command(request) == EVHTTP_REQ_HEAD {
      unsafe add([("Content-Length", "\(response.body.count)")], to: request)
    } else {
      unsafe HTTPServer.add(response.body, to: buffer)
    }
    unsafe evhttp_send_reply(request, Int32(response.status), response.reason, buffer)
    unsafe evbuffer_free(buffer)
  }

  private func add(_ headers: [(name: String, value: String)], to request: OpaquePointer) {
    let output = unsafe evhttp_request_get_output_headers(request)
    for (name, value) in headers { unsafe evhttp_add_header(output, name, value) }
  }

  private static func add(_ bytes: [UInt8], to buffer: OpaquePointer) {
    // SAFETY: libevent copies the bytes.
    unsafe bytes.withUnsafeBytes { _ = unsafe evbuffer_add(buffer, $0.baseAddress, $0.count) }
  }
}

extension HTTPServer.Connection {
  /// Whether the descriptor is still that of this connection.
  fileprivate var isOpen: Bool { Self.number(of: descriptor) == number }

  fileprivate static func number(of descriptor: Int32) -> UInt64? {
    var info = stat()
    // SAFETY: a pointer to a local.
    return unsafe fstat(descriptor, &info) == 0 ? UInt64(info.st_ino) : nil
  }
}
