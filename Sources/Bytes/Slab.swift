/// What lives in a slab: it can be made empty, and made empty again when its slot is given back.
@usableFromInline
package protocol Recyclable: ~Copyable {
  init()
  /// Ready for the next owner; what it held is let go.
  mutating func reset()
}

/// A slot and the time it was taken: an event that comes late carries an old generation and is
/// recognised by it.
@usableFromInline @frozen
package struct SlotID: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline package var index: UInt32
  @usableFromInline package var generation: UInt32
  @inlinable package init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}

/// Values in numbered slots, taken and given back in O(1), reached by address without a copy.
///
///     slots   [client] [client] [ free ] [client] [ free ]
///     free          4 → 2
///
/// A slot always holds an initialised value, so a bounds check is enough for memory safety; the
/// generation tells apart the owners that a slot has had. Grows by doubling; shrinks when `trim()` finds it all but
/// empty.
@safe @usableFromInline
package struct Slab<Element: ~Copyable & Recyclable>: ~Copyable {
  @usableFromInline struct Head: BitwiseCopyable {
    /// Counts takings and givings: odd while the slot is taken.
    @usableFromInline var generation: UInt32 = 0
    @usableFromInline var next: UInt32 = .max
    @inlinable var isTaken: Bool { @inline(__always) get { generation & 1 == 1 } }
    @inlinable init() {}
  }
  @usableFromInline var elements: UnsafeMutablePointer<Element>
  @usableFromInline var heads: UnsafeMutablePointer<Head>
  @usableFromInline var capacity: UInt32
  /// Slots that were ever taken: those below are initialised.
  @usableFromInline var high: UInt32 = 0
  @usableFromInline var free: UInt32 = .max
  /// The last generation of the slots that `trim` gave up: a new slot begins with the next one.
  @usableFromInline var firstGeneration: UInt32 = 0
  /// Slots taken now.
  @usableFromInline package var count: UInt32 = 0

  /// The index that no slot has.
  @inlinable package static var none: UInt32 { @inline(__always) get { .max } }

  @inlinable package init(capacity: Int = 16) {
    let size = max(1, capacity)
    self.capacity = UInt32(size)
    unsafe elements = UnsafeMutablePointer<Element>.allocate(capacity: size)
    unsafe heads = UnsafeMutablePointer<Head>.allocate(capacity: size)
  }

  @inlinable deinit {
    // SAFETY: slots below `high` are initialised, and nothing else owns them.
    unsafe elements.deinitialize(count: Int(high))
    unsafe elements.deallocate()
    unsafe heads.deallocate()
  }

  /// One past the highest slot ever taken: the bound for a walk over all.
  @inlinable package var end: UInt32 { high }

  @inlinable package subscript(i: UInt32) -> Element {
    // SAFETY: every slot below `high` is initialised; exclusive access to self is exclusive access
    // to the slot.
    @inline(__always) unsafeAddress {
      precondition(i < high)
      return unsafe UnsafePointer(elements + Int(i))
    }
    @inline(__always) unsafeMutableAddress {
      precondition(i < high)
      return unsafe elements + Int(i)
    }
  }

  /// Takes a slot; its value is as `init()` or `reset()` left it.
  @inlinable @inline(__always) package mutating func take() -> UInt32 {
    count &+= 1
    let i = free
    if i == .max { return takeNew() }
    // SAFETY: the free list holds only slots below `high`.
    unsafe free = heads[Int(i)].next
    unsafe heads[Int(i)].generation &+= 1
    return i
  }

  @inline(never) @usableFromInline mutating func takeNew() -> UInt32 {
    if high == capacity { grow() }
    let i = high
    // SAFETY: `high` is below capacity, and its slot was never initialised.
    unsafe (elements + Int(i)).initialize(to: Element())
    unsafe (heads + Int(i)).initialize(to: Head())
    unsafe heads[Int(i)].generation = firstGeneration &+ 1
    high += 1
    return i
  }

  @inline(never) @usableFromInline mutating func grow() { move(to: Int(capacity) * 2) }

  /// Gives memory back when less than a quarter of the slots are taken: those above the highest that is, and
  /// the next ones taken will be the lowest. O(slots) then. Called now and then.
  package mutating func trim(keeping least: Int = 1024) {
    guard Int(high) > least, count < high / 4 else { return }
    var end = Int(high)
    // SAFETY: heads below `high` are initialised, and so are the elements, free or not.
    while end > least, unsafe !heads[end - 1].isTaken {
      end -= 1
      firstGeneration = max(firstGeneration, unsafe heads[end].generation)
      unsafe (elements + end).deinitialize(count: 1)
    }
    high = UInt32(end)
    free = .max
    for i in (0..<end).reversed() where unsafe !heads[i].isTaken {
      unsafe heads[i].next = free
      free = UInt32(i)
    }
    let size = max(least, end)
    if size <= Int(capacity) / 2 { move(to: size) }
  }

  private mutating func move(to size: Int) {
    let newElements = UnsafeMutablePointer<Element>.allocate(capacity: size)
    let newHeads = UnsafeMutablePointer<Head>.allocate(capacity: size)
    // SAFETY: the new arrays hold at least `high` values; the old ones are moved out before their memory goes.
    unsafe newElements.moveInitialize(from: elements, count: Int(high))
    unsafe newHeads.moveInitialize(from: heads, count: Int(high))
    unsafe elements.deallocate()
    unsafe heads.deallocate()
    unsafe elements = newElements
    unsafe heads = newHeads
    capacity = UInt32(size)
  }

  /// Gives a slot back; its generation goes up, so that ids of this owner are stale from now on.
  @inlinable @inline(__always) package mutating func give(_ i: UInt32) {
    precondition(i < high)
    // SAFETY: checked above. A slot given twice would corrupt the free list: it must be taken.
    unsafe precondition(heads[Int(i)].isTaken)
    unsafe elements[Int(i)].reset()
    unsafe heads[Int(i)].generation &+= 1
    unsafe heads[Int(i)].next = free
    free = i
    count &-= 1
  }

  /// The id of a slot's present owner.
  @inlinable @inline(__always) package func id(of i: UInt32) -> SlotID {
    precondition(i < high)
    // SAFETY: checked above.
    return unsafe SlotID(index: i, generation: heads[Int(i)].generation)
  }

  /// Whether the owner that `id` was made for still holds its slot.
  @inlinable @inline(__always) package func isCurrent(_ id: SlotID) -> Bool {
    // SAFETY: the index is checked before the head is read.
    unsafe id.index < high && heads[Int(id.index)].generation == id.generation
      && id.generation & 1 == 1
  }

  @inlinable package func isTaken(_ i: UInt32) -> Bool {
    // SAFETY: the index is checked before the head is read.
    unsafe i < high && heads[Int(i)].isTaken
  }
}
