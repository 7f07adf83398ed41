import CLibevent
import Glibc

/// A handle for a descriptor's registration with its loop: a slot of the loop's table, and the slot's generation.
///
/// The handle of an ended watch is recognised and does nothing.
@safe @usableFromInline @frozen
package struct Watch: BitwiseCopyable, Equatable, Sendable {
  @usableFromInline var index: UInt32
  @usableFromInline var generation: UInt32

  @inlinable init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }

  /// A handle without a watch; ending it, or changing its interest, does nothing.
  @inlinable package static var none: Watch { Watch(index: .max, generation: 0) }

  @inlinable package static func == (a: Watch, b: Watch) -> Bool {
    a.index == b.index && a.generation == b.generation
  }
}

/// One watched descriptor: its libevent events, and what their callbacks need to append notes.
@safe
struct WatchSlot {
  /// The event for reading, stored in place: libevent links it into its lists while it is added.
  var read = unsafe event()
  /// The event for writing; allocated when the slot first waits for writability, then kept.
  var write: UnsafeMutablePointer<event>? = nil
  let list: UnsafeMutablePointer<ReadyList>
  /// The position of this watch's note, valid while `epoch` equals the list's.
  var note = 0
  var epoch: UInt64 = 0
  var token = Token(kind: 0)
  var descriptor: Int32 = -1
  var generation: UInt32 = 0
  /// The next free slot, while this one is free.
  var next: UInt32 = .max
  var isTaken = false
  var wantsRead = false
  var wantsWrite = false

  init(list: UnsafeMutablePointer<ReadyList>) { unsafe self.list = list }

  /// Notes that the descriptor is ready; a watch has one note per epoch, however often this is called.
  @inline(__always) mutating func take(_ events: ReadyEvents) {
    // SAFETY: the list lives as long as the loop that calls this; `note` < count within one epoch.
    if unsafe epoch == list.pointee.epoch {
      unsafe list.pointee.notes[note].events.formUnion(events)
    } else {
      unsafe note = list.pointee.append(Ready(token: token, events: events))
      unsafe epoch = list.pointee.epoch
    }
  }

  /// Removes `events` from an unread note.
  func strike(_ events: ReadyEvents) {
    // SAFETY: as in `take`.
    guard unsafe epoch == list.pointee.epoch else { return }
    unsafe list.pointee.notes[note].events.subtract(events)
  }
}

/// All watches of a loop: slots in blocks that are never moved, so that their addresses never change.
///
///     blocks   ─▶ [64 slots] [64 slots] …
///     free     70 → 3
///
/// A watch allocates nothing while there are free slots.
@safe
struct WatchTable: ~Copyable {
  static var blockSize: UInt32 { 64 }

  private let base: OpaquePointer
  private let list: UnsafeMutablePointer<ReadyList>
  private var blocks: UnsafeMutablePointer<UnsafeMutablePointer<WatchSlot>>
  private var blockCount: UInt32 = 0
  private var blockRoom: UInt32 = 8
  private var free: UInt32 = .max

  init(base: OpaquePointer, list: UnsafeMutablePointer<ReadyList>) {
    unsafe self.base = base
    unsafe self.list = list
    unsafe blocks = .allocate(capacity: Int(blockRoom))
  }

  /// Call it after libevent has released every event, as `event_base_free` does.
  func deallocate() {
    for b in 0..<Int(blockCount) {
      // SAFETY: every block below blockCount was allocated by addBlock, with all its slots initialised.
      let block = unsafe blocks[b]
      for i in 0..<Int(WatchTable.blockSize) { unsafe block[i].write?.deallocate() }
      unsafe block.deallocate()
    }
    unsafe blocks.deallocate()
  }

  /// How a descriptor is watched.
  enum Kind {
    /// Noted at each turn for as long as it is ready.
    case level
    /// Noted when it becomes ready, and again on each new event.
    case edge
    /// As `level`, for a repeated timer: the callback reads it, so that it can expire again.
    case ticks
  }

  /// Starts watching for reading; nil when the kernel refuses.
  mutating func add(_ descriptor: Int32, _ token: Token, _ kind: Kind) -> Watch? {
    guard descriptor >= 0 else { return nil }
    if free == .max { addBlock() }
    let index = free
    // SAFETY: the free list holds only slots of blocks that exist.
    let slot = unsafe address(index)
    unsafe slot.pointee.token = token
    unsafe slot.pointee.descriptor = descriptor
    let events = Int16(EV_READ | EV_PERSIST | (kind == .edge ? EV_ET : 0))
    // SAFETY: a free slot's event is not added, so it may be assigned again; the slot outlives the event.
    let isAssigned = unsafe event_assign(
      &slot.pointee.read, base, descriptor, events,
      kind == .ticks ? WatchTable.noteTick : WatchTable.noteRead,
      slot)
    guard isAssigned == 0, unsafe event_add(&slot.pointee.read, nil) == 0 else { return nil }
    unsafe slot.pointee.wantsRead = true
    unsafe slot.pointee.wantsWrite = false
    unsafe slot.pointee.isTaken = true
    unsafe free = slot.pointee.next
    return unsafe Watch(index: index, generation: slot.pointee.generation)
  }

  private static var noteRead: event_callback_fn {
    { _, _, argument in
      // SAFETY: the argument is the event's slot; its address never changes.
      unsafe argument.unsafelyUnwrapped.assumingMemoryBound(to: WatchSlot.self).pointee.take(.read)
    }
  }

