/// Calls `body` with a copy of `bytes` that ends where its memory ends: reading one byte too far is reported.
package func exactly<Result>(_ bytes: ArraySlice<UInt8>, _ body: (RawSpan) -> Result) -> Result {
  let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  // SAFETY: allocated above with this size and freed when body has returned; a span does not outlive it.
  unsafe memory.copyBytes(from: bytes)
  defer { unsafe memory.deallocate() }
  return body(unsafe UnsafeRawBufferPointer(memory).bytes)
}

/// A fuzz input: first the bytes that select the case, then the bytes to parse.
package struct Choices {
  package private(set) var rest: ArraySlice<UInt8>

  package init(_ bytes: UnsafePointer<UInt8>?, _ count: Int) {
    // SAFETY: libFuzzer passes `count` bytes.
    unsafe rest = Array(UnsafeBufferPointer(start: bytes, count: count))[...]
  }

  /// A number below `limit`; 0 at the end of the input.
  package mutating func number(below limit: Int) -> Int {
    guard limit > 0, let low = rest.popFirst() else { return 0 }
    let high = limit > 256 ? rest.popFirst() ?? 0 : 0
    return (Int(high) << 8 | Int(low)) % limit
  }

  package mutating func bytes(_ count: Int) -> ArraySlice<UInt8> {
    let taken = rest.prefix(count)
    rest = rest.dropFirst(count)
    return taken
  }
}
