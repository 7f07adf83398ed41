import Foundation

/// What a test could not be started with; the text says what to do about it.
struct Missing: Error, CustomStringConvertible {
  let description: String
}

/// The programs that these tests run.
enum Programs {
  /// Where `Package.swift` lies.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// The proxy as it is shipped: `RINGROAD_BINARY`, or the release build of this package.
  static func ringroad() throws -> String {
    let environment = ProcessInfo.processInfo.environment
    let path = environment["RINGROAD_BINARY"] ?? root + "/.build/release/ringroad"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Missing(description: "there is no \(path): `make build` builds it")
    }
    return path
  }

  /// A Python that may have the client libraries.
  static func python() -> String {
    if let path = ProcessInfo.processInfo.environment["RINGROAD_PYTHON"] { return path }
    let own = root + "/.build/test-venv/bin/python"
    return FileManager.default.isExecutableFile(atPath: own) ? own : "python3"
  }
}

/// A directory of a test's own, with all in it gone when the test is over.
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
