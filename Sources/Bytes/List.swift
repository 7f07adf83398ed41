/// A growable array of plain values with one owner: no reference count, and elements are read and written in place.
///
/// Appending is amortised O(1); `removeAll` keeps the memory unless it has grown large.
@safe @usableFromInline
package struct List<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline var elements: UnsafeMutablePointer<Element>?
  @usableFromInline var capacity = 0
  @usableFromInline package var count = 0

  @inlinable package init() { unsafe elements = nil }

  @inlinable deinit {
    // SAFETY: nil or our own allocation; plain values need no deinitialisation.
    unsafe elements?.deallocate()
  }

  @inlinable package subscript(i: Int) -> Element {
    // SAFETY: elements below `count` were written by append; exclusive access to self is exclusive access
    // to each of them.
    @inline(__always) unsafeAddress {
      precondition(i >= 0 && i < count)
      return unsafe UnsafePointer(elements.unsafelyUnwrapped + i)
    }
    @inline(__always) unsafeMutableAddress {
      precondition(i >= 0 && i < count)
      return unsafe elements.unsafelyUnwrapped + i
    }
  }

  @inlinable @inline(__always) package mutating func append(_ element: Element) {
    if count == capacity { grow() }
    // SAFETY: grow made room for one more.
    unsafe (elements.unsafelyUnwrapped + count).initialize(to: element)
    count &+= 1
  }

  /// Drops everything; memory for more than `kept` values is given back.
  @inlinable package mutating func removeAll(keeping kept: Int = 256) {
    count = 0
    if capacity > kept { release() }
  }

  @inline(never) @usableFromInline mutating func release() {
    // SAFETY: nil or our own allocation, forgotten here.
    unsafe elements?.deallocate()
    unsafe elements = nil
    capacity = 0
  }

  @inline(never) @usableFromInline mutating func grow() {
    let size = max(16, capacity * 2)
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: size)
    if let old = unsafe elements {
      // SAFETY: `count` values lie in the old block and fit the new one, which is another.
      unsafe larger.moveInitialize(from: old, count: count)
      unsafe old.deallocate()
    }
    unsafe elements = larger
    capacity = size
  }
}
