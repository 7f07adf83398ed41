import Foundation
import Glibc
import Testing

@testable import Net

@Suite struct FileWatchTests {
  private func link(_ target: String, _ path: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
  }

  private func replace(_ path: String, by other: String) throws {
    try #require(unsafe rename(other, path) == 0)
  }

  @Test func editInPlaceIsNoticedWhenTheFileIsClosed() throws {
    let folder = try Folder()
    try folder.write("c.yml", "a")
    var watch = try FileWatch(path: "\(folder.path)/c.yml")
    #expect(watch.drain() == false)
    let fd = unsafe open("\(folder.path)/c.yml", O_WRONLY | O_TRUNC)
    #expect(unsafe write(fd, "b", 1) == 1)
    #expect(watch.drain() == false)
    close(fd)
    #expect(isClosed("\(folder.path)/c.yml"))
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
  }

  @Test func fileThatCannotBeReadHasAReason() throws {
    let folder = try Folder()
    try folder.write("c.yml", "a")
    #expect(FileWatch.unreadable("\(folder.path)/c.yml") == nil)
    #expect(FileWatch.unreadable("\(folder.path)/d.yml") == "No such file or directory")
    #expect(FileWatch.unreadable("\(folder.path)/c.yml/e") == "Not a directory")
  }

  @Test func renameOverTheFileIsNoticed() throws {
    let folder = try Folder()
    try folder.write("c.yml", "a")
    var watch = try FileWatch(path: "\(folder.path)/c.yml")
    for i in 0..<3 {
      try folder.write("c.yml.new", "\(i)")
      #expect(watch.drain() == false)
      try replace("\(folder.path)/c.yml", by: "\(folder.path)/c.yml.new")
      #expect(watch.drain() == true)
      #expect(watch.drain() == false)
    }
  }

  @Test func changesOfOtherFilesAreIgnored() throws {
    let folder = try Folder()
    try folder.write("c.yml", "a")
    var watch = try FileWatch(path: "\(folder.path)/c.yml")
    try folder.write("c.yml.swp", "x")
    try folder.write("other", "x")
    try replace("\(folder.path)/d", by: "\(folder.path)/other")
    _ = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/c.yml"))
    #expect(watch.drain() == false)
  }

  @Test func deletedFileIsNoticedWhenItIsCreatedAgain() throws {
    let folder = try Folder()
    try folder.write("c.yml", "a")
    var watch = try FileWatch(path: "\(folder.path)/c.yml")
    try FileManager.default.removeItem(atPath: "\(folder.path)/c.yml")
    #expect(watch.drain() == false)
    try folder.write("c.yml", "b")
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
  }

  @Test func missingFileIsNoticedWhenItIsCreated() throws {
    let folder = try Folder()
    var watch = try FileWatch(path: "\(folder.path)/c.yml")
    #expect(watch.drain() == false)
    try folder.write("c.yml", "b")
    #expect(watch.drain() == true)
  }

  @Test func kubernetesVolumeSwapIsNoticed() throws {
    let folder = try Folder()
    let base = folder.path
    for version in ["..v1", "..v2", "..v3"] {
      try FileManager.default.createDirectory(
        atPath: "\(base)/\(version)", withIntermediateDirectories: false)
      try folder.write("\(version)/c.yml", version)
    }
    try link("..v1", "\(base)/..data")
    try link("..data/c.yml", "\(base)/c.yml")
    var watch = try FileWatch(path: "\(base)/c.yml")
    #expect(watch.drain() == false)
    for version in ["..v2", "..v3"] {
      try link(version, "\(base)/..data_tmp")
      #expect(watch.drain() == false)
      try replace("\(base)/..data", by: "\(base)/..data_tmp")
      #expect(watch.drain() == true)
      #expect(watch.drain() == false)
    }
    // Kubernetes deletes the old version afterwards.
    try FileManager.default.removeItem(atPath: "\(base)/..v1")
    #expect(watch.drain() == false)
  }

  @Test func linkToAnotherFolderIsFollowed() throws {
    let folder = try Folder()
    let base = folder.path
    for place in ["etc", "one", "two"] {
      try FileManager.default.createDirectory(atPath: "\(base)/\(place)", withIntermediateDirectories: false)
      if place != "etc" { try folder.write("\(place)/real.yml", place) }
    }
    try link("../one/real.yml", "\(base)/etc/c.yml")
    var watch = try FileWatch(path: "\(base)/etc/c.yml")
    try folder.write("one/real.yml", "edited")
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
    try link("../two/real.yml", "\(base)/etc/new")
    try replace("\(base)/etc/c.yml", by: "\(base)/etc/new")
    #expect(watch.drain() == true)
    try folder.write("one/real.yml", "edited")
    #expect(watch.drain() == false)
    try folder.write("two/real.yml", "edited")
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
  }

  @Test func folderLinkSwitchedHigherUpIsNoticedAtTheNextDrain() throws {
    let folder = try Folder()
    let base = folder.path
    for release in ["r1", "r2"] {
      try FileManager.default.createDirectory(
        atPath: "\(base)/\(release)", withIntermediateDirectories: false)
      try folder.write("\(release)/c.yml", release)
    }
    try link("r1", "\(base)/current")
    var watch = try FileWatch(path: "\(base)/current/c.yml")
    #expect(watch.drain() == false)
    try link("r2", "\(base)/next")
    try replace("\(base)/current", by: "\(base)/next")
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
    try folder.write("r2/c.yml", "edited")
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
  }

  @Test(arguments: [false, true])
  func recreatedFolderIsWatchedAgain(isMoved: Bool) throws {
    let folder = try Folder()
    let base = "\(folder.path)/etc"
    try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: false)
    try folder.write("etc/c.yml", "a")
    var watch = try FileWatch(path: "\(base)/c.yml")
    if isMoved {
      try replace("\(folder.path)/old", by: base)
    } else {
      try FileManager.default.removeItem(atPath: base)
    }
    #expect(watch.drain() == false)
    try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: false)
    _ = watch.drain()
    if isMoved {
      try folder.write("old/c.yml", "x")
      #expect(watch.drain() == false)
    }
    try folder.write("etc/c.yml", "b")
    #expect(watch.drain() == true)
    #expect(watch.drain() == false)
  }

  @Test func watchingAFileInAMissingFolderFails() {
    let error = #expect(throws: SystemError.self) { _ = try FileWatch(path: "/nonexistent/c.yml") }
    #expect(error == SystemError(errno: ENOENT, operation: "watch /nonexistent"))
  }

  @Test func fileChangeWakesTheLoop() throws {
    let folder = try Folder()
    try folder.write("c.yml", "a")
    var watch = try FileWatch(path: "\(folder.path)/c.yml")
    var loop = try EventLoop()
    let token = Token(kind: 6)
    let handle = loop.watch(watch.descriptor, token: token)
    #expect(presentNotes(&loop) == [])
    try folder.write("c.yml", "b")
    #expect(nextNotes(&loop) == [Ready(token: token, events: .read)])
    #expect(watch.drain() == true)
    #expect(presentNotes(&loop) == [])
    loop.unwatch(handle)
  }
}
