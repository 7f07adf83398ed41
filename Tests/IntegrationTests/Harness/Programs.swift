import Foundation

/// Something missing on this machine that a test needs; the text says how to get it.
struct Missing: Error, CustomStringConvertible {
  let description: String
}

/// The programs that these tests run.
enum Programs {
  /// The directory of `Package.swift`.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The proxy as shipped: `RINGROAD_BINARY`, or the release build of this package.
  static func ringroad() throws -> String {
    let environment = ProcessInfo.processInfo.environment
    let path = environment["RINGROAD_BINARY"] ?? root + "/.build/release/ringroad"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Missing(description: "there is no \(path): `make build` builds it")
    }
    return path
  }

  /// A Python that has the client libraries, if one is installed.
  static func python() -> String {
    if let path = ProcessInfo.processInfo.environment["RINGROAD_PYTHON"] { return path }
    let own = root + "/.build/test-venv/bin/python"
    return FileManager.default.isExecutableFile(atPath: own) ? own : "python3"
  }
}

/// A temporary directory for one test, deleted with its content at the end.
final class Directory: Sendable {
  let path: String

  init() throws {
    path = "/tmp/ringroad-test-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  func read(_ name: String) -> String {
    String(decoding: FileManager.default.contents(atPath: file(name)) ?? Data(), as: UTF8.self)
  }
}
