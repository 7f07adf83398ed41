import Glibc
import Testing

@testable import Net

@Suite struct SocketTests {
  private func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32 {
    var value: Int32 = -1
    var length = socklen_t(4)
    unsafe getsockopt(descriptor, level, name, &value, &length)
    return value
  }

  @Test func bothTCPEndsAreNonBlockingWithNoDelayAndKeepalive() throws {
    let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    var loop = try EventLoop()
    var client: Int32 = -1
    switch Socket.connect(to: listener.address) {
    case .connected(let fd), .inProgress(let fd): client = fd
    case .failed(let reason): Issue.record("connect: \(reason)")
    }
    _ = loop.watch(listener.descriptor, token: Token(kind: 1))
    #expect(nextNotes(&loop).count == 1)
    guard case .accepted(let server, let peer) = listener.accept() else {
      Issue.record("nothing to accept")
      return
    }
    #expect(peer == Address.local(of: client))
    #expect(Socket.connectError(client) == 0)
    for end in [client, server] {
      #expect(fcntl(end, F_GETFL) & O_NONBLOCK != 0)
      #expect(fcntl(end, F_GETFD) & FD_CLOEXEC != 0)
      let tcp = Int32(IPPROTO_TCP)
      #expect(option(end, tcp, TCP_NODELAY) == 1)
      #expect(option(end, SOL_SOCKET, SO_KEEPALIVE) == 1)
      #expect(option(end, tcp, TCP_KEEPIDLE) == 30)
      #expect(option(end, tcp, TCP_KEEPINTVL) == 10)
      #expect(option(end, tcp, TCP_KEEPCNT) == 3)
    }
    if case .wouldBlock = listener.accept() {} else { Issue.record("accepted twice") }
    Socket.close(client)
    Socket.close(server)
  }

  @Test func refusedConnectionIsReported() throws {
    // A port that was just free and has no listener.
    let address: Address
    do {
      let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
      address = listener.address
    }
    var result = Socket.connect(to: address)
    // A child process that another test starts at this moment may still have the listener open.
    for _ in 0..<100 {
      guard case .connected(let client) = result else { break }
      Socket.close(client)
      usleep(1000)
      result = Socket.connect(to: address)
    }
    switch result {
    case .failed(let reason): #expect(reason == ECONNREFUSED)
    case .connected: Issue.record("it connected to a port without a listener")
    case .inProgress(let client):
      var loop = try EventLoop()
      let watch = loop.watch(client, token: Token(kind: 1))
      loop.wantWrite(watch, true)
      #expect(nextNotes(&loop).first?.events.canWrite == true)
      #expect(Socket.connectError(client) == ECONNREFUSED)
      loop.unwatch(watch)
      Socket.close(client)
    }
    let nowhere = try #require(Address(unixPath: "/nonexistent/socket"))
    #expect(Socket.connect(to: nowhere) == .failed(ENOENT))
  }

  @Test func sentBytesArriveAndTheCloseIsSeen() throws {
    let pair = try Pair()
    var scratch = Scratch()
    #expect(scratch.receive(pair.far) == .wouldBlock)
    #expect(send(pair.near, "hello") == .sent(5))
    #expect(scratch.receive(pair.far) == .bytes(5))
    #expect(text(scratch.bytes) == "hello")
    shutdown(pair.near, Int32(SHUT_WR))
    #expect(scratch.receive(pair.far) == .closed)
    #expect(scratch.bytes.byteCount == 0)
  }

  @Test func fullSocketAcceptsAPartialSendThenNothing() throws {
    let pair = try Pair()
    let large = [UInt8](repeating: 1, count: 8 << 20)
    guard case .sent(let part) = Socket.send(pair.near, large) else {
      Issue.record("nothing was sent")
      return
    }
    #expect(part > 0 && part < large.count)
    #expect(Socket.send(pair.near, large) == .wouldBlock)
    #expect(pair.drainFar() == part)
  }

  @Test func sendingToAClosedPeerFailsWithoutASignal() throws {
    let pair = try Pair()
    shutdown(pair.far, Int32(SHUT_RD))
    #expect(send(pair.near, "x") == .failed(EPIPE))
  }

  @Test func callsOnAnInvalidDescriptorFail() {
    var scratch = Scratch(capacity: 16)
    #expect(scratch.receive(-1) == .failed(EBADF))
    #expect(send(-1, "x") == .failed(EBADF))
    if case .failed(EBADF) = Socket.accept(-1) {} else { Issue.record("accepted from nothing") }
  }

  @Test func oneReadTakesAtMostTheScratchCapacity() throws {
    let pair = try Pair()
    var scratch = Scratch(capacity: 4)
    #expect(send(pair.near, "abcdefg") == .sent(7))
    #expect(scratch.receive(pair.far) == .bytes(4))
    #expect(text(scratch.bytes) == "abcd")
    #expect(scratch.receive(pair.far) == .bytes(3))
    #expect(text(scratch.bytes) == "efg")
    let none = unsafe Socket.receive(pair.far, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
    #expect(none == .bytes(0))
  }
}
