import Bytes
import Glibc
import Net
import Settings

/// Why no measurement was possible, and what to do about it.
struct BenchFailure: Error {
  var reason: String
  var hint: String?

  /// The line for the user.
  var description: String { reason + (hint.map { "; \($0)" } ?? "") }
}

/// The memcached or proxy to measure, found by one connection that asks it for a key.
struct Target {
  let name: String
  let address: Address
  /// The longest time that a connection, or the first reply, may take.
  static let patience = Duration.seconds(5)

  /// Looks the target up and tries its addresses in turn, with a get that every memcached and every proxy understands.
  init(_ endpoint: Endpoint, probing keys: KeySpace) throws(BenchFailure) {
    name = endpoint.description
    var failure = BenchFailure(reason: "\(name) has no address")
    for address in try Self.addresses(of: endpoint) {
      do throws(BenchFailure) {
        let descriptor = try Self.connect(to: address, name)
        defer { Socket.close(descriptor) }
        try Self.probe(descriptor, keys, name)
        self.address = address
        return
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private static func addresses(of endpoint: Endpoint) throws(BenchFailure) -> [Address] {
    switch endpoint {
    case .unix(let path): return Address(unixPath: path).map { [$0] } ?? []
    case .tcp(let host, let port):
      do throws(ResolveError) {
        return try Address.resolve(host: host, port: port)
      } catch {
        throw BenchFailure(reason: error.description, hint: "is the name right?")
      }
    }
  }

  /// A connection that is open, not only begun.
  static func connect(to address: Address, _ name: String) throws(BenchFailure) -> Int32 {
    switch Socket.connect(to: address) {
    case .connected(let descriptor): return descriptor
    case .failed(let reason): throw refusal(of: name, reason)
    case .inProgress(let descriptor):
      let isReady = Socket.wait(for: descriptor, toWrite: true, until: Clock.now().advanced(by: patience))
      let reason = isReady ? Socket.connectError(descriptor) : ETIMEDOUT
      if reason == 0 { return descriptor }
      Socket.close(descriptor)
      throw refusal(of: name, reason)
    }
  }

  private static func refusal(of name: String, _ reason: Int32) -> BenchFailure {
    let hint: String? =
      switch reason {
      case ECONNREFUSED: "nothing listens there: is it running, and is the port right?"
      case ENOENT: "there is no such socket"
      case EACCES, EPERM: "this user may not open the socket"
      case EAGAIN: "the socket's queue is full; try fewer --connections"
      case ETIMEDOUT: "a firewall, or a wrong address?"
      case EMFILE, ENFILE: "too many descriptors are open; try fewer --connections, or raise ulimit -n"
      default: nil
      }
    return BenchFailure(reason: "cannot connect to \(name): \(SystemError.reason(reason))", hint: hint)
  }

  /// Asks for a key that is not there, and checks the answer.
  private static func probe(_ descriptor: Int32, _ keys: KeySpace, _ name: String) throws(BenchFailure) {
    var pool = BufferPool()
    var request = Buffer()
    request.append("get ", &pool)
    keys.append(key: 0, to: &request, &pool)
    request.append("\r\n", &pool)
    guard case .sent(let n) = Socket.send(descriptor, request.readable), n == request.count else {
      throw BenchFailure(reason: "\(name) closed the connection", hint: "is it a memcached?")
    }
    var scratch = Scratch(capacity: 4096)
    var answer: [UInt8] = []
    let deadline = Clock.now().advanced(by: patience)
    while !answer.contains(10) && answer.count <= ReplyReader.longestLine {
      guard Socket.wait(for: descriptor, toWrite: false, until: deadline) else {
        throw BenchFailure(
          reason: "\(name) accepts connections but does not answer",
          hint: "is it a memcached, and not stopped?")
      }
      switch scratch.receive(descriptor) {
      case .bytes(let count): for i in 0..<count { answer.append(scratch.bytes.byte(at: i)) }
      case .wouldBlock: continue
      case .closed, .failed:
        throw BenchFailure(
          reason: "\(name) closed the connection without an answer",
          hint: "is it a memcached, without TLS, and below its connection limit?")
      }
    }
    try judge(answer, keys, name)
  }

  private static func judge(_ answer: [UInt8], _ keys: KeySpace, _ name: String) throws(BenchFailure) {
    var reader = ReplyReader()
    var position = 0
    switch reader.next(answer.span.raw, &position, keys) {
    case .end: return
    case .refusal(let text) where text.hasPrefix("SERVER_ERROR"):
      // A proxy whose servers are down: the run will show it.
      return
    case .refusal(let text):
      let isPassword = text.contains("unauthenticated")
      let isFull = text.contains("Too many open connections")
      throw BenchFailure(
        reason: "\(name) refuses a get: \(text)",
        hint: isPassword
          ? "it wants a password, which ringroad bench cannot give"
          : isFull ? "it is at its connection limit" : "is it a memcached?")
    default:
      let isHTTP = answer.starts(with: "HTTP/".utf8)
      throw BenchFailure(
        reason: "\(name) does not answer as a memcached does",
        hint: isHTTP ? "it is an HTTP server" : "is the port right?")
    }
  }
}
