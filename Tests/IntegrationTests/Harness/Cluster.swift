import Foundation
import Glibc
import Net

/// A proxy and its configuration file.
///
///     let proxy = try Proxy { "listen: 127.0.0.1:\($0)\nservers: [...]\n" }
///
/// The log goes to a file that the test can read. The proxy is killed when this object is destroyed.
final class Proxy {
  let directory: Directory
  let port: UInt16
  let child: Child

  var configPath: String { directory.file("ringroad.yml") }
  var log: String { directory.read("log") }

  /// - Parameters:
  ///   - flags: further words of the command line.
  ///   - runner: a program that executes the proxy, with its arguments, such as taskset.
  ///   - environment: further variables, `NAME=value`.
  ///   - config: the file's text, from the proxy's port and directory.
  init(
    flags: [String] = [], under runner: [String] = [], environment: [String] = [],
    _ config: (UInt16, Directory) -> String
  ) throws {
    directory = try Directory()
    port = try Ports.free()
    try Self.write(config(port, directory), to: directory.file("ringroad.yml"))
    child = try Child(
      runner + [Programs.ringroad(), "--config", directory.file("ringroad.yml"), "--admin", "off"] + flags,
      environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" } + environment,
      output: directory.file("log"))
    let isUp = eventually(within: .seconds(5)) {
      // `EN` once all servers are known to be older than 1.6, `ERROR` if older than 1.5.
      let answer = try? TextClient(port: self.port).ask("mn")
      return ["MN", "EN", "ERROR"].contains(answer) || self.child.ended() != nil
    }
    guard isUp, child.ended() == nil else {
      throw Missing(description: "ringroad does not start: \(log)")
    }
  }

  func client(patience: Duration = .seconds(5)) throws -> TextClient {
    try TextClient(port: port, patience: patience)
  }

  /// The rows of `stats ringroad`.
  func numbers() throws -> [String: String] { try client().stats("ringroad") }

  func number(_ name: String) throws -> Int { Int(try numbers()[name] ?? "") ?? 0 }

  /// The status of a server, as `stats ringroad` names it.
  func standing(of address: String) throws -> String? {
    let rows = try numbers()
    return rows.first { $0.key.hasPrefix("server:") && $0.key.hasSuffix(":" + address) }?.value
  }

  // MARK: - The file

  static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  /// Writes into the existing file.
  func edit(_ text: String) throws { try Self.write(text, to: configPath) }

  /// Replaces the file by a rename.
  func replace(_ text: String) throws {
    try Self.write(text, to: configPath + ".new")
    guard unsafe rename(configPath + ".new", configPath) == 0 else {
      throw SystemError.last("rename \(configPath)")
    }
  }

  // MARK: - Routes

  /// The server of each key according to `ringroad route`.
  func route(_ keys: [String]) throws -> [String: String] { try Self.route(["--config", configPath], keys) }

  /// The same for the servers in these flags.
  static func route(_ flags: [String], _ keys: [String]) throws -> [String: String] {
    let answer = try Directory()
    let child = try Child([Programs.ringroad(), "route"] + flags + keys, output: answer.file("out"))
    guard child.end(within: .seconds(10)) == .exited(0) else {
      throw Missing(description: "ringroad route: \(answer.read("out"))")
    }
    var owners: [String: String] = [:]
    for line in answer.read("out").split(separator: "\n") {
      let words = line.split(separator: "\t")
      if words.count == 2 { owners[String(words[0])] = String(words[1]) }
    }
    return owners
  }
}

/// Several memcacheds and a proxy in front of them.
final class Cluster {
  let servers: [Memcached]
  let proxy: Proxy
  private let options: String

  /// `options` are further lines of the file.
  init(
    servers count: Int = 3, options: String = "", flags: [String] = [], memcached: [String] = [],
    environment: [String] = []
  ) throws {
    let servers = try (0..<count).map { _ in try Memcached(memcached) }
    self.servers = servers
    self.options = options
    proxy = try Proxy(flags: flags, environment: environment) { port, _ in
      Self.config(port, servers.map(\.address), options)
    }
  }

  /// The file with these servers, otherwise unchanged.
  func config(_ addresses: [String]) -> String { Self.config(proxy.port, addresses, options) }

  private static func config(_ port: UInt16, _ addresses: [String], _ options: String) -> String {
    """
    listen: 127.0.0.1:\(port)
    \(options.contains("threads:") ? "" : "threads: 2")
    servers: [\(addresses.joined(separator: ", "))]
    \(options)

    """
  }

  func client() throws -> TextClient { try proxy.client() }

  /// Test keys by the address of their server.
  func keys(_ prefix: String, count: Int = 300) throws -> [String: [String]] {
    let keys = (0..<count).map { "\(prefix)\($0)" }
    return Dictionary(grouping: try proxy.route(keys), by: \.value).mapValues { $0.map(\.key).sorted() }
  }
}
