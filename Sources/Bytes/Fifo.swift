/// A first-in, first-out queue of plain values: a ring buffer that grows by doubling.
///
/// All operations are O(1), amortised for `append`. The queue keeps its memory until `trim`.
@safe @usableFromInline
package struct Fifo<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline var elements: UnsafeMutablePointer<Element>?
  @usableFromInline var mask = -1
  @usableFromInline var head = 0
  /// The number of elements.
  @usableFromInline package var count = 0

  @inlinable package init() { unsafe elements = nil }

  @inlinable deinit {
    // SAFETY: nil or our own allocation; plain values need no deinitialisation.
    unsafe elements?.deallocate()
  }

  /// The ring index of the first element. It changes when that element is dropped.
  @inlinable package var place: Int { @inline(__always) get { head } }

  @inlinable package var isEmpty: Bool { @inline(__always) get { count <= 0 } }

  @inlinable package var first: Element? {
    @inline(__always) get {
      guard count > 0, let p = unsafe elements else { return nil }
      // SAFETY: head is masked, and count > 0 means that the slot was written.
      return unsafe p[head]
    }
  }

  /// The `i`th element from the front, in place: reading one field of it loads only that field.
  @inlinable package subscript(i: Int) -> Element {
    // SAFETY: the ring exists when count > 0, and its first `count` slots from `head` on were written; exclusive
    // access to self is exclusive access to each of them.
    @inline(__always) unsafeAddress {
      precondition(i >= 0 && i < count)
      return unsafe UnsafePointer(elements.unsafelyUnwrapped + ((head &+ i) & mask))
    }
    @inline(__always) unsafeMutableAddress {
      precondition(i >= 0 && i < count)
      return unsafe elements.unsafelyUnwrapped + ((head &+ i) & mask)
    }
  }

  /// The newest element, in place. The queue must not be empty.
  @inlinable package var last: Element {
    // SAFETY: as above; the slot before the first free one was written.
    @inline(__always) unsafeAddress {
      precondition(count > 0)
      return unsafe UnsafePointer(elements.unsafelyUnwrapped + ((head &+ count &- 1) & mask))
    }
    @inline(__always) unsafeMutableAddress {
      precondition(count > 0)
      return unsafe elements.unsafelyUnwrapped + ((head &+ count &- 1) & mask)
    }
  }

  @inlinable @inline(__always) package mutating func append(_ element: Element) {
    if count > mask { grow() }
    // SAFETY: grow made room: count <= mask, so the slot is free and inside the ring.
    unsafe (elements.unsafelyUnwrapped + ((head &+ count) & mask)).initialize(to: element)
    count &+= 1
  }

  @inlinable @inline(__always) package mutating func dropFirst() {
    precondition(count > 0)
    head = (head &+ 1) & mask
    count &-= 1
  }

  /// Drops the first `n` elements.
  @inlinable @inline(__always) package mutating func dropFirst(_ n: Int) {
    precondition(n >= 0 && n <= count)
    head = (head &+ n) & mask
    count &-= n
  }

  @inlinable package mutating func popFirst() -> Element? {
    guard let element = first else { return nil }
    dropFirst()
    return element
  }

  package mutating func removeAll() {
    head = 0
    count = 0
  }

  /// Removes all elements equal to this one. O(n).
  package mutating func removeAll(_ element: Element) where Element: Equatable {
    for _ in 0..<count {
      if let first = popFirst(), first != element { append(first) }
    }
  }

  /// Removes `n` elements from the `i`th on and moves those before them up. O(i + n).
  package mutating func remove(from i: Int, count n: Int) {
    precondition(i >= 0 && n >= 0 && n <= count &- i)
    var k = i
    while k > 0 {
      k &-= 1
      self[k &+ n] = self[k]
    }
    for _ in 0..<n { dropFirst() }
  }

  @inline(never) @usableFromInline mutating func grow() { move(to: max(8, (mask &+ 1) * 2)) }

  /// Frees most of the memory if less than an eighth of it is used.
  package mutating func trim(keeping least: Int = 1024) {
    if mask >= least && count < mask / 8 { move(to: (mask &+ 1) / 4) }
  }

  private mutating func move(to size: Int) {
    let ring = UnsafeMutablePointer<Element>.allocate(capacity: size)
    for i in 0..<count {
      // SAFETY: i < count, which both sizes hold.
      unsafe (ring + i).initialize(to: elements.unsafelyUnwrapped[(head &+ i) & mask])
    }
    unsafe elements?.deallocate()
    unsafe elements = ring
    mask = size - 1
    head = 0
  }
}
