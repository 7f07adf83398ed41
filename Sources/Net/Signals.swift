import CRingroad
import Glibc

/// Signals as something to read, instead of something that interrupts.
///
///     var signals = try Signals(ignoring: Signals.ignored)   // before any thread is started
///     loop.watch(signals.descriptor, token: t)               // the control thread's loop
///     while let number = signals.next() { … }
///
/// The signals are blocked in the calling thread, and in the threads it starts from then on; SIGPIPE is
/// ignored. Programs that are started inherit the mask and what is ignored, unless `Spawn` starts them.
@safe
package struct Signals: ~Copyable {
  package let descriptor: Int32

  /// What a proxy listens to.
  package static let heard = [SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1]

  /// What means nothing to a proxy and would end or stop it. Not SIGTSTP: a terminal's Ctrl-Z stops what runs in
  /// its foreground. Nor what the C library keeps for itself, or a fault raises.
  package static let ignored: [Int32] =
    [
      SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR, SIGXCPU, SIGXFSZ, SIGSTKFLT, SIGTTIN, SIGTTOU,
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

  /// The next signal that has come; nil when there is none. Equal ones that came together are one.
  package func next() -> Int32? {
    var info = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    // SAFETY: the address of a local of the size that is said.
    let n = uninterrupted { unsafe read(descriptor, &info, size) }
    return n == size ? Int32(info.ssi_signo) : nil
  }
}
