import Foundation
import Glibc
import Testing

@testable import Net

/// Two ends of a stream that is in no file system; both closed at the end.
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

  /// Sends from the near end until the kernel takes no more; returns the bytes taken.
  func fill() -> Int {
    let block = [UInt8](repeating: 7, count: 65536)
    var total = 0
    while case .sent(let n) = Socket.send(near, block) { total += n }
    return total
  }

  /// Reads at the far end until nothing is left.
  func drainFar() -> Int {
    var scratch = Scratch()
    var total = 0
    while case .bytes(let n) = scratch.receive(far) { total += n }
    return total
  }
}

/// A folder of a test's own.
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

/// Waits until nobody has a file open: a process that another test starts at this moment has all that we
/// have open, until it runs its program, and a file is closed when the last of them closes it.
func isClosed(_ path: String) -> Bool {
  let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
  defer { close(fd) }
  let setLease: Int32 = 1024  // F_SETLEASE
  for _ in 0..<2000 {
    // A lease for writing is given when no other descriptor of the file is open.
    if fcntl(fd, setLease, F_WRLCK) == 0 { return fcntl(fd, setLease, F_UNLCK) == 0 }
    usleep(1000)
  }
  return false
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ span: RawSpan) -> String {
  // SAFETY: the span is good for the length of the closure.
  unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
}

func send(_ descriptor: Int32, _ text: String) -> SendResult {
  Socket.send(descriptor, bytes(text))
}

/// What a descriptor has to give, waited for at most two seconds.
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

  static func send2(_ descriptor: Int32, _ first: [UInt8], _ second: [UInt8]) -> SendResult {
    // SAFETY: as above.
    unsafe send2(descriptor, first.span.bytes, second.span.bytes)
  }
}

/// The notes that are in the list now, those struck out left out.
func notes(_ loop: borrowing EventLoop) -> [Ready] {
  (0..<loop.readyCount).map { loop.ready($0) }.filter { !$0.events.isEmpty }
}

/// Runs the loop until it has taken a note, at most five seconds; takes the notes out.
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

/// The notes that can be had without waiting; takes them out.
func presentNotes(_ loop: inout EventLoop) -> [Ready] {
  guard loop.runOnce(maxWait: .zero) else { return [] }
  defer { loop.clearReady() }
  return notes(loop)
}
