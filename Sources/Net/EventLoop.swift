import Bytes
import CLibevent
import Glibc

/// One thread's event loop: it waits until descriptors are ready, and lists them.
///
///     while loop.runOnce() {
///       for i in 0..<loop.readyCount { handle(loop.ready(i)) }
///       loop.clearReady()
///     }
///
/// libevent's callbacks only append notes: they call nothing, allocate nothing per event, and a watch may end at any
/// point of the walk. The notes of one watch are merged until `clearReady()`. Only the thread that runs the loop may
/// use it; other threads use a `Wakeup`.
///
/// libevent's own timers are not used: a pending one costs each turn 0.1 µs, with microsecond resolution 0.7 µs.
/// Kernel timers, watched like any descriptor, add nothing to a turn.
@safe @usableFromInline
package struct EventLoop: ~Copyable {
  @usableFromInline let list: UnsafeMutablePointer<ReadyList>
  private let base: OpaquePointer
  private var watches: WatchTable
  /// The timer that limits a wait.
  private let bound: TimerDescriptor
  private let boundEvent: UnsafeMutablePointer<event>
  private let ticker: TimerDescriptor
  private var tickWatch = Watch.none

  package init() throws(SystemError) {
    // SAFETY: our allocation must be large enough for the event of the libevent that is linked.
    unsafe precondition(
      event_get_struct_event_size() <= MemoryLayout<event>.size, "libevent does not match its headers")
    let bound = try TimerDescriptor()
    let ticker = try TimerDescriptor()
    guard let base = unsafe EventLoop.makeBase() else { throw .last("event_base_new") }
    // SAFETY: fresh allocations, initialised here and freed in deinit after libevent has released them.
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
    // SAFETY: the base is freed first, and unlinks the slots' events that are still added.
    unsafe EventLoop.free(base, boundEvent, list)
    watches.deallocate()
  }

  private static func free(
    _ base: OpaquePointer, _ boundEvent: UnsafeMutablePointer<event>, _ list: UnsafeMutablePointer<ReadyList>
  ) {
    // SAFETY: freeing the base unlinks every event; no callback runs after it.
    unsafe event_base_free(base)
    unsafe boundEvent.deallocate()
    unsafe list.pointee.deallocate()
    unsafe list.deallocate()
  }

  /// A base without locks, without a cached clock (no code reads it), and with edge triggering.
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

  /// Waits until a descriptor is ready, without limit or for at most `maxWait`, and notes the ready ones. With zero
  /// or less it only polls. False if the kernel refused to wait, which is not expected.
  package mutating func runOnce(maxWait: Duration? = nil) -> Bool {
    guard let maxWait else { return block() }
    return runOnce(nanoseconds: Int64(clamping: maxWait.wholeNanoseconds))
  }

  /// As `runOnce(maxWait:)`, with microsecond resolution: a kernel timer, set by one system call, limits the wait. If
  /// an event ends the wait before the timer, the next unlimited wait costs one system call more.
  package mutating func runOnce(nanoseconds: Int64) -> Bool {
    // SAFETY: the base lives as long as self. EVLOOP_NONBLOCK alone would poll until no descriptor is ready.
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

  /// The `i`th note; its events are empty if the watch was ended, or its interest dropped, after the note was made.
  @inlinable @inline(__always) package func ready(_ i: Int) -> Ready {
    // SAFETY: the list lives as long as self; the index is checked.
    unsafe precondition(i >= 0 && i < list.pointee.count)
    return unsafe list.pointee.notes[i]
  }

  /// Discards all notes. Call it after each walk: the next `runOnce` notes again what was not handled, except ticks
  /// and wake-ups.
  @inlinable @inline(__always) package mutating func clearReady() {
    // SAFETY: the list lives as long as self.
    unsafe list.pointee.removeAll()
  }

  // MARK: Watching

  /// Watches a descriptor for reading until `unwatch`, which must be called before the descriptor is closed.
  ///
  /// Allocates nothing while there are free slots. `.none` if the kernel refuses.
  package mutating func watch(_ descriptor: Int32, token: Token) -> Watch {
    watches.add(descriptor, token, .level) ?? .none
  }

  /// Watches for wake-ups until `unwatch`; earlier ones count. Several wake-ups may be merged into one note.
  package mutating func watch(_ wakeup: borrowing Wakeup, token: Token) -> Watch {
    watches.add(wakeup.descriptor, token, .edge) ?? .none
  }

  /// Sets whether to note that the descriptor can be written; wanted only after a partial send.
  ///
  /// A few instructions if nothing changes, else one system call.
  package mutating func wantWrite(_ watch: Watch, _ wants: Bool) { watches.setWrite(watch, wants) }

  /// Sets whether to note that the descriptor can be read; if not, input stays in the kernel. Cost as above.
  package mutating func wantRead(_ watch: Watch, _ wants: Bool) { watches.setRead(watch, wants) }

  /// Ends a watch and clears its unread notes; ending it twice does nothing.
  package mutating func unwatch(_ watch: Watch) { watches.remove(watch) }

  /// Notes a tick every `period`; zero stops it. A loop has one tick: setting it again changes it.
  ///
  /// Ticks that pass between two waits are merged into one.
  package mutating func tick(every period: Duration, token: Token) {
    watches.remove(tickWatch)
    ticker.set(nanoseconds: period.wholeNanoseconds, isRepeated: true)
    tickWatch =
      period > .zero ? watches.add(ticker.descriptor, token, .ticks) ?? .none : .none
  }
}
