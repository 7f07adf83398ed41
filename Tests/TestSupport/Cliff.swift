import Glibc

/// A buffer that ends at an inaccessible page: reading one byte too far faults.
///
///     ┌───────────────────┬─────────┐
///     │      bytes placed │ no page │
///     └───────────────────┴─────────┘
@safe package final class Cliff {
  private let base: UnsafeMutableRawPointer
  private let room: Int
  private static let page = 4096

  package init(room wanted: Int) {
    room = (max(wanted, 1) + Self.page - 1) / Self.page * Self.page
    // SAFETY: our own new mapping; its last page is made inaccessible at once.
    unsafe base = mmap(
      nil, room + Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    // SAFETY: the page lies inside the mapping.
    let closed = unsafe mprotect(base + room, Self.page, PROT_NONE)
    unsafe precondition(base != MAP_FAILED && closed == 0)
  }

  deinit {
    // SAFETY: our own mapping, of this size.
    _ = unsafe munmap(base, room + Self.page)
  }

  /// Calls `body` with a copy of `bytes` that ends at the inaccessible page.
  package func holding<Result>(_ bytes: [UInt8], _ body: (RawSpan) throws -> Result) rethrows -> Result {
    precondition(bytes.count <= room)
    // SAFETY: the range ends at `room`, and the span does not outlive the call.
    let place = unsafe UnsafeMutableRawBufferPointer(
      start: base + (room - bytes.count), count: bytes.count)
    unsafe place.copyBytes(from: bytes)
    return try body(unsafe UnsafeRawBufferPointer(place).bytes)
  }
}
