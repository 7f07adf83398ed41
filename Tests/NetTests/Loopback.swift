import Foundation
import Glibc
import Testing

@testable import Net

/// Both ends of a connected stream socket without a file; closed at the end.
struct Pair: ~Copyable {
  let near: Int32
  let far: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
    near = ends[0]
    far = ends[1]
  }

  deinit {
    Socket.close(near)
    Socket.close(far)
  }

  /// Sends from the near end until the kernel accepts no more; returns the number of bytes sent.
  func fill() -> Int {
    let block = [UInt8](repeating: 7, count: 65536)
    var total = 0
    while case .sent(let n) = Socket.send(near, block) { total += n }
    return total
  }

  /// Reads at the far end until it is empty.
  func drainFar() -> Int {
    var scratch = Scratch()
    var total = 0
    while case .bytes(let n) = scratch.receive(far) { total += n }
    return total
  }
}

/// A temporary folder for one test.
struct Folder: ~Copyable {
  let path: String

  init() throws {
    path = "/tmp/ringroad-net-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    try #require(isClosed("\(path)/\(name)"))
  }
}

/// Waits until no process has the file open: a child process that another test starts at this moment shares all open
/// descriptors until its exec, and a file is closed when the last descriptor is.
func isClosed(_ path: String) -> Bool {
  let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
  defer { close(fd) }
  let setLease: Int32 = 1024  // F_SETLEASE
  for _ in 0..<2000 {
    // The kernel grants a write lease only if no other descriptor of the file is open.
    if fcntl(fd, setLease, F_WRLCK) == 0 { return fcntl(fd, setLease, F_UNLCK) == 0 }
    usleep(1000)
  }
  return false
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ span: RawSpan) -> String {
  // SAFETY: the span is valid during the closure.
  unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
}

func send(_ descriptor: Int32, _ text: String) -> SendResult {
  Socket.send(descriptor, bytes(text))
}

/// The first result of reading a descriptor that is not `.wouldBlock`, within two seconds.
func receiveSoon(_ descriptor: Int32, _ scratch: inout Scratch) -> ReceiveResult {
  for _ in 0..<2000 {
    let result = scratch.receive(descriptor)
    if result != .wouldBlock { return result }
    usleep(1000)
  }
  return .wouldBlock
}

extension Socket {
  static func send(_ descriptor: Int32, _ bytes: [UInt8]) -> SendResult {
    // SAFETY: plain bytes without padding.
    unsafe send(descriptor, bytes.span.bytes)
  }
}

/// The notes in the list now, without the cleared ones.
func notes(_ loop: borrowing EventLoop) -> [Ready] {
  (0..<loop.readyCount).map { loop.ready($0) }.filter { !$0.events.isEmpty }
}

/// Runs the loop until it has a note, at most five seconds; returns the notes and clears the list.
func nextNotes(_ loop: inout EventLoop) -> [Ready] {
  let deadline = Clock.now().advanced(by: .seconds(5))
  while Clock.now() < deadline {
    guard loop.runOnce(maxWait: .milliseconds(100)) else { return [] }
    let found = notes(loop)
    loop.clearReady()
    if !found.isEmpty { return found }
  }
  return []
}

/// The notes available without waiting; clears the list.
func presentNotes(_ loop: inout EventLoop) -> [Ready] {
  guard loop.runOnce(maxWait: .zero) else { return [] }
  defer { loop.clearReady() }
  return notes(loop)
}

extension Socket.ConnectResult {
  /// The descriptor, or -1.
  var descriptor: Int32 {
    switch self {
    case .connected(let fd), .inProgress(let fd): fd
    case .failed: -1
    }
  }
}
