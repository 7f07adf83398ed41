import Glibc

/// Reports that a file may have new content (inotify(7)).
///
/// Watches the file's directory, not the file, because a file is changed in more than one way:
///
///     edited in place     written, then closed
///     replaced            another file renamed to its name
///     switched            a link on its path points elsewhere (Kubernetes' `..data`)
///
/// A write counts when the file is closed. Several changes are merged into one; the caller decides when to read the
/// file. Watch `descriptor` for reading, and call `drain()` when it is readable. A slow tick may call `drain()` too:
/// it detects links that are switched above the watched directory.
@safe
package struct FileWatch: ~Copyable {
  package let descriptor: Int32
  package let path: String
  /// The path with all links resolved.
  private var target: String?
  /// The directory in the path, and the directory of the target if that is another.
  private var named: Place?
  private var real: Place?

  /// A watched directory, and the file name in it that matters.
  private struct Place {
    var id: Int32
    var name: String
  }

  /// The directory must exist; the file need not.
  package init(path: String) throws(SystemError) {
    self.path = path
    descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    if descriptor < 0 { throw .last("inotify_init1") }
    arm()
    if named == nil { throw .last("watch \(FileWatch.directory(of: path))") }
  }

  deinit { Socket.close(descriptor) }

  /// Reads all pending events; returns whether the file may have changed.
  package mutating func drain() -> Bool {
    var mayHaveChanged = readEvents()
    let leads = FileWatch.resolved(path)
    if leads != target || named == nil {
      // A path that resolves to nothing has no new content, but is checked until it resolves.
      mayHaveChanged = mayHaveChanged || (leads != nil && leads != target)
      arm()
    }
    return mayHaveChanged
  }

  private static var interest: UInt32 {
    UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)
      | UInt32(IN_MOVE_SELF | IN_DELETE_SELF)
  }

  /// Watches the current directories. Watches that exist already are kept.
  private mutating func arm() {
    target = FileWatch.resolved(path) ?? target
    let oldReal = real
    let oldNamed = named
    if let target, FileWatch.resolved(FileWatch.directory(of: path)) != FileWatch.directory(of: target) {
      real = place(of: target)
    } else {
      real = nil
    }
    named = place(of: path)
    for old in [oldReal, oldNamed] {
      guard let old, old.id != real?.id, old.id != named?.id else { continue }
      _ = inotify_rm_watch(descriptor, old.id)
    }
  }

  private func place(of path: String) -> Place? {
    let id = unsafe inotify_add_watch(descriptor, FileWatch.directory(of: path), FileWatch.interest)
    return id < 0 ? nil : Place(id: id, name: FileWatch.name(of: path))
  }

  private mutating func readEvents() -> Bool {
    var isHit = false
    let size = 4096
    // SAFETY: the buffer is aligned for the kernel's records and its size is passed along. Records are whole, and
    // each gives the length of its name; both are checked before they are read.
    unsafe withUnsafeTemporaryAllocation(byteCount: size, alignment: MemoryLayout<inotify_event>.alignment) {
      buffer in
      while true {
        let n = uninterrupted { unsafe read(descriptor, buffer.baseAddress, size) }
        guard n > 0 else { return }
        var at = 0
        while at + MemoryLayout<inotify_event>.size <= n {
          let event = unsafe buffer.loadUnaligned(fromByteOffset: at, as: inotify_event.self)
          let start = at + MemoryLayout<inotify_event>.size
          let end = min(n, start + Int(event.len))
          let name = unsafe String(decoding: buffer[start..<end].prefix { $0 != 0 }, as: UTF8.self)
          isHit = note(event, name) || isHit
          at = end
        }
      }
    }
    return isHit
  }

  /// Whether one event changes the file's content. A directory that is gone is forgotten.
  private mutating func note(_ event: inotify_event, _ name: String) -> Bool {
    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
    if event.mask & UInt32(IN_IGNORED | IN_MOVE_SELF | IN_DELETE_SELF) != 0 {
      if event.mask & UInt32(IN_MOVE_SELF) != 0 { _ = inotify_rm_watch(descriptor, event.wd) }
      if event.wd == named?.id { named = nil }
      if event.wd == real?.id { real = nil }
      return false
    }
    guard event.mask & UInt32(IN_CLOSE_WRITE | IN_MOVED_TO) != 0 else { return false }
    return (event.wd == named?.id && (name == named?.name || name == "..data"))
      || (event.wd == real?.id && name == real?.name)
  }

  /// Why the process cannot read a file; nil if it can.
  package static func unreadable(_ path: String) -> String? {
    // SAFETY: the path is a C string for the length of the call.
    unsafe access(path, R_OK) == 0 ? nil : SystemError.reason(errno)
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func name(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
  }

  private static func resolved(_ path: String) -> String? {
    // SAFETY: realpath allocates a string that ends in NUL, which we free.
    guard let real = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }
}
