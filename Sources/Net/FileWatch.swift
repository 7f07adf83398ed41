import Glibc

/// Notices that a file may hold something new.
///
/// Its directory is watched, not the file, because a file is changed in more than one way:
///
///     edited in place     written, then closed
///     replaced            another file renamed to its name
///     switched            a link on the way to it leads elsewhere (Kubernetes' `..data`)
///
/// A file that is still being written says nothing until it is closed. Several changes at once are one; when
/// to look at the file is the caller's. Watch `descriptor` for reading, and `drain()` when it is readable. A
/// slow tick may call `drain()` too: it notices links that are switched further up than the directory.
@safe
package struct FileWatch: ~Copyable {
  package let descriptor: Int32
  package let path: String
  /// Where the path leads, all links followed.
  private var target: String?
  /// The directory that the path names, and the one that its target lies in, when that is another.
  private var named: Place?
  private var real: Place?

  /// A watched directory, and the name in it that matters.
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

  /// Takes what has happened since the last call, and says whether the file may have changed.
  package mutating func drain() -> Bool {
    var mayHaveChanged = readEvents()
    let leads = FileWatch.resolved(path)
    if leads != target || named == nil {
      // A path that leads nowhere has nothing new to say, but is looked after until it leads somewhere.
      mayHaveChanged = mayHaveChanged || (leads != nil && leads != target)
      arm()
    }
    return mayHaveChanged
  }

  private static var interest: UInt32 {
    UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)
      | UInt32(IN_MOVE_SELF | IN_DELETE_SELF)
  }

  /// Watches the directories as they are now. Those that are watched already stay as they are.
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
    // SAFETY: the buffer is aligned for the kernel's records and as large as is said. Records are whole, and
    // each says how long its name is; both are checked before they are read.
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

  /// Whether one event is about the file's content. A directory that has gone is forgotten.
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

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func name(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
  }

  private static func resolved(_ path: String) -> String? {
    // SAFETY: realpath allocates a string that ends in NUL, which is ours to free.
    guard let real = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }
}
