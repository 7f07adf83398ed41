/// An array of plain values whose size is fixed when it is created: one owner, no reference count, one bounds check
/// per access. For tables that the hot path reads, such as a continuum's points.
@safe @usableFromInline
package struct FixedArray<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline let elements: UnsafeMutablePointer<Element>
  @usableFromInline package let count: Int

  package init(_ source: [Element]) {
    count = source.count
    unsafe elements = UnsafeMutablePointer<Element>.allocate(capacity: max(1, source.count))
    for i in 0..<source.count {
      // SAFETY: i < count.
      unsafe (elements + i).initialize(to: source[i])
    }
  }

  @inlinable deinit {
    // SAFETY: our own allocation; plain values need no deinitialisation.
    unsafe elements.deallocate()
  }

  @inlinable package subscript(i: Int) -> Element {
    @inline(__always) get {
      precondition(i >= 0 && i < count)
      // SAFETY: checked above.
      return unsafe elements[i]
    }
    @inline(__always) set {
      precondition(i >= 0 && i < count)
      // SAFETY: checked above.
      unsafe elements[i] = newValue
    }
  }
}
