import Testing

@testable import Net

/// Begins a stream for every request. Its clients act in its ticks, so that all is one thread.
private final class StreamHandler: HTTPHandler {
  private let address: Address
  private let requests: [String]
  private var clients: [Int32] = []
  private var ticks = 0
  private(set) var asked: [HTTPRequest.ID: String] = [:]
  private var departed: Set<HTTPRequest.ID> = []
  private(set) var departedBeforeTheEnd = 0
  private(set) var replies: [String] = []
  weak var server: HTTPServer?

  init(_ address: Address, _ requests: [String]) { (self.address, self.requests) = (address, requests) }

  deinit { for client in clients { Socket.close(client) } }

  func answer(_ request: HTTPRequest, id: HTTPRequest.ID) -> HTTPAnswer {
    asked[id] = request.method
    return .stream(HTTPResponse(200, body: Array("first\n".utf8)))
  }

  func left(_ id: HTTPRequest.ID) { departed.insert(id) }

  func woken() {}

  func tick() {
    ticks += 1
    switch ticks {
    case 1: clients = requests.map { _ in Socket.connect(to: address).descriptor }
    case 2: for (client, request) in zip(clients, requests) { _ = Socket.send(client, Array(request.utf8)) }
    case 5:
      replies = clients.map { client in
        var scratch = Scratch()
        guard case .bytes = scratch.receive(client) else { return "" }
        return text(scratch.bytes)
      }
      departedBeforeTheEnd = departed.count
      server?.stop()
    default: break
    }
  }
}

@Suite struct HTTPServerTests {
  private func play(_ requests: [String], _ limits: HTTPLimits = HTTPLimits()) throws -> StreamHandler {
    let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    let server = try HTTPServer(on: listener.descriptor, wokenBy: Wakeup(), limits: limits)
    let handler = StreamHandler(listener.address, requests)
    handler.server = server
    server.run(handler)
    return handler
  }

  @Test func refusedStreamIsReportedAsLeft() throws {
    let handler = try play(Array(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 11))
    #expect(handler.asked.count == 11)
    #expect(handler.departedBeforeTheEnd == 3, "else its handler would keep it for ever")
    #expect(handler.replies.count { $0.hasPrefix("HTTP/1.1 200 OK") && $0.contains("first") } == 8)
    #expect(handler.replies.count { $0.hasPrefix("HTTP/1.1 503") } == 3)
  }

  @Test func headOfAStreamIsAnsweredAtOnce() throws {
    let handler = try play(["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"])
    #expect(handler.departedBeforeTheEnd == 1)
    #expect(handler.replies[0].hasPrefix("HTTP/1.1 200 OK") && !handler.replies[0].contains("first"))
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ])
  func unclearRequestIsRefusedAndTheConnectionClosed(_ request: String) throws {
    let handler = try play([request + "GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
    #expect(handler.asked.isEmpty)
    #expect(handler.replies[0].hasPrefix("HTTP/1.1 400") && handler.replies[0].contains("Connection: close"))
    #expect(handler.replies[0].matches(of: /HTTP\/1/).count == 1)
  }
}
