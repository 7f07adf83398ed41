import CRingroad

/// The process's command line.
@safe
package enum Arguments {
  /// The words after the program's name. Read from the process's memory: there may be no /proc.
  package static var words: [String] {
    var words: [String] = []
    // SAFETY: main's own arguments, which end in NUL and live as long as the process.
    while let text = unsafe ringroad_argument(Int32(words.count + 1)) {
      words.append(unsafe String(cString: text))
    }
    return words
  }
}
