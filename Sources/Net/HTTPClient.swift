import Glibc

/// Asks an HTTP server with GET: a connection for each request, and a deadline for all of it.
package struct HTTPClient: Sendable {
  /// Waits until a descriptor is ready to be read, or written; false if it is not by the deadline, or the wait was
  /// ended.
  package typealias Wait = (_ descriptor: Int32, _ toWrite: Bool, ContinuousClock.Instant) -> Bool

  /// The server's addresses, tried one after the other.
  package let addresses: [Address]
  package var timeout: Duration

  package init(_ addresses: [Address], timeout: Duration) {
    self.addresses = addresses
    self.timeout = timeout
  }

  /// The response of the first address that can be connected to.
  ///
  /// - target: path and query, percent-encoded.
  /// - wait: what to do while nothing has arrived.
  package func get(_ target: String, wait: Wait = HTTPClient.wait) throws(HTTPFailure) -> HTTPResponse {
    let deadline = ContinuousClock.now + timeout
    var failure = HTTPFailure.timedOut
    for address in addresses {
      let descriptor: Int32
      do throws(HTTPFailure) {
        descriptor = try connect(to: address, deadline, wait)
      } catch {
        failure = error
        continue
      }
      defer { Socket.close(descriptor) }
      try send(request(target, at: address), to: descriptor, deadline, wait)
      return try receive(from: descriptor, deadline, wait)
    }
    throw failure
  }

  /// Hands over the status and the body of a response as that arrives, until it ends or `take` returns false. Each piece
  /// must arrive before the timeout.
  package func stream(
    _ target: String, headers: [(name: String, value: String)], take: (_ status: Int, [UInt8]) -> Bool
  ) throws(HTTPFailure) {
    var failure = HTTPFailure.timedOut
    for address in addresses {
      let deadline = ContinuousClock.now + timeout
      let descriptor: Int32
      do throws(HTTPFailure) {
        descriptor = try connect(to: address, deadline, Self.wait)
      } catch {
        failure = error
        continue
      }
      defer { Socket.close(descriptor) }
      try send(request(target, headers, at: address), to: descriptor, deadline, Self.wait)
      var parser = HTTPReplyParser()
      while true {
        let isWhole = try receivePiece(&parser, from: descriptor)
        let body = parser.takeBody()
        // A response without a body has a status too.
        guard body.isEmpty && !isWhole || take(parser.status, body), !isWhole else { return }
      }
    }
    throw failure
  }

  /// Receives what has arrived, or arrives before the timeout; returns whether the response is whole.
  private func receivePiece(
    _ parser: inout HTTPReplyParser, from descriptor: Int32
  ) throws(HTTPFailure) -> Bool {
    let deadline = ContinuousClock.now + timeout
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      // SAFETY: the array's own bytes and count.
      let result = unsafe chunk.withUnsafeMutableBytes { unsafe Socket.receive(descriptor, into: $0) }
      switch result {
      case .bytes(let count): return try parser.take(chunk[..<count])
      case .closed:
        try parser.end()
        return true
      case .wouldBlock: guard Self.wait(descriptor, false, until: deadline) else { throw .timedOut }
      case .failed(let reason): throw .system(SystemError(errno: reason, operation: "receive"))
      }
    }
  }

  private func request(
    _ target: String, _ headers: [(name: String, value: String)] = [], at address: Address
  ) -> [UInt8] {
    // A name in this header could be one that the server does not know.
    let host = address.isTCP ? address.description : "localhost"
    let more = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
    return Array("GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\(more)\r\n".utf8)
  }

  /// Waits for nothing else.
  package static func wait(
    _ descriptor: Int32, _ toWrite: Bool, until deadline: ContinuousClock.Instant
  ) -> Bool {
    !Poll.wait(
      toRead: toWrite ? [] : [descriptor], toWrite: toWrite ? [descriptor] : [], until: deadline
    ).isEmpty
  }

  private func connect(
    to address: Address, _ deadline: ContinuousClock.Instant, _ wait: Wait
  ) throws(HTTPFailure) -> Int32 {
    switch Socket.connect(to: address) {
    case .connected(let descriptor): return descriptor
    case .failed(let reason): throw .system(SystemError(errno: reason, operation: "connect"))
    case .inProgress(let descriptor):
      guard wait(descriptor, true, deadline) else {
        Socket.close(descriptor)
        throw .timedOut
      }
      let reason = Socket.connectError(descriptor)
      guard reason == 0 else {
        Socket.close(descriptor)
        throw .system(SystemError(errno: reason, operation: "connect"))
      }
      return descriptor
    }
  }

  private func send(
    _ bytes: [UInt8], to descriptor: Int32, _ deadline: ContinuousClock.Instant, _ wait: Wait
  ) throws(HTTPFailure) {
    var sent = 0
    while sent < bytes.count {
      switch Socket.send(descriptor, bytes.span.raw.extracting(droppingFirst: sent)) {
      case .sent(let count): sent += count
      case .wouldBlock: guard wait(descriptor, true, deadline) else { throw .timedOut }
      case .failed(let reason): throw .system(SystemError(errno: reason, operation: "send"))
      }
    }
  }

  private func receive(
    from descriptor: Int32, _ deadline: ContinuousClock.Instant, _ wait: Wait
  ) throws(HTTPFailure) -> HTTPResponse {
    var parser = HTTPReplyParser()
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      // Also checked when there is always something to read.
      guard ContinuousClock.now < deadline else { throw .timedOut }
      // SAFETY: the array's own bytes and count.
      let result = unsafe chunk.withUnsafeMutableBytes { unsafe Socket.receive(descriptor, into: $0) }
      switch result {
      case .bytes(let count):
        if try parser.take(chunk[..<count]) { return HTTPResponse(parser.status, body: parser.body) }
      case .closed:
        try parser.end()
        return HTTPResponse(parser.status, body: parser.body)
      case .wouldBlock: guard wait(descriptor, false, deadline) else { throw .timedOut }
      case .failed(let reason): throw .system(SystemError(errno: reason, operation: "receive"))
      }
    }
  }
}
