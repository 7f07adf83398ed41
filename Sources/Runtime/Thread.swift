import CRingroad
import Glibc
import Net

/// A detached POSIX thread.
enum Thread {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  /// Starts a detached thread; returns whether that succeeded. ps and top show the first 15 bytes of `name`.
  @discardableResult
  static func start(name: String, _ run: sending @escaping () -> Void) -> Bool {
    var thread = pthread_t()
    // Only the control thread handles signals, also those that arrive before it reads them.
    var quiet = sigset_t()
    var before = sigset_t()
    // SAFETY: sets of this frame, filled by the C library before they are used.
    unsafe sigemptyset(&quiet)
    for number in Signals.heard { unsafe sigaddset(&quiet, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &quiet, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    // SAFETY: the retain is given to the new thread, which takes it back exactly once.
    let body = unsafe Unmanaged.passRetained(
      Body {
        Thread.name(name)
        run()
      })
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      unsafe body.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  /// Names the calling thread.
  private static func name(_ name: String) {
    // SAFETY: the kernel copies at most 16 bytes of a C string.
    unsafe name.withCString { unsafe ringroad_name_thread($0) }
  }
}

/// A counting semaphore.
@safe
final class Semaphore: @unchecked Sendable {
  // SAFETY: a semaphore stays where it was made, and its operations may be called from any thread.
  private let semaphore: UnsafeMutablePointer<sem_t>

  init() {
    unsafe semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    unsafe sem_init(semaphore, 0, 0)
  }

  deinit {
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  func signal() { unsafe sem_post(semaphore) }

  func wait() {
    while unsafe sem_wait(semaphore) != 0 && errno == EINTR {}
  }
}
