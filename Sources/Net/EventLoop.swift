import Bytes
import CLibevent
import Glibc

/// One thread's event loop: it waits until descriptors are ready, and says which.
///
///     while loop.runOnce() {
///       for i in 0..<loop.readyCount { handle(loop.ready(i)) }
///       loop.clearReady()
///     }
///
/// libevent's callbacks only take notes: nothing is called back, nothing is allocated per event, and a
/// watch may be ended at any point of the walk. Notes of one watch are merged until `clearReady()`.
/// Belongs to the thread that runs it; only a `Wakeup` may be used from others.
///
/// libevent's own timers are not used: one pending timer costs each turn 0.1 µs, and to the microsecond
/// 0.7 µs. Kernel timers, watched like any descriptor, cost a turn nothing.
@safe @usableFromInline
package struct EventLoop: ~Copyable {
  @usableFromInline let list: UnsafeMutablePointer<ReadyList>
  private let base: OpaquePointer
  private var watches: WatchTable
  /// Bounds a wait.
  private let bound: TimerDescriptor
  private let boundEvent: UnsafeMutablePointer<event>
  private let ticker: TimerDescriptor
  private var tickWatch = Watch.none

  package init() throws(SystemError) {
    // SAFETY: what another version of libevent takes an event to be must fit in what we allocate.
    unsafe precondition(
      event_get_struct_event_size() <= MemoryLayout<event>.size, "libevent is not its headers'")
    let bound = try TimerDescriptor()
    let ticker = try TimerDescriptor()
    guard let base = unsafe EventLoop.makeBase() else { throw .last("event_base_new") }
    // SAFETY: fresh allocations, initialised here and freed in deinit after libevent has let go of them.
    let list = UnsafeMutablePointer<ReadyList>.allocate(capacity: 1)
    unsafe list.initialize(to: ReadyList(capacity: 256))
    let boundEvent = UnsafeMutablePointer<event>.allocate(capacity: 1)
    unsafe boundEvent.initialize(to: event())
    let isAssigned = unsafe event_assign(
      boundEvent, base, bound.descriptor, Int16(EV_READ | EV_PERSIST | EV_ET),
      { _, _, argument in
        // SAFETY: the argument is the loop's list, which outlives the event.
        unsafe argument.unsafelyUnwrapped.assumingMemoryBound(to: ReadyList.self).pointee.isWaitBounded =
          false
      }, list)
    guard unsafe isAssigned == 0 && event_add(boundEvent, nil) == 0 else {
      let error = SystemError.last("epoll_ctl")
      unsafe EventLoop.free(base, boundEvent, list)
      throw error
    }
    unsafe self.base = base
    unsafe self.list = list
    unsafe self.boundEvent = boundEvent
    unsafe watches = WatchTable(base: base, list: list)
    self.bound = bound
    self.ticker = ticker
  }

  deinit {
    // SAFETY: the base goes first, and with it the slots' events that are still added.
    unsafe EventLoop.free(base, boundEvent, list)
    watches.deallocate()
  }

  private static func free(
    _ base: OpaquePointer, _ boundEvent: UnsafeMutablePointer<event>, _ list: UnsafeMutablePointer<ReadyList>
  ) {
    // SAFETY: freeing the base unlinks every event; after it no callback can come.
    unsafe event_base_free(base)
    unsafe boundEvent.deallocate()
    unsafe list.pointee.deallocate()
    unsafe list.deallocate()
  }

  /// A base without locks, without a cached clock (nothing asks for the time), and with edge triggering.
  private static func makeBase() -> OpaquePointer? {
    guard let config = unsafe event_config_new() else { return nil }
    // SAFETY: the configuration is ours until it is freed, and the base does not keep it.
    defer { unsafe event_config_free(config) }
    for flag in [EVENT_BASE_FLAG_NOLOCK, EVENT_BASE_FLAG_IGNORE_ENV, EVENT_BASE_FLAG_NO_CACHE_TIME] {
      _ = unsafe event_config_set_flag(config, Int32(flag.rawValue))
    }
    _ = unsafe event_config_require_features(config, Int32(EV_FEATURE_ET.rawValue))
    return unsafe event_base_new_with_config(config)
  }

  // MARK: Running

  /// Waits until something is ready, for ever or for at most `maxWait`, and takes notes of it; zero or less
  /// only looks. False when the kernel refused to wait, which it has no reason to.
  package mutating func runOnce(maxWait: Duration? = nil) -> Bool {
    guard let maxWait else { return block() }
    return runOnce(nanoseconds: Int64(clamping: maxWait.wholeNanoseconds))
  }

  /// As `runOnce(maxWait:)`, true to the microsecond: the bound is a timer of the kernel's, set by one
  /// system call. That a wait was cut short by a note costs the next unbounded wait one more.
  package mutating func runOnce(nanoseconds: Int64) -> Bool {
    // SAFETY: the base lives as long as self. EVLOOP_NONBLOCK alone would look until nothing is ready.
    guard nanoseconds > 0 else { return unsafe event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0 }
    // SAFETY: as above.
    unsafe list.pointee.isWaitBounded = true
    bound.set(nanoseconds: UInt64(nanoseconds), isRepeated: false)
    return unsafe event_base_loop(base, EVLOOP_ONCE) >= 0
  }

  @inline(__always) private func block() -> Bool {
    // SAFETY: the list and the base live as long as self.
    if unsafe list.pointee.isWaitBounded {
      unsafe list.pointee.isWaitBounded = false
      bound.set(nanoseconds: 0, isRepeated: false)
    }
    return unsafe event_base_loop(base, EVLOOP_ONCE) >= 0
  }

  /// Notes taken since `clearReady()`.
  @inlinable package var readyCount: Int {
    // SAFETY: the list lives as long as self.
    @inline(__always) get { unsafe list.pointee.count }
  }

  /// The `i`th note; its events are empty when its watch was ended or the interest dropped since.
  @inlinable @inline(__always) package func ready(_ i: Int) -> Ready {
    // SAFETY: the list lives as long as self; the index is checked.
    unsafe precondition(i >= 0 && i < list.pointee.count)
    return unsafe list.pointee.notes[i]
  }

  /// Forgets all notes. To be called after each walk; what was not dealt with is noted again by the next
  /// `runOnce`, except ticks and wake-ups.
  @inlinable @inline(__always) package mutating func clearReady() {
    // SAFETY: the list lives as long as self.
    unsafe list.pointee.removeAll()
  }

  // MARK: Watching

  /// Watches a descriptor for reading until `unwatch`, which must come before the descriptor is closed.
  ///
  /// No allocation while there are free slots. `.none` when the kernel refuses.
  package mutating func watch(_ descriptor: Int32, token: Token) -> Watch {
    watches.add(descriptor, token, .level) ?? .none
  }

  /// Watches for wake-ups until `unwatch`; those from before count. Many wakes may come as one note.
  package mutating func watch(_ wakeup: borrowing Wakeup, token: Token) -> Watch {
    watches.add(wakeup.descriptor, token, .edge) ?? .none
  }

  /// Whether to note that the descriptor can be written: wanted only while a send came up short.
  ///
  /// A few instructions when it is so already, else one system call.
  package mutating func wantWrite(_ watch: Watch, _ wants: Bool) { watches.setWrite(watch, wants) }

  /// Whether to note that the descriptor can be read; when not, the kernel keeps what comes. Cost as above.
  package mutating func wantRead(_ watch: Watch, _ wants: Bool) { watches.setRead(watch, wants) }

  /// Ends a watch. Its notes that have not been looked at are struck out; ending it twice does nothing.
  package mutating func unwatch(_ watch: Watch) { watches.remove(watch) }

  /// Takes a note every so often; zero stops it. One tick per loop: setting it again changes it.
  ///
  /// Ticks that nobody waited for come as one.
  package mutating func tick(every period: Duration, token: Token) {
    watches.remove(tickWatch)
    ticker.set(nanoseconds: period.wholeNanoseconds, isRepeated: true)
    tickWatch =
      period > .zero ? watches.add(ticker.descriptor, token, .ticks) ?? .none : .none
  }
}
