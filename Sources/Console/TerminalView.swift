import Glibc
import Net
import Settings

/// `ringroad top` in a terminal: looks at the proxy, draws, and does what keys and signals say, also while it waits for
/// the proxy.
final class TerminalView {
  private let proxy: ObservedProxy
  private let painter: Painter
  private let interval: Duration
  private let signals: Signals
  private let terminal: Terminal
  private var dashboard: Dashboard
  private var keys = KeyReader()
  private var page = 0
  private var isEnding = false
  /// Whether the terminal shows frames.
  private var isShown = false
  /// When the proxy last answered, or the first look.
  private var lastAnswer = ContinuousClock.now

  init(_ proxy: ObservedProxy, _ options: TopOptions, _ painter: Painter) throws(ConsoleFailure) {
    self.proxy = proxy
    self.painter = painter
    interval = options.interval
    dashboard = Dashboard(address: proxy.client.name)
    dashboard.seconds = max(1, Int(clampingTo: (interval / .seconds(1)).rounded()))
    do throws(SystemError) {
      signals = try Signals(
        [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])
      terminal = try Terminal()
    } catch {
      throw ConsoleFailure(error.description)
    }
  }

  /// Shows the proxy until `q`, a signal that ends it, or the end of the terminal.
  func run() {
    enter()
    draw()
    while !isEnding {
      let next = ContinuousClock.now + interval
      look()
      draw()
      while !isEnding, ContinuousClock.now < next { _ = wait(until: next) }
    }
    leave()
  }

  private func look() {
    do throws(ConsoleFailure) {
      // Keys change the dashboard meanwhile.
      let look = try proxy.look(dashboard) { descriptor, toWrite, deadline in
        while !self.isEnding, ContinuousClock.now < deadline {
          if self.wait(for: descriptor, toWrite: toWrite, until: deadline) { return true }
        }
        return false
      }
      dashboard.take(look)
      lastAnswer = ContinuousClock.now
    } catch {
      let seconds = lastAnswer.duration(to: ContinuousClock.now) / .seconds(1)
      dashboard.silence = Dashboard.Silence(reason: error.words, seconds: seconds)
    }
  }

  /// Writes to the terminal; the end of it ends the program.
  private func show(_ bytes: [UInt8]) {
    if !StandardStreams.write(bytes) { isEnding = true }
  }

  private func draw() {
    guard !isEnding else { return }
    let size = Terminal.size ?? (80, 24)
    let canvas = Canvas(columns: min(1000, size.columns), rows: min(1000, size.rows), glyphs: painter.glyphs)
    let frame = Composition.frame(dashboard, canvas)
    (page, dashboard.offset) = (frame.page, frame.offset)
    show(painter.paint(frame, columns: canvas.columns))
  }

  /// Waits for a descriptor, a key or a signal, and handles the latter two; true if the descriptor is ready.
  private func wait(
    for descriptor: Int32? = nil, toWrite: Bool = false, until deadline: ContinuousClock.Instant
  ) -> Bool {
    let own = [STDIN_FILENO, signals.descriptor]
    let other = descriptor.map { [$0] } ?? []
    let ready = Poll.wait(
      toRead: own + (toWrite ? [] : other), toWrite: toWrite ? other : [], until: deadline)
    if ready.contains(signals.descriptor) { handleSignals() }
    if ready.contains(STDIN_FILENO) { readKeys() }
    return descriptor.map(ready.contains) ?? false
  }

  private func readKeys() {
    var chunk = [UInt8](repeating: 0, count: 256)
    let bytes = StandardStreams.read(into: &chunk)
    if bytes.isEmpty { isEnding = true }
    for key in keys.take(bytes) where dashboard.press(key, page: page) { isEnding = true }
    draw()
  }

  private func handleSignals() {
    var isStopping = false
    var isContinued = false
    while let signal = signals.next() {
      switch signal {
      case SIGWINCH: break
      case SIGTSTP: isStopping = true
      case SIGCONT: isContinued = true
      default: isEnding = true
      }
    }
    guard !isEnding else { return }
    if isStopping {
      leave()
      Terminal.stopProcess()
      return handleSignals()
    }
    // Another program may have had the terminal meanwhile.
    if isContinued { isShown = false }
    enter()
    draw()
  }

  /// Takes the terminal, if it is not taken. In the background this stops the process until it is in the foreground.
  private func enter() {
    guard !isShown else { return }
    isShown = true
    terminal.resume()
    show(Painter.begin)
  }

  /// Gives the terminal back as it was.
  private func leave() {
    guard isShown else { return }
    isShown = false
    StandardStreams.write(Painter.end)
    terminal.restore()
  }
}
