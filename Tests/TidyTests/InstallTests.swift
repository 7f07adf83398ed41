import Foundation
import Testing

/// `make install` puts on a machine what its unit and its pages refer to, and `make uninstall` removes all of it.
@Suite struct InstallTests {
  private func make(_ target: String, _ folder: URL) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "make", "-s", "-C", Repository.root.path, target, "BINARY=/bin/true", "PREFIX=/opt/ring",
      "DESTDIR=\(folder.path)",
    ]
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  private func files(in folder: URL) throws -> Set<String> {
    let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    return Set(
      try paths.filter {
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.appending(path: $0).path)
        return attributes[.type] as? FileAttributeType == .typeRegular
      })
  }

  @Test func whatIsInstalledIsCompleteAndCanBeRemoved() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ringroad-install-\(getpid())")
    defer { try? FileManager.default.removeItem(at: folder) }
    try make("install", folder)
    let installed = try files(in: folder)
    for file in [
      "bin/ringroad", "share/man/man1/ringroad.1", "lib/systemd/system/ringroad.service",
      "lib/systemd/system/ringroad.socket",
    ] {
      #expect(installed.contains("opt/ring/\(file)"))
    }
    let unit = try String(
      contentsOf: folder.appending(path: "opt/ring/lib/systemd/system/ringroad.service"), encoding: .utf8)
    #expect(unit.contains("ExecStart=/opt/ring/bin/ringroad --config /etc/ringroad.yml\n"))
    for page in try PageTests.pages() {
      #expect(installed.contains("opt/ring/share/doc/ringroad/\(page)"))
      for (path, _) in try PageTests.links(of: page) {
        #expect(installed.contains("opt/ring/share/doc/ringroad/\(path)"), "\(page) links to \(path)")
      }
    }
    try make("uninstall", folder)
    #expect(try files(in: folder) == [])
  }
}
