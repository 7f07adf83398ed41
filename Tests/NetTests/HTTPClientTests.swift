import Foundation
import Net
import Testing

/// The HTTP client, and its parser, against servers that do whatever they like.
@Suite struct HTTPClientTests {
  // MARK: - The parser

  /// What becomes of these bytes, in pieces of this size.
  private static func parse(_ text: String, piece: Int = .max) -> Result<HTTPResponse, HTTPFailure> {
    var parser = HTTPReplyParser()
    let bytes = Array(text.utf8)
    do throws(HTTPFailure) {
      var position = 0
      while position < bytes.count {
        let end = min(bytes.count, position + min(piece, bytes.count))
        if try parser.take(bytes[position..<end]) { break }
        position = end
      }
      try parser.end()
      return .success(HTTPResponse(parser.status, body: parser.body))
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"),
    ("HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabcdef", 200, "abc"),
    ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503, ""),
    ("HTTP/1.0 200\r\n\r\nto the end", 200, "to the end"),
    ("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, "x"),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\n\r\n",
      200, "abc0123456789"
    ),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n0\r\nTrailer: x\r\n\r\n", 200, ""),
  ])
  func responseIsReadFromPiecesOfAnySize(_ text: String, _ status: Int, _ body: String) {
    for piece in [1, 2, 3, 7, 1000] {
      #expect(
        Self.parse(text, piece: piece) == .success(HTTPResponse(status, body: Array(body.utf8))), "\(piece)")
    }
  }

  @Test(
    arguments: [
      ("", .closed), ("HTTP/1.1 200", .closed), ("HTTP/1.1 200 OK\r\n", .closed),
      ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", .closed),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .closed),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", .closed),
      ("VERSION 1.6.39\r\n", .broken("this is no HTTP server")),
      ("HTTP/2 200\r\n", .broken("this is no HTTP server")),
      ("HTTP/1.1 2000 OK\r\n", .broken("this is no HTTP server")),
      ("HTTP/1.1 099 OK\r\n", .broken("this is no HTTP server")),
      ("HTTP/1.1 100 Continue\r\n", .broken("this is no HTTP server")),
      ("HTTP/1.1 200 OK\r\nno colon\r\n", .broken("a header has no name")),
      ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .broken("its length is not a number")),
      ("HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n", .broken("its length is not a number")),
      (
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        .broken("its length is not a number")
      ),
      (
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        .broken("its length is not a number")
      ),
      ("HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n", .tooLarge),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .broken("it has an unknown encoding")),
      (
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        .broken("it has two lengths")
      ),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        .broken("a chunk's size is not a number")
      ),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        .broken("a chunk's size is not a number")
      ),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", .broken("a chunk's size is not a number")
      ),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", .tooLarge),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        .broken("a chunk is longer than it says")
      ),
    ] as [(String, HTTPFailure)])
  func lieIsAnError(_ text: String, _ failure: HTTPFailure) {
    for piece in [1, 1000] { #expect(Self.parse(text, piece: piece) == .failure(failure), "\(piece)") }
  }

  @Test func endlessHeadsAndBodiesAreCut() {
    func feed(_ start: String, _ piece: String) -> HTTPFailure? {
      var parser = HTTPReplyParser()
      do throws(HTTPFailure) {
        _ = try parser.take(Array(start.utf8))
        let block = Array(String(repeating: piece, count: 10_000).utf8)
        for _ in 0..<1000 { if try parser.take(block) { return nil } }
        return nil
      } catch {
        return error
      }
    }
    #expect(feed("", "x") == .broken("a line is too long"))
    #expect(feed("HTTP/1.1 200 OK\r\n", "a: b\r\n") == .broken("a line is too long"))
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    #expect(feed(chunked, "1") == .broken("a line is too long"))
    #expect(feed("HTTP/1.1 200 OK\r\n\r\n", "0123456789") == .tooLarge)
    #expect(feed(chunked, "40\r\n\(String(repeating: "x", count: 64))\r\n") == .tooLarge)
    #expect(feed(chunked + "0\r\n", "a: b\r\n") == .broken("a line is too long"))
  }

  // MARK: - The client

  /// A server that does this with its first connection, on a thread of its own.
  private func server(_ script: @escaping @Sendable (Int32) -> Void) throws -> Address {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    // SAFETY: the address is valid during the call, with its size.
    let isBound = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    try #require(isBound && listen(listener, 5) == 0)
    let found = try #require(Address.local(of: listener))
    Thread.detachNewThread {
      let connection = accept(listener, nil, nil)
      script(connection)
      close(connection)
      close(listener)
    }
    return found
  }

  private static func write(_ text: String, to connection: Int32) {
    StandardStreams.write(Array(text.utf8), to: connection)
  }

  /// Reads up to the empty line.
  @discardableResult
  private static func readRequest(_ connection: Int32) -> String {
    var text: [UInt8] = []
    var byte: UInt8 = 0
    while unsafe read(connection, &byte, 1) == 1 {
      text.append(byte)
      if text.suffix(4) == [13, 10, 13, 10] { break }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private func get(_ address: Address, timeout: Duration = .seconds(5)) -> Result<HTTPResponse, HTTPFailure> {
    do throws(HTTPFailure) {
      return .success(try HTTPClient([address], timeout: timeout).get("/a?b=c"))
    } catch {
      return .failure(error)
    }
  }

  @Test func requestNamesPathAndAddress() throws {
    let address = try server { connection in
      let request = Self.readRequest(connection)
      Self.write("HTTP/1.1 200 OK\r\nContent-Length: \(request.utf8.count)\r\n\r\n\(request)", to: connection)
    }
    let response = try get(address).get()
    #expect(
      String(decoding: response.body, as: UTF8.self)
        == "GET /a?b=c HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n\r\n")
  }

  @Test func responseInSingleBytesIsRead() throws {
    let address = try server { connection in
      Self.readRequest(connection)
      for byte in "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n" {
        Self.write(String(byte), to: connection)
        usleep(500)
      }
    }
    #expect(get(address) == .success(HTTPResponse(503, body: Array("no".utf8))))
  }

  @Test func serverThatSaysNothingIsGivenUp() throws {
    let address = try server { _ in sleep(2) }
    let start = ContinuousClock.now
    #expect(get(address, timeout: .milliseconds(300)) == .failure(.timedOut))
    #expect(ContinuousClock.now - start < .seconds(2))
  }

  /// Each byte would start a wait of its own, if the deadline were not that of the whole answer.
  @Test func slowServerIsGivenUp() throws {
    let address = try server { connection in
      signal(SIGPIPE, SIG_IGN)
      Self.readRequest(connection)
      Self.write("HTTP/1.1 200 OK\r\n\r\n", to: connection)
      for _ in 0..<100 {
        Self.write("x", to: connection)
        usleep(20_000)
      }
    }
    #expect(get(address, timeout: .milliseconds(400)) == .failure(.timedOut))
  }

  @Test func connectionClosedInTheMiddleIsAnError() throws {
    let address = try server { connection in
      Self.readRequest(connection)
      Self.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", to: connection)
    }
    #expect(get(address) == .failure(.closed))
  }

  @Test func endlessBodyIsRefused() throws {
    let address = try server { connection in
      signal(SIGPIPE, SIG_IGN)
      Self.readRequest(connection)
      Self.write("HTTP/1.1 200 OK\r\n\r\n", to: connection)
      let block = String(repeating: "x", count: 1 << 20)
      for _ in 0..<40 { Self.write(block, to: connection) }
    }
    #expect(get(address, timeout: .seconds(20)) == .failure(.tooLarge))
  }

  @Test func nextAddressIsTriedWhenOneRefuses() throws {
    let closed = try server { _ in }
    #expect(get(closed) != .failure(.timedOut))
    let open = try server { connection in
      Self.readRequest(connection)
      Self.write("HTTP/1.1 200 OK\r\n\r\n", to: connection)
    }
    let refused = try #require(Address(ip: "127.0.0.1", port: 1))
    #expect(try HTTPClient([refused, open], timeout: .seconds(5)).get("/").status == 200)
    #expect(get(refused) == .failure(.system(SystemError(errno: ECONNREFUSED, operation: "connect"))))
    let nowhere = try #require(Address(unixPath: "/nonexistent/socket"))
    #expect(get(nowhere) == .failure(.system(SystemError(errno: ENOENT, operation: "connect"))))
  }

  @Test func waitThatIsEndedEndsTheRequest() throws {
    let address = try server { _ in sleep(1) }
    let client = HTTPClient([address], timeout: .seconds(5))
    let start = ContinuousClock.now
    #expect(throws: HTTPFailure.timedOut) { try client.get("/") { _, toWrite, _ in toWrite } }
    #expect(ContinuousClock.now - start < .seconds(1))
  }
}
