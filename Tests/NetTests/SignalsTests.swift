import Glibc
import Testing

@testable import Net

@Suite struct SignalsTests {
  // In child processes: signal settings apply to all threads of a process.

  @Test func signalsAreNotedByTheLoop() async {
    await #expect(processExitsWith: .success) {
      setMask([])
      let signals = try Signals()
      var loop = try EventLoop()
      let token = Token(kind: 5)
      let watch = loop.watch(signals.descriptor, token: token)
      for number in [SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1] {
        guard signals.next() == nil else { exit(2) }
        pthread_kill(pthread_self(), number)
        guard nextNotes(&loop) == [Ready(token: token, events: .read)] else { exit(3) }
        guard signals.next() == number, signals.next() == nil else { exit(4) }
      }
      loop.unwatch(watch)
    }
  }

  @Test func brokenPipeRaisesNoSignal() async {
    await #expect(processExitsWith: .success) {
      let signals = try Signals([SIGUSR1])
      var ends: [Int32] = [0, 0]
      guard unsafe pipe(&ends) == 0 else { exit(2) }
      close(ends[0])
      guard unsafe write(ends[1], "x", 1) == -1, errno == EPIPE else { exit(3) }
      guard signals.next() == nil else { exit(4) }
    }
  }

  /// The signals that end or stop a process by default, one by one.
  @Test(arguments: Signals.ignored)
  func ignoredSignalDoesNotEndOrStopTheProcess(_ number: Int32) async {
    await #expect(processExitsWith: .success) { [number] in
      setMask([])
      let signals = try Signals(ignoring: Signals.ignored)
      pthread_kill(pthread_self(), number)
      guard kill(getpid(), number) == 0, signals.next() == nil else { exit(2) }
    }
  }

  @Test func everySignalThatEndsOrStopsAProcessIsHandledOrIgnored() {
    let others = [SIGKILL, SIGSTOP, SIGTSTP, SIGPIPE] + [SIGCHLD, SIGCONT, SIGURG]
    let faults = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
    let known = Set(Signals.heard + Signals.ignored + others + faults)
    #expect(Set(1..<32).subtracting(known).isEmpty)
    #expect(known.isSuperset(of: 34...64))
  }

  @Test func onlyTheNamedSignalsAreBlocked() async {
    await #expect(processExitsWith: .success) {
      setMask([])
      let signals = try Signals([SIGUSR1, SIGHUP])
      var mask = sigset_t()
      unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
      for number in 1..<SIGSYS {
        let isBlocked = unsafe sigismember(&mask, number) == 1
        guard isBlocked == [SIGUSR1, SIGHUP].contains(number) else { exit(2) }
      }
      guard signals.next() == nil else { exit(3) }
    }
  }
}

/// Sets the calling thread's blocked signals; the threads of the test runner block nearly all.
private func setMask(_ numbers: [Int32]) {
  var set = sigset_t()
  unsafe sigemptyset(&set)
  for number in numbers { unsafe sigaddset(&set, number) }
  unsafe pthread_sigmask(SIG_SETMASK, &set, nil)
}
