/// Cuts a stream of bytes into lines, in bounded memory: of a line longer than `longest` only that many
/// bytes and one more are kept, so that the reader sees that it was too long.
package struct LineSplitter {
  private let longest: Int
  private var line: [UInt8] = []
  private var hasBegun = false

  package init(longest: Int) { self.longest = longest }

  /// Takes the next bytes and gives every line that ends in them, without its end.
  package mutating func take(_ bytes: ArraySlice<UInt8>, _ each: ([UInt8]) -> Void) {
    for byte in bytes {
      hasBegun = true
      if byte == 10 {
        finish(each)
      } else if line.count <= longest + 1 {
        // One more than the reader is shown: the CR of a CR LF goes.
        line.append(byte)
      }
    }
  }

  /// Gives the last line if it had no end.
  package mutating func finish(_ each: ([UInt8]) -> Void) {
    guard hasBegun else { return }
    if line.last == 13 { line.removeLast() }
    each(Array(line.prefix(longest + 1)))
    line.removeAll(keepingCapacity: true)
    hasBegun = false
  }
}
