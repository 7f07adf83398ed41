import Bytes
import Glibc
import Net
import Testing

@testable import Runtime

@Suite struct ProbeTests {
  @Test(arguments: ["VERSION 1.6.18\r\n", "VERSION 1.4.0-beta\r\n"])
  func aServerThatSaysItsVersionIsBackHoweverItComes(_ answer: String) throws {
    for cut in 0..<answer.utf8.count {
      let (link, start) = try connected(owesFlush: false)
      var probe = start
      #expect(link.read() == "version\r\n")
      let bytes = Array(answer.utf8)
      if cut > 0 { #expect(say(&probe, Array(bytes[..<cut])) == .waiting) }
      #expect(say(&probe, Array(bytes[cut...])) == .alive)
    }
  }

  @Test(arguments: [
    "ERROR\r\n", "STORED\r\n", "HTTP/1.1 400 Bad Request\r\n", "VERSION 1.6\r\nVERSION 1.6\r\n",
    "VERSION 1.6\r\nx", "SERVER_ERROR out of memory\r\n", "\r\n", "\0\0\0\0\r\n",
  ])
  func whoSaysAnythingElseIsNotBack(_ answer: String) throws {
    let (link, start) = try connected(owesFlush: false)
    defer { withExtendedLifetime(link) {} }
    var probe = start
    #expect(say(&probe, Array(answer.utf8)) == .dead)
  }

  @Test func aLineWithoutAnEndIsNotWaitedForForEver() throws {
    let (link, start) = try connected(owesFlush: false)
    defer { withExtendedLifetime(link) {} }
    var probe = start
    var verdict = Probe.Verdict.waiting
    for _ in 0..<1000 where verdict == .waiting {
      verdict = say(&probe, [UInt8](repeating: 65, count: 1000))
    }
    #expect(verdict == .dead)
    #expect(probe.reply.count < 100_000)
  }

  @Test func whoOwesAFlushIsFlushedFirst() throws {
    let (link, start) = try connected(owesFlush: true)
    var probe = start
    #expect(link.read() == "version\r\n")
    #expect(say(&probe, Array("VERSION 1.6.18\r\n".utf8)) == .waiting)
    #expect(link.read() == "flush_all\r\n")
    #expect(say(&probe, Array("OK\r\n".utf8)) == .alive)
  }

  @Test(arguments: ["ERROR\r\n", "VERSION 1.6.18\r\n", "SERVER_ERROR no\r\n"])
  func whoIsNotFlushedIsNotBack(_ answer: String) throws {
    let (link, start) = try connected(owesFlush: true)
    defer { withExtendedLifetime(link) {} }
    var probe = start
    #expect(say(&probe, Array("VERSION 1.6.18\r\n".utf8)) == .waiting)
    #expect(say(&probe, Array(answer.utf8)) == .dead)
  }

  @Test func aConnectionThatFailedIsADeadServer() throws {
    // Nobody listens on a port that was just given back.
    let address: Address
    do {
      let listener = try Listener(try #require(Address(ip: "127.0.0.1", port: 0)))
      address = listener.address
    }
    switch Socket.connect(to: address) {
    case .failed(let reason): #expect(reason == ECONNREFUSED)
    case .connected(let descriptor), .inProgress(let descriptor):
      defer { Socket.close(descriptor) }
      var probe = Self.probe(descriptor, owesFlush: false)
      usleep(20_000)
      #expect(probe.connected() == .dead)
    }
  }

  // MARK: - Both ends

  /// The server's end of the probe's connection.
  private final class Link {
    let probe: Int32
    let server: Int32
    init(probe: Int32, server: Int32) {
      self.probe = probe
      self.server = server
    }
    deinit {
      Socket.close(probe)
      Socket.close(server)
    }

    /// What the probe has asked.
    func read() -> String {
      var scratch = Scratch(capacity: 1024)
      for _ in 0..<200 {
        if case .bytes(let n) = scratch.receive(server) {
          return String(decoding: (0..<n).map { scratch.bytes.byte(at: $0) }, as: UTF8.self)
        }
        usleep(1000)
      }
      return ""
    }
  }

  private func connected(owesFlush: Bool) throws -> (Link, Probe) {
    let listener = try Listener(try #require(Address(ip: "127.0.0.1", port: 0)))
    let descriptor: Int32
    switch Socket.connect(to: listener.address) {
    case .connected(let d), .inProgress(let d): descriptor = d
    case .failed(let reason): throw SystemError(errno: reason, operation: "connect")
    }
    for _ in 0..<200 {
      if case .accepted(let server, _) = listener.accept() {
        let link = Link(probe: descriptor, server: server)
        var probe = Self.probe(descriptor, owesFlush: owesFlush)
        try #require(probe.connected() == .waiting)
        return (link, probe)
      }
      usleep(1000)
    }
    throw SystemError(errno: ETIMEDOUT, operation: "accept")
  }

  private static func probe(_ descriptor: Int32, owesFlush: Bool) -> Probe {
    Probe(server: 1, descriptor: descriptor, watch: .none, deadline: .never, owesFlush: owesFlush)
  }

  private func say(_ probe: inout Probe, _ bytes: [UInt8]) -> Probe.Verdict {
    // SAFETY: a byte has no padding that could be uninitialised.
    unsafe probe.received(bytes.span.bytes)
  }
}
