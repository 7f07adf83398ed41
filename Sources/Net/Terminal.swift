import Glibc

/// The terminal of standard input and output.
///
///     let terminal = try Terminal()
///     terminal.resume()     // keys arrive one by one and are not shown
///     terminal.restore()    // as it was
@safe
package struct Terminal: ~Copyable {
  /// The mode that it had before, and the one for single keys.
  private let before: termios
  private let keys: termios

  /// Whether both standard input and standard output are a terminal.
  package static var isThere: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

  /// Columns and rows; nil if standard output is no terminal, or does not know its size.
  package static var size: (columns: Int, rows: Int)? {
    var size = winsize()
    // SAFETY: the call fills the structure that it is given.
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return nil
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Notes the terminal's mode, and changes nothing yet.
  package init() throws(SystemError) {
    var mode = termios()
    // SAFETY: the call fills the structure that it is given.
    guard unsafe tcgetattr(STDIN_FILENO, &mode) == 0 else { throw .last("tcgetattr") }
    before = mode
    mode.c_lflag &= ~tcflag_t(ICANON | ECHO | ECHONL | IEXTEN)
    mode.c_iflag &= ~tcflag_t(IXON)
    // SAFETY: both indices are within the array of control characters.
    unsafe withUnsafeMutableBytes(of: &mode.c_cc) { characters in
      unsafe characters[Int(VMIN)] = 1
      unsafe characters[Int(VTIME)] = 0
    }
    keys = mode
  }

  /// Makes keys arrive one by one, unseen; ctrl-C and ctrl-Z still are signals.
  package func resume() { Self.set(keys) }

  /// Gives the terminal the mode that it had before.
  package func restore() { Self.set(before) }

  private static func set(_ mode: termios) {
    var mode = mode
    // SAFETY: the call reads the structure that it is given.
    _ = uninterrupted { unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) }
  }

  /// Stops this process until it is continued, as ctrl-Z does.
  package static func stopProcess() { _ = kill(getpid(), SIGSTOP) }
}
