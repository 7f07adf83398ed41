import Glibc
import Net

/// A blocking memcached client, as an application has one, for memcacheds and for the proxy.
///
/// It checks every reply: one that breaks the protocol ends the demo.
final class DemoClient {
  private let descriptor: Int32
  private let name: String
  private let patience: DemoPatience
  private var chunk = [UInt8](repeating: 0, count: 64 << 10)
  /// The bytes received, and the number of them already read.
  private var received: [UInt8] = []
  private var position = 0

  /// The longest time to wait for a reply.
  private static let limit = Duration.seconds(10)

  init(_ port: UInt16, _ patience: DemoPatience) throws(DemoFailure) {
    name = "127.0.0.1:\(port)"
    self.patience = patience
    guard let address = Address(ip: "127.0.0.1", port: port) else { throw .told("no address") }
    switch Socket.connect(to: address) {
    case .connected(let descriptor): self.descriptor = descriptor
    case .inProgress(let descriptor): self.descriptor = descriptor
    case .failed(let reason): throw .told("\(name): \(SystemError.reason(reason))")
    }
    guard try patience.wait(for: descriptor, toWrite: true, until: .now + Self.limit) else {
      throw .told("\(name) accepts no connection")
    }
    let reason = Socket.connectError(descriptor)
    guard reason == 0 else { throw .told("\(name): \(SystemError.reason(reason))") }
  }

  deinit { Socket.close(descriptor) }

  // MARK: - Commands

  /// Sends one line; returns the first line of the reply.
  func ask(_ line: String) throws(DemoFailure) -> String {
    try send(line + "\r\n")
    return try readLine()
  }

  /// Stores values, with all requests in one send; returns one reply for each, in order.
  func set(_ items: [(key: String, value: String)]) throws(DemoFailure) -> [String] {
    var request = ""
    for item in items { request += "set \(item.key) 0 0 \(item.value.utf8.count)\r\n\(item.value)\r\n" }
    try send(request)
    var answers: [String] = []
    for _ in items { answers.append(try readLine()) }
    return answers
  }

  /// Sends one multi-get; returns the values found, in the order of the reply.
  func get(_ keys: ArraySlice<String>) throws(DemoFailure) -> [(key: String, value: String)] {
    try send("get " + keys.joined(separator: " ") + "\r\n")
    var items: [(key: String, value: String)] = []
    while true {
      let line = try readLine()
      if line == "END" { return items }
      let words = line.split(separator: " ")
      guard words.count == 4, words[0] == "VALUE", let count = Int(words[3]) else {
        throw .told("\(name) answers a get with \"\(line)\"")
      }
      let value = try read(count)
      guard try readLine().isEmpty else { throw .told("\(name): a value is longer than its header says") }
      items.append((String(words[1]), value))
    }
  }

  /// The rows of `stats`, in their order.
  func stats(_ kind: String = "") throws(DemoFailure) -> [(name: String, value: String)] {
    try send(kind.isEmpty ? "stats\r\n" : "stats \(kind)\r\n")
    var rows: [(name: String, value: String)] = []
    while true {
      let line = try readLine()
      if line == "END" { return rows }
      let words = line.split(separator: " ", maxSplits: 2)
      guard words.count >= 2, words[0] == "STAT" else {
        throw .told("\(name) answers stats with \"\(line)\"")
      }
      rows.append((String(words[1]), words.count == 3 ? String(words[2]) : ""))
    }
  }

  // MARK: - Bytes

  private func send(_ text: String) throws(DemoFailure) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let rest = bytes.span.raw.extracting(droppingFirst: sent)
      switch Socket.send(descriptor, rest) {
      case .sent(let n): sent += n
      case .wouldBlock:
        guard try patience.wait(for: descriptor, toWrite: true, until: .now + Self.limit) else {
          throw .told("\(name) does not read the request")
        }
      case .failed(let reason): throw .told("\(name): \(SystemError.reason(reason))")
      }
    }
  }

  /// The next line, without its line end.
  private func readLine() throws(DemoFailure) -> String {
    var end = position
    while true {
      while end < received.count {
        if received[end] == 10 {
          let line = received[position..<end]
          position = end + 1
          return String(decoding: line.last == 13 ? line.dropLast() : line, as: UTF8.self)
        }
        end += 1
      }
      end -= try receive()
    }
  }

  private func read(_ count: Int) throws(DemoFailure) -> String {
    while received.count - position < count { _ = try receive() }
    defer { position += count }
    return String(decoding: received[position..<position + count], as: UTF8.self)
  }

  /// Waits for more bytes; returns the number of bytes by which the unread ones moved to the front.
  private func receive() throws(DemoFailure) -> Int {
    let moved = position
    received.removeFirst(position)
    position = 0
    let deadline = ContinuousClock.now + Self.limit
    while true {
      // SAFETY: the array's own bytes and count.
      let result = unsafe chunk.withUnsafeMutableBytes { unsafe Socket.receive(descriptor, into: $0) }
      switch result {
      case .bytes(let n):
        received += chunk[..<n]
        return moved
      case .wouldBlock:
        guard try patience.wait(for: descriptor, until: deadline) else {
          throw .told("\(name) does not answer")
        }
      case .closed: throw .told("\(name) closed the connection")
      case .failed(let reason): throw .told("\(name): \(SystemError.reason(reason))")
      }
    }
  }
}
