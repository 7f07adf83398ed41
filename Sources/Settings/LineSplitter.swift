/// Splits a stream of bytes into lines, in bounded memory. Of a line longer than `longest` bytes, only `longest` + 1
/// are kept, so that the reader can detect that it was too long.
package struct LineSplitter {
  private let longest: Int
  private var line: [UInt8] = []
  private var hasBegun = false

  package init(longest: Int) { self.longest = longest }

  /// Takes the next bytes, and calls `each` with every line that ends in them, without its line end.
  package mutating func take(_ bytes: ArraySlice<UInt8>, _ each: ([UInt8]) -> Void) {
    for byte in bytes {
      hasBegun = true
      if byte == 10 {
        finish(each)
      } else if line.count <= longest + 1 {
        // One byte more than the reader gets: the CR of a CR LF is removed.
        line.append(byte)
      }
    }
  }

  /// Calls `each` with the last line if it has no line end.
  package mutating func finish(_ each: ([UInt8]) -> Void) {
    guard hasBegun else { return }
    if line.last == 13 { line.removeLast() }
    each(Array(line.prefix(longest + 1)))
    line.removeAll(keepingCapacity: true)
    hasBegun = false
  }
}
