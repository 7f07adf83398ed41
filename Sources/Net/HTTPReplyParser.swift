/// Why an HTTP request got no answer that can be used.
package enum HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
  case system(SystemError)
  case timedOut
  /// The server closed the connection in the middle of its answer.
  case closed
  /// The answer is no HTTP, in these words.
  case broken(String)
  case tooLarge

  package var description: String {
    switch self {
    case .system(let error): error.description
    case .timedOut: "no answer in time"
    case .closed: "the connection was closed before the end of the answer"
    case .broken(let words): "no valid answer: \(words)"
    case .tooLarge: "the answer is too large"
    }
  }
}

/// Parses one HTTP/1.1 response to a GET, whatever the pieces in which it arrives.
///
/// The body ends as `Content-Length` or `Transfer-Encoding: chunked` says, else with the connection. A response that
/// says both, or one of them twice, is refused: its end cannot be trusted.
package struct HTTPReplyParser: Sendable {
  /// The largest body, and the largest head: status line and headers, later the trailers.
  package static let mostBody = 16 << 20
  static let mostHead = 64 << 10
  /// The longest line of a chunk's size, with its extensions.
  static let longestSize = 256

  private enum State: Equatable {
    case statusLine, headers
    /// Bytes of the body that are missing; nil: the body ends with the connection.
    case body(Int?)
    case chunkSize
    case chunk(Int)
    case chunkEnd, trailers, done
  }

  /// 0 until the status line is read.
  package private(set) var status = 0
  package private(set) var body: [UInt8] = []
  private var state = State.statusLine
  /// What has arrived and is not parsed, from `position` on.
  private var input: [UInt8] = []
  private var position = 0
  private var head = 0
  private var length: Int?
  private var isChunked = false

  package init() {}

  /// Takes what has arrived; returns whether the response is whole. What follows it is ignored.
  package mutating func take(_ bytes: some Sequence<UInt8>) throws(HTTPFailure) -> Bool {
    input += bytes
    while try step() {}
    input.removeFirst(position)
    position = 0
    return state == .done
  }

  /// Removes and returns what has arrived of the body.
  package mutating func takeBody() -> [UInt8] {
    defer { body = [] }
    return body
  }

  /// The connection was closed: throws if the response is not whole.
  package func end() throws(HTTPFailure) {
    guard state == .done || state == .body(nil) else { throw .closed }
  }

  /// Parses the next line or piece; false if more bytes are needed.
  private mutating func step() throws(HTTPFailure) -> Bool {
    switch state {
    case .statusLine:
      guard let line = try line(most: Self.mostHead) else { return false }
      try readStatus(line)
      state = .headers
    case .headers:
      guard let line = try line(most: Self.mostHead - head) else { return false }
      if line.isEmpty { state = try afterHeaders() } else { try readHeader(line) }
    case .body(let missing):
      let count = min(input.count - position, missing ?? .max)
      try takeBody(count)
      guard let missing else { return false }
      state = missing == count ? .done : .body(missing - count)
      return state == .done
    case .chunkSize:
      guard let line = try line(most: Self.longestSize) else { return false }
      let size = try chunkSize(line)
      state = size == 0 ? .trailers : .chunk(size)
    case .chunk(let missing):
      let count = min(input.count - position, missing)
      try takeBody(count)
      state = missing == count ? .chunkEnd : .chunk(missing - count)
      return missing == count
    case .chunkEnd:
      guard position < input.count else { return false }
      guard input[position] == 13 || input[position] == 10 else {
        throw .broken("a chunk is longer than it says")
      }
      guard let line = try line(most: 3) else { return false }
      guard line.isEmpty else { throw .broken("a chunk is longer than it says") }
      state = .chunkSize
    case .trailers:
      guard let line = try line(most: Self.mostHead - head) else { return false }
      if line.isEmpty { state = .done }
    case .done: return false
    }
    return true
  }

  /// The next line without its end; nil if it is not whole.
  private mutating func line(most: Int) throws(HTTPFailure) -> [UInt8]? {
    let rest = input[position...].prefix(max(0, most))
    guard let end = rest.firstIndex(of: 10) else {
      if input.count - position >= most { throw .broken("a line is too long") }
      return nil
    }
    let line = input[position..<end]
    head += line.count + 1
    position = end + 1
    return Array(line.last == 13 ? line.dropLast() : line)
  }

  private mutating func takeBody(_ count: Int) throws(HTTPFailure) {
    guard count <= Self.mostBody - body.count else { throw .tooLarge }
    body += input[position..<position + count]
    position += count
  }

  private mutating func readStatus(_ line: [UInt8]) throws(HTTPFailure) {
    let text = String(decoding: line, as: UTF8.self)
    let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0", words[1].utf8.count == 3,
      let status = Int(words[1]), (200...599).contains(status)
    else { throw .broken("this is no HTTP server") }
    self.status = status
  }

  private mutating func readHeader(_ line: [UInt8]) throws(HTTPFailure) {
    guard let colon = line.firstIndex(of: 58), colon > 0 else { throw .broken("a header has no name") }
    let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
    let text = value.filter { $0 != " " && $0 != "\t" }
    switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
    case "content-length":
      guard length == nil, !text.isEmpty, text.utf8.count <= 15,
        text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
        let length = Int(text)
      else { throw .broken("its length is not a number") }
      guard length <= Self.mostBody else { throw .tooLarge }
      self.length = length
    case "transfer-encoding":
      guard !isChunked, text.lowercased() == "chunked" else { throw .broken("it has an unknown encoding") }
      isChunked = true
    default: break
    }
  }

  private func afterHeaders() throws(HTTPFailure) -> State {
    if status == 204 || status == 304 { return .done }
    guard isChunked else { return length == 0 ? .done : .body(length) }
    if length != nil { throw .broken("it has two lengths") }
    return .chunkSize
  }

  private func chunkSize(_ line: [UInt8]) throws(HTTPFailure) -> Int {
    // Extensions follow a semicolon.
    let digits = line.prefix { $0 != 59 && $0 != 32 && $0 != 9 }
    let isHexadecimal = digits.allSatisfy {
      (48...57).contains($0) || (65...70).contains($0) || (97...102).contains($0)
    }
    guard isHexadecimal, digits.count <= 15,
      let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw .broken("a chunk's size is not a number") }
    guard size <= Self.mostBody - body.count else { throw .tooLarge }
    return size
  }
}
