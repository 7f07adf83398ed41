/// Words of a command line that other programs understand, and what to write instead.
enum CommandHints {
  static let commands = [
    "check", "route", "placements", "import", "plan", "adopt", "top", "tail", "health", "bench", "demo",
    "help",
  ]
  private static let list =
    "the commands are check, route, placements, import, plan, adopt, top, tail, health, bench, demo and help"

  /// Whether a word is no server but a command: letters only. A host with such a name is written with its port.
  static func isCommand(_ word: String) -> Bool {
    word.count > 1 && word.allSatisfy { $0.isASCII && $0.isLetter } && word != "localhost"
  }

  static func command(_ word: String) -> String {
    "\(meaning(of: word).map { "\($0); " } ?? "")\(list)"
      + (meaning(of: word) == nil ? "; a server is written \(word):\(Endpoint.serverPort)" : "")
  }

  /// What to write instead of a command of other programs; nil if the word is none.
  static func meaning(of word: String) -> String? {
    switch word.lowercased() {
    case "version": "ringroad --version prints the version"
    case "reload": "SIGHUP reloads the file (kill -HUP PID)"
    case "status", "stats", "info": "ringroad top shows a running proxy"
    case "watch", "monitor", "trace", "follow": "ringroad tail shows requests as they are answered"
    case "ping", "ready", "healthcheck", "probe": "ringroad health asks a running proxy"
    case "stop", "quit", "shutdown", "kill": "SIGTERM stops the proxy (kill PID)"
    case "start", "run", "serve", "restart": "ringroad --config FILE runs the proxy"
    case "test", "configtest", "validate", "verify": "ringroad check FILE checks a file"
    case "convert", "translate", "migrate": "ringroad import FILE reads a configuration of twemproxy"
    default: nil
    }
  }

  /// The hint for a long option of another program; nil if it is unknown.
  static func option(_ name: String) -> String? {
    switch name {
    case "test", "test-conf", "test-config", "configtest", "validate", "verify", "dry-run":
      "ringroad check FILE checks a file"
    case "conf-file", "config-file": "a file is given as --config FILE"
    case "reload": "SIGHUP reloads the file (kill -HUP PID)"
    default: nil
    }
  }

  /// Whether a word is the name of a file.
  static func isFile(_ word: String) -> Bool {
    [".yml", ".yaml", ".json", ".conf", ".cfg", ".ini", ".toml"].contains { word.hasSuffix($0) }
  }
}
