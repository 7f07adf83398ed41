import CRingroad
import Glibc

/// Signals as something to read, instead of something that interrupts.
///
///     var signals = try Signals()                       // before any thread is started
///     loop.watch(signals.descriptor, token: t)          // the control thread's loop
///     while let number = signals.next() { … }
///
/// The signals are blocked in the calling thread, and in the threads it starts from then on; SIGPIPE is
/// ignored. Programs that are started inherit the mask, unless `Spawn` starts them.
@safe
package struct Signals: ~Copyable {
  package let descriptor: Int32

  /// What a proxy listens to.
  package static let heard = [SIGHUP, SIGTERM, SIGINT, SIGUSR1]

  package init(_ numbers: [Int32] = Signals.heard) throws(SystemError) {
    var set = sigset_t()
    // SAFETY: a set on the stack, filled by the C library before it is used.
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    if code != 0 { throw SystemError(errno: code, operation: "pthread_sigmask") }
    _ = signal(SIGPIPE, SIG_IGN)
    let descriptor = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
    if descriptor < 0 { throw .last("signalfd") }
    self.descriptor = descriptor
  }

  deinit { Socket.close(descriptor) }

  /// The next signal that has come; nil when there is none. Equal ones that came together are one.
  package func next() -> Int32? {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    // SAFETY: the address of a local of the size that is said.
    let n = uninterrupted { unsafe read(descriptor, &info, size) }
    return n == size ? Int32(info.ssi_signo) : nil
  }
}
