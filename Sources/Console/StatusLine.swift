import Glibc
import Net

/// The line on a terminal that shows how far a command is; nothing is written elsewhere.
struct StatusLine {
  private let isShown = isatty(STDERR_FILENO) == 1

  func show(_ text: String) {
    if isShown { StandardStreams.write(Array("\r\(text)\u{1b}[K".utf8), to: STDERR_FILENO) }
  }

  /// Removes the line.
  func clear() {
    if isShown { StandardStreams.write(Array("\r\u{1b}[K".utf8), to: STDERR_FILENO) }
  }
}
