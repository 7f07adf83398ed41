/// A value that can live in a slab: it has an empty state, and returns to it when its slot is given back.
@usableFromInline
package protocol Recyclable: ~Copyable {
  init()
  /// Returns the value to its empty state and releases what it owned.
  mutating func reset()
}

/// The number of a slot in a slab of `Element`: it cannot be taken for the number of anything else.
@usableFromInline @frozen
package struct Ref<Element: ~Copyable>: BitwiseCopyable, Hashable, Comparable, Sendable,
  CustomStringConvertible
{
  /// Counted from 0 in the order in which slots were first taken.
  @usableFromInline package var index: UInt32

  @inlinable @inline(__always) package init(_ index: UInt32) { self.index = index }

  /// The number that no slot has.
  @inlinable package static var none: Ref { @inline(__always) get { Ref(.max) } }

  /// The next slot, in a walk over all.
  @inlinable package var next: Ref { @inline(__always) get { Ref(index &+ 1) } }

  @inlinable package static func < (a: Ref, b: Ref) -> Bool { a.index < b.index }

  @usableFromInline package var description: String { "\(index)" }
}

/// The slots of a slab up to the highest one, taken or not: for a walk over those that are taken, during which some may be
/// taken or given back.
///
///     for s in servers.slots where servers.isTaken(s) { … }
package struct RefRange<Element: ~Copyable>: Sequence, IteratorProtocol {
  private var at = Ref<Element>(0)
  private let end: Ref<Element>

  fileprivate init(end: UInt32) { self.end = Ref(end) }

  package mutating func next() -> Ref<Element>? {
    guard at < end else { return nil }
    defer { at = at.next }
    return at
  }
}

/// A slot and its generation, which identify one owner of the slot. A late event carries an old generation, so the
/// receiver recognises that it belongs to an earlier owner.
@usableFromInline @frozen
package struct SlotID<Element: ~Copyable>: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline package var slot: Ref<Element>
  @usableFromInline package var generation: UInt32
  @inlinable package init(_ slot: Ref<Element>, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
}

/// Values in numbered slots, taken and given back in O(1) and accessed in place, without a copy.
///
///     slots   [client] [client] [ free ] [client] [ free ]
///     free          4 → 2
///
/// Every slot always holds an initialised value, so a bounds check is enough for memory safety. The generation
/// distinguishes successive owners of a slot. The slab doubles when it is full and shrinks when `trim()` finds less
/// than a quarter of it in use.
@safe @usableFromInline
package struct Slab<Element: ~Copyable & Recyclable>: ~Copyable {
  @usableFromInline struct Head: BitwiseCopyable {
    /// Incremented when the slot is taken and when it is given back: odd while it is taken.
    @usableFromInline var generation: UInt32 = 0
    @usableFromInline var next: UInt32 = .max
    @inlinable var isTaken: Bool { @inline(__always) get { generation & 1 == 1 } }
    @inlinable init() {}
  }
  @usableFromInline var elements: UnsafeMutablePointer<Element>
  @usableFromInline var heads: UnsafeMutablePointer<Head>
  @usableFromInline var capacity: UInt32
  /// The number of slots ever taken: all slots below it are initialised.
  @usableFromInline var high: UInt32 = 0
  @usableFromInline var free: UInt32 = .max
  /// The highest generation among the slots that `trim` freed: a new slot starts with the next one.
  @usableFromInline var firstGeneration: UInt32 = 0
  /// The number of slots taken now.
  @usableFromInline package var count: UInt32 = 0

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

  /// One past the highest slot ever taken: the bound for iterating over all slots.
  @inlinable package var end: UInt32 { high }

  @inlinable package subscript(ref: Ref<Element>) -> Element {
    // SAFETY: every slot below `high` is initialised; exclusive access to self is exclusive access
    // to the slot.
    @inline(__always) unsafeAddress {
      precondition(ref.index < high)
      return unsafe UnsafePointer(elements + Int(ref.index))
    }
    @inline(__always) unsafeMutableAddress {
      precondition(ref.index < high)
      return unsafe elements + Int(ref.index)
    }
  }

  /// All slots.
  package var slots: RefRange<Element> { RefRange(end: high) }

  /// Takes a slot; its value is as `init()` or `reset()` left it.
  @inlinable @inline(__always) package mutating func take() -> Ref<Element> {
    count &+= 1
    let i = free
    if i == .max { return takeNew() }
    // SAFETY: the free list holds only slots below `high`.
    unsafe free = heads[Int(i)].next
    unsafe heads[Int(i)].generation &+= 1
    return Ref(i)
  }

  @inline(never) @usableFromInline mutating func takeNew() -> Ref<Element> {
    if high == capacity { grow() }
    let i = high
    // SAFETY: `high` is below capacity, and its slot was never initialised.
    unsafe (elements + Int(i)).initialize(to: Element())
    unsafe (heads + Int(i)).initialize(to: Head())
    unsafe heads[Int(i)].generation = firstGeneration &+ 1
    high += 1
    return Ref(i)
  }

  @inline(never) @usableFromInline mutating func grow() { move(to: Int(capacity) * 2) }

  /// Frees memory if less than a quarter of the slots are taken: drops the free slots above the highest taken one.
  /// Later calls of `take` then get the lowest free slots first. O(slots) if it frees anything. Called now and then.
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
    // SAFETY: the new arrays hold at least `high` values; the old ones are moved out before their memory is freed.
    unsafe newElements.moveInitialize(from: elements, count: Int(high))
    unsafe newHeads.moveInitialize(from: heads, count: Int(high))
    unsafe elements.deallocate()
    unsafe heads.deallocate()
    unsafe elements = newElements
    unsafe heads = newHeads
    capacity = UInt32(size)
  }

  /// Gives a slot back and increments its generation, so that the ids of this owner are stale.
  @inlinable @inline(__always) package mutating func give(_ ref: Ref<Element>) {
    let i = ref.index
    precondition(i < high)
    // SAFETY: checked above. A slot given twice would corrupt the free list: it must be taken.
    unsafe precondition(heads[Int(i)].isTaken)
    unsafe elements[Int(i)].reset()
    unsafe heads[Int(i)].generation &+= 1
    unsafe heads[Int(i)].next = free
    free = i
    count &-= 1
  }

  /// The id of a slot's current owner.
  @inlinable @inline(__always) package func id(of ref: Ref<Element>) -> SlotID<Element> {
    precondition(ref.index < high)
    // SAFETY: checked above.
    return unsafe SlotID(ref, generation: heads[Int(ref.index)].generation)
  }

  /// Whether the owner that `id` identifies still has its slot.
  @inlinable @inline(__always) package func isCurrent(_ id: SlotID<Element>) -> Bool {
    // SAFETY: the index is checked before the head is read.
    unsafe id.slot.index < high && heads[Int(id.slot.index)].generation == id.generation
      && id.generation & 1 == 1
  }

  @inlinable package func isTaken(_ ref: Ref<Element>) -> Bool {
    // SAFETY: the index is checked before the head is read.
    unsafe ref.index < high && heads[Int(ref.index)].isTaken
  }
}
