import CRingroad
import Glibc

/// Signals read from a descriptor (signalfd(2)) instead of interrupting the process.
///
///     var signals = try Signals(ignoring: Signals.ignored)   // before any thread is started
///     loop.watch(signals.descriptor, token: t)               // the control thread's loop
///     while let number = signals.next() { … }
///
/// The signals are blocked in the calling thread and in the threads that it starts afterwards; SIGPIPE is ignored.
/// Child processes inherit the mask and the ignored signals, unless `Spawn` starts them.
@safe
package struct Signals: ~Copyable {
  package let descriptor: Int32

  /// The signals that a proxy handles.
  package static let heard = [SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2]

  /// Signals without a meaning for a proxy that would end or stop it. SIGTSTP is not one: Ctrl-Z on a terminal stops
  /// the foreground job. Neither are those that the C library reserves or that a fault raises.
  package static let ignored: [Int32] =
    [
      SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR, SIGXCPU, SIGXFSZ, SIGSTKFLT, SIGTTIN, SIGTTOU,
      SIGWINCH,
    ] + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())

  package init(_ numbers: [Int32] = Signals.heard, ignoring: [Int32] = []) throws(SystemError) {
    var set = sigset_t()
    // SAFETY: a set on the stack, filled by the C library before it is used.
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    if code != 0 { throw SystemError(errno: code, operation: "pthread_sigmask") }
    for number in [SIGPIPE] + ignoring { _ = signal(number, SIG_IGN) }
    let descriptor = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
    if descriptor < 0 { throw .last("signalfd") }
    self.descriptor = descriptor
  }

  deinit { Socket.close(descriptor) }

  /// The next pending signal; nil when there is none. The kernel merges equal signals that are pending together.
  package func next() -> Int32? {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    // SAFETY: a pointer to a local, with its size.
    let n = uninterrupted { unsafe read(descriptor, &info, size) }
    return n == size ? Int32(info.ssi_signo) : nil
  }
}
