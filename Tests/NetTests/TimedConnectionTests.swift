import Bytes
import Glibc
import Testing

@testable import Net

/// Connections for threads that wait, to peers that do not answer.
@Suite struct TimedConnectionTests {
  /// A listener that nothing accepts from: the kernel connects, and nothing is ever received.
  private static func silentListener() throws -> (descriptor: Int32, address: Address) {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_INET, kind, 0)
    try #require(listen(descriptor, 4) == 0)
    let port = try #require(Address.local(of: descriptor)?.port)
    return (descriptor, try #require(Address(ip: "127.0.0.1", port: port)))
  }

  private static func soon(_ milliseconds: Int) -> Instant {
    Clock.now().advanced(by: .milliseconds(milliseconds))
  }

  @Test func bytesAreExchangedUntilTheEnd() throws {
    let (listener, address) = try Self.silentListener()
    defer { Socket.close(listener) }
    let connection = try TimedConnection.open([address], patience: .seconds(5))
    guard case .accepted(let far, _) = Socket.accept(listener) else {
      Issue.record("no connection")
      return
    }
    try connection.send(Array("question".utf8), until: Self.soon(5000))
    var scratch = Scratch()
    #expect(scratch.receive(far) == .bytes(8))
    #expect(Socket.send(far, Array("answer".utf8).span.raw) == .sent(6))
    Socket.close(far)
    var chunk = [UInt8](repeating: 0, count: 4)
    #expect(try connection.receive(into: &chunk, until: Self.soon(5000)) == Array("answ".utf8)[...])
    #expect(try connection.receive(into: &chunk, until: Self.soon(5000)) == Array("er".utf8)[...])
    #expect(try connection.receive(into: &chunk, until: Self.soon(5000)).isEmpty)
    #expect(connection.peer == address)
  }

  @Test func aSilentPeerIsLeftAtTheDeadline() throws {
    let (listener, address) = try Self.silentListener()
    defer { Socket.close(listener) }
    let connection = try TimedConnection.open([address], patience: .seconds(5))
    var chunk = [UInt8](repeating: 0, count: 16)
    var reasons: [Int32] = []
    do throws(SystemError) {
      _ = try connection.receive(into: &chunk, until: Self.soon(30))
    } catch {
      reasons.append(error.errno)
    }
    // More than the kernel keeps for a peer that does not read.
    do throws(SystemError) {
      try connection.send([UInt8](repeating: 0, count: 32 << 20), until: Self.soon(30))
    } catch {
      reasons.append(error.errno)
    }
    #expect(reasons == [ETIMEDOUT, ETIMEDOUT])
  }

  @Test func theNextAddressIsTriedAndTheLastErrorThrown() throws {
    let (listener, address) = try Self.silentListener()
    let (closed, nowhere) = try Self.silentListener()
    Socket.close(closed)
    let connection = try TimedConnection.open([nowhere, address], patience: .seconds(5))
    #expect(connection.peer == address)
    Socket.close(listener)
    var reason: Int32 = 0
    do throws(SystemError) {
      _ = try TimedConnection.open([nowhere], patience: .seconds(5))
    } catch {
      reason = error.errno
    }
    #expect(reason == ECONNREFUSED)
    #expect(throws: SystemError.self) { try TimedConnection.open([], patience: .seconds(5)).peer }
  }
}