  private static var noteTick: event_callback_fn {
    { descriptor, _, argument in
      // The kernel starts the timer's next period when it is read.
      var ticks: UInt64 = 0
      // SAFETY: eight bytes of a local; the argument as above.
      _ = unsafe Glibc.read(descriptor, &ticks, 8)
      unsafe argument.unsafelyUnwrapped.assumingMemoryBound(to: WatchSlot.self).pointee.take(.read)
    }
  }

  private static var noteWrite: event_callback_fn {
    { _, _, argument in
      // SAFETY: as above.
      unsafe argument.unsafelyUnwrapped.assumingMemoryBound(to: WatchSlot.self).pointee.take(.write)
    }
  }

  /// Ends a watch and clears its unread notes.
  mutating func remove(_ watch: Watch) {
    guard let slot = unsafe slot(of: watch) else { return }
    // SAFETY: the slot is taken; its events are deleted only if they were added.
    if unsafe slot.pointee.wantsRead { unsafe event_del(&slot.pointee.read) }
    if unsafe slot.pointee.wantsWrite, let write = unsafe slot.pointee.write { unsafe event_del(write) }
    unsafe slot.pointee.strike([.read, .write])
    unsafe slot.pointee.epoch = 0
    unsafe slot.pointee.generation &+= 1
    unsafe slot.pointee.isTaken = false
    unsafe slot.pointee.next = free
    free = watch.index
  }

  @inline(__always) mutating func setRead(_ watch: Watch, _ wants: Bool) {
    // SAFETY: `slot(of:)` returns only slots that are taken.
    guard let slot = unsafe slot(of: watch), unsafe slot.pointee.wantsRead != wants else { return }
    unsafe changeRead(slot, wants)
  }

  @inline(__always) mutating func setWrite(_ watch: Watch, _ wants: Bool) {
    // SAFETY: `slot(of:)` returns only slots that are taken.
    guard let slot = unsafe slot(of: watch), unsafe slot.pointee.wantsWrite != wants else { return }
    unsafe changeWrite(slot, wants)
  }

  @inline(never) private func changeRead(_ slot: UnsafeMutablePointer<WatchSlot>, _ wants: Bool) {
    // SAFETY: a taken slot's read event is assigned; it is added exactly while `wantsRead` is true.
    if wants {
      if unsafe event_add(&slot.pointee.read, nil) == 0 { unsafe slot.pointee.wantsRead = true }
    } else {
      unsafe event_del(&slot.pointee.read)
      unsafe slot.pointee.wantsRead = false
      unsafe slot.pointee.strike(.read)
    }
  }

  @inline(never) private func changeWrite(_ slot: UnsafeMutablePointer<WatchSlot>, _ wants: Bool) {
    // SAFETY: the write event is assigned again each time it is wanted, while it is not added, because the slot's
    // descriptor may have changed. Its memory is kept until the table is freed.
    if wants {
      if unsafe slot.pointee.write == nil {
        let write = UnsafeMutablePointer<event>.allocate(capacity: 1)
        unsafe write.initialize(to: unsafe event())
        unsafe slot.pointee.write = write
      }
      guard let write = unsafe slot.pointee.write else { return }
      let isAssigned = unsafe event_assign(
        write, base, slot.pointee.descriptor, Int16(EV_WRITE | EV_PERSIST), WatchTable.noteWrite, slot)
      if isAssigned == 0, unsafe event_add(write, nil) == 0 { unsafe slot.pointee.wantsWrite = true }
    } else if let write = unsafe slot.pointee.write {
      unsafe event_del(write)
      unsafe slot.pointee.wantsWrite = false
      unsafe slot.pointee.strike(.write)
    }
  }

  /// The slot of a watch; nil if the watch has ended.
  @inline(__always) private func slot(of watch: Watch) -> UnsafeMutablePointer<WatchSlot>? {
    guard watch.index < blockCount &* WatchTable.blockSize else { return nil }
    // SAFETY: the block exists.
    let slot = unsafe address(watch.index)
    guard unsafe slot.pointee.isTaken, unsafe slot.pointee.generation == watch.generation else {
      return nil
    }
    return unsafe slot
  }

  @inline(__always) private func address(_ index: UInt32) -> UnsafeMutablePointer<WatchSlot> {
    // SAFETY: callers pass indices of blocks that exist.
    unsafe blocks[Int(index / WatchTable.blockSize)] + Int(index % WatchTable.blockSize)
  }

  @inline(never) private mutating func addBlock() {
    if blockCount == blockRoom {
      let larger = UnsafeMutablePointer<UnsafeMutablePointer<WatchSlot>>.allocate(
        capacity: Int(blockRoom) * 2)
      // SAFETY: only the list of blocks moves, never a block.
      unsafe larger.moveInitialize(from: blocks, count: Int(blockCount))
      unsafe blocks.deallocate()
      unsafe blocks = larger
      blockRoom *= 2
    }
    let size = WatchTable.blockSize
    let block = UnsafeMutablePointer<WatchSlot>.allocate(capacity: Int(size))
    unsafe block.initialize(repeating: WatchSlot(list: list), count: Int(size))
    let first = blockCount &* size
    // SAFETY: i < size.
    for i in 0..<size { unsafe block[Int(i)].next = i + 1 < size ? first + i + 1 : free }
    unsafe (blocks + Int(blockCount)).initialize(to: block)
    blockCount += 1
    free = first
  }
}
