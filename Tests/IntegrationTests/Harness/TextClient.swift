import Bytes
import Glibc
import Net

/// Why a client did not get the expected reply.
enum ClientFailure: Error, Equatable {
  case cannotConnect(Int32)
  case timedOut
  /// The server closed the connection, or it broke.
  case closed
  /// A line that is not valid here.
  case unexpected(String)
}

/// A blocking client of memcached's text protocol; each wait lasts at most `patience`.
final class TextClient {
  struct Value: Equatable {
    var key: String
    var flags: UInt32
    var bytes: [UInt8]
    var cas: UInt64?

    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  var patience: Duration
  private let descriptor: Int32
  private var input: [UInt8] = []
  private var start = 0

  init(_ address: Address, patience: Duration = .seconds(5)) throws(ClientFailure) {
    self.patience = patience
    switch Socket.connect(to: address) {
    case .connected(let descriptor): self.descriptor = descriptor
    case .inProgress(let descriptor):
      self.descriptor = descriptor
      try wait(for: POLLOUT, until: Clock.now().advanced(by: patience))
      let reason = Socket.connectError(descriptor)
      if reason != 0 { throw .cannotConnect(reason) }
    case .failed(let reason): throw .cannotConnect(reason)
    }
  }

  convenience init(
    ip: String = "127.0.0.1", port: UInt16, patience: Duration = .seconds(5)
  ) throws(ClientFailure) {
    guard let address = Address(ip: ip, port: port) else { throw .cannotConnect(EINVAL) }
    try self.init(address, patience: patience)
  }

  deinit { Socket.close(descriptor) }

  // MARK: - Bytes

  func send(_ text: String) throws(ClientFailure) { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws(ClientFailure) {
    let deadline = Clock.now().advanced(by: patience)
    var sent = 0
    while sent < bytes.count { sent += try offer(bytes, from: sent, until: deadline) }
  }

  /// Sends the bytes that the socket accepts now; 0 if it accepts none before the deadline.
  func offer(_ bytes: [UInt8], from start: Int, until deadline: Instant) throws(ClientFailure) -> Int {
    // SAFETY: a byte has no padding that could be uninitialised.
    let span = unsafe bytes.span.bytes
    switch Socket.send(descriptor, span.extracting(droppingFirst: start)) {
    case .sent(let n): return n
    case .wouldBlock:
      try wait(for: POLLOUT, until: deadline)
      return 0
    case .failed: throw .closed
    }
  }

  /// The next line, without its line end.
  func line() throws(ClientFailure) -> String {
    let deadline = Clock.now().advanced(by: patience)
    var scanned = start
    while true {
      if let end = input[scanned...].firstIndex(of: 10) {
        let line = input[start..<(end > start && input[end - 1] == 13 ? end - 1 : end)]
        start = end + 1
        return String(decoding: line, as: UTF8.self)
      }
      let waiting = input.count - start
      try fill(until: deadline)
      scanned = start + waiting
    }
  }

  /// The next `count` bytes.
  func bytes(_ count: Int) throws(ClientFailure) -> [UInt8] {
    let deadline = Clock.now().advanced(by: patience)
    while input.count - start < count { try fill(until: deadline) }
    defer { start += count }
    return Array(input[start..<start + count])
  }

  private func fill(until deadline: Instant) throws(ClientFailure) {
    if start > 0 {
      input.removeSubrange(..<start)
      start = 0
    }
    while true {
      switch receive() {
      case .bytes: return
      case .wouldBlock: try wait(for: POLLIN, until: deadline)
      case .closed, .failed: throw .closed
      }
    }
  }

  private func receive() -> ReceiveResult {
    // SAFETY: the buffer lives as long as the closure, and only what was written is read.
    unsafe withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer in
      let result = unsafe Socket.receive(descriptor, into: buffer)
      if case .bytes(let n) = result { unsafe input.append(contentsOf: buffer[..<n]) }
      return result
    }
  }

  private func wait(for events: Int32, until deadline: Instant) throws(ClientFailure) {
    let rest = deadline.since(Clock.now())
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let milliseconds = Int32(clamping: rest / .milliseconds(1) < 0 ? 0 : Int(rest / .milliseconds(1)) + 1)
    // SAFETY: a pointer to a local; the count is one.
    let n = unsafe poll(&entry, 1, milliseconds)
    if n == 0 { throw .timedOut }
  }

  /// Whether the server closes the connection within the limit. Bytes received meanwhile are kept.
  func isClosed(within limit: Duration) -> Bool {
    let deadline = Clock.now().advanced(by: limit)
    while true {
      do throws(ClientFailure) { try fill(until: deadline) } catch { return error == .closed }
    }
  }

  /// The number of bytes received but not yet read.
  var leftover: Int { input.count - start }

  // MARK: - Requests

  /// Sends a line and returns the first line of the reply.
  func ask(_ line: String) throws(ClientFailure) -> String {
    try send(line + "\r\n")
    return try self.line()
  }

  func set(_ key: String, _ value: [UInt8], flags: UInt32 = 0) throws(ClientFailure) -> String {
    try send(Array("set \(key) \(flags) 0 \(value.count)\r\n".utf8) + value + [13, 10])
    return try line()
  }

  func set(_ key: String, _ value: String, flags: UInt32 = 0) throws(ClientFailure) -> String {
    try set(key, Array(value.utf8), flags: flags)
  }

  func get(_ key: String) throws(ClientFailure) -> Value? { try get([key]).first }

  func get(_ keys: [String], command: String = "get") throws(ClientFailure) -> [Value] {
    try send(command + " " + keys.joined(separator: " ") + "\r\n")
    return try values()
  }

  /// The values up to `END`; any other line in between is thrown.
  func values() throws(ClientFailure) -> [Value] {
    let (values, end) = try valuesAndEnd()
    if end != "END" { throw .unexpected(end) }
    return values
  }

  /// The values, and the first line that is not part of one.
  func valuesAndEnd() throws(ClientFailure) -> ([Value], end: String) {
    var values: [Value] = []
    while true {
      let header = try line()
      let words = header.split(separator: " ")
      guard words.count == 4 || words.count == 5, words[0] == "VALUE", let flags = UInt32(words[2]),
        let count = Int(words[3])
      else { return (values, header) }
      let body = try bytes(count + 2)
      guard body.suffix(2) == [13, 10] else {
        throw .unexpected("no line end after the value of \(words[1])")
      }
      values.append(
        Value(
          key: String(words[1]), flags: flags, bytes: Array(body.dropLast(2)),
          cas: words.count == 5 ? UInt64(words[4]) : nil))
    }
  }

  /// The rows of `stats` with this argument, as a dictionary.
  func stats(_ word: String = "") throws(ClientFailure) -> [String: String] {
    try send(word.isEmpty ? "stats\r\n" : "stats \(word)\r\n")
    var rows: [String: String] = [:]
    while true {
      let line = try line()
      if line == "END" { return rows }
      let words = line.split(separator: " ", maxSplits: 2)
      guard words.count >= 2, words[0] == "STAT" else { throw .unexpected(line) }
      rows[String(words[1])] = words.count == 3 ? String(words[2]) : ""
    }
  }
}
