/// A caller's label for a watch: the kind of object, its slot, and the slot's generation.
///
/// Opaque to this module: every `Ready` returns it unchanged.
@safe @usableFromInline @frozen
package struct Token: BitwiseCopyable, Equatable, Sendable {
  @usableFromInline package var kind: UInt8
  @usableFromInline package var index: UInt32
  @usableFromInline package var generation: UInt32

  @inlinable package init(kind: UInt8, index: UInt32 = 0, generation: UInt32 = 0) {
    self.kind = kind
    self.index = index
    self.generation = generation
  }

  @inlinable package static func == (a: Token, b: Token) -> Bool {
    a.kind == b.kind && a.index == b.index && a.generation == b.generation
  }
}

/// What a descriptor is ready for. An error or a hang-up sets both: the next system call reports which.
@safe @usableFromInline @frozen
package struct ReadyEvents: OptionSet, BitwiseCopyable, Sendable {
  @usableFromInline package var rawValue: UInt8

  @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable package static var read: ReadyEvents { ReadyEvents(rawValue: 1) }
  @inlinable package static var write: ReadyEvents { ReadyEvents(rawValue: 2) }

  @inlinable package var isEmpty: Bool { @inline(__always) get { rawValue == 0 } }
  /// Ready to be read from.
  @inlinable package var canRead: Bool { @inline(__always) get { rawValue & 1 != 0 } }
  /// Ready to be written to.
  @inlinable package var canWrite: Bool { @inline(__always) get { rawValue & 2 != 0 } }
}

/// One note of the loop: the watch's token, and what its descriptor is ready for.
///
/// `events` is empty when the watch was ended, or the interest dropped, after the note was taken.
@safe @usableFromInline @frozen
package struct Ready: BitwiseCopyable, Equatable, Sendable {
  @usableFromInline package var token: Token
  @usableFromInline package var events: ReadyEvents

  @inlinable package init(token: Token, events: ReadyEvents) {
    self.token = token
    self.events = events
  }

  @inlinable package static func == (a: Ready, b: Ready) -> Bool {
    a.token == b.token && a.events.rawValue == b.events.rawValue
  }
}

/// The notes that libevent's callbacks append and the owner of the loop walks: one per watch, in order of arrival.
///
/// Lives on the heap at an address that never changes, because the callbacks hold a pointer to it.
@safe @usableFromInline
struct ReadyList {
  @usableFromInline var notes: UnsafeMutablePointer<Ready>
  @usableFromInline var capacity: Int
  @usableFromInline var count = 0
  /// Incremented by every clearing: a position remembered from an earlier epoch is invalid.
  @usableFromInline var epoch: UInt64 = 1
  /// Whether the timer that limits a wait is set and has not expired.
  @usableFromInline var isWaitBounded = false

  init(capacity: Int) {
    self.capacity = capacity
    unsafe notes = UnsafeMutablePointer<Ready>.allocate(capacity: capacity)
  }

  /// Adds a note and returns its position.
  @inline(__always) mutating func append(_ note: Ready) -> Int {
    if count == capacity { grow() }
    let position = count
    // SAFETY: grow made room: position < capacity.
    unsafe (notes + position).initialize(to: note)
    count = position &+ 1
    return position
  }

  @inline(never) mutating func grow() {
    let larger = UnsafeMutablePointer<Ready>.allocate(capacity: capacity * 2)
    // SAFETY: the first `count` notes were written, and the new memory holds twice as many.
    unsafe larger.moveInitialize(from: notes, count: count)
    unsafe notes.deallocate()
    unsafe notes = larger
    capacity *= 2
  }

  @inlinable @inline(__always) mutating func removeAll() {
    count = 0
    epoch &+= 1
  }

  func deallocate() {
    // SAFETY: our own allocation of plain values, no longer in use.
    unsafe notes.deallocate()
  }
}
