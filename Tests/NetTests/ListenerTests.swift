import Foundation
import Glibc
import Testing

@testable import Net

@Suite struct ListenerTests {
  /// Connects, and returns whether the listener accepts.
  private func answers(_ listener: borrowing Listener, at address: Address) -> Bool {
    guard case let result = Socket.connect(to: address), result.descriptor >= 0 else { return false }
    defer { Socket.close(result.descriptor) }
    var poll = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
    unsafe Glibc.poll(&poll, 1, 2000)
    guard case .accepted(let fd, _) = listener.accept() else { return false }
    Socket.close(fd)
    return true
  }

  private func status(_ path: String) -> stat? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status : nil
  }

  @Test(arguments: ["127.0.0.1", "::1"])
  func portChosenByTheKernelIsReported(ip: String) throws {
    let listener = try Listener(#require(Address(ip: ip, port: 0)))
    let address = listener.address
    #expect(address.ip == ip)
    #expect(address.port ?? 0 > 0)
    #expect(answers(listener, at: address) == true)
  }

  @Test func bindingATakenPortFailsWithAnErrorThatNamesIt() throws {
    let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    let address = listener.address
    let error = #expect(throws: SystemError.self) { _ = try Listener(address) }
    #expect(error?.description == "bind \(address): Address already in use")
    #expect(answers(listener, at: address) == true)
  }

  @Test func ipv4AndIPv6ListenersMayShareAPort() throws {
    // A port that is free for one family may be taken for the other: hence a few attempts.
    for _ in 0..<50 {
      let six = try Listener(#require(Address(ip: "::", port: 0)))
      let port = try #require(six.address.port)
      let any = try #require(Address(ip: "0.0.0.0", port: port))
      guard let four = try? Listener(any) else { continue }
      #expect(answers(four, at: try #require(Address(ip: "127.0.0.1", port: port))) == true)
      #expect(answers(six, at: try #require(Address(ip: "::1", port: port))) == true)
      return
    }
    Issue.record("no port is free for both")
  }

  @Test func takenPortIsNotShared() throws {
    let first = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    let address = first.address
    #expect(throws: SystemError.self) { _ = try Listener(address) }
  }

  // MARK: Paths

  @Test func unixSocketPathIsRemovedWhenItsListenerCloses() throws {
    let folder = try Folder()
    let address = try #require(Address(unixPath: "\(folder.path)/s"))
    do {
      let listener = try Listener(address)
      #expect(answers(listener, at: address) == true)
      #expect(status("\(folder.path)/s") != nil)
    }
    #expect(status("\(folder.path)/s") == nil)
  }

  @Test(arguments: [0o600, 0o660, 0o666, 0o777] as [UInt32])
  func unixSocketHasTheRequestedMode(mode: UInt32) throws {
    let folder = try Folder()
    let listener = try Listener(#require(Address(unixPath: "\(folder.path)/s")), mode: mode)
    #expect(try #require(status("\(folder.path)/s")).st_mode & 0o7777 == mode)
    _ = listener.descriptor
  }

  @Test func unixSocketHasTheRequestedOwner() throws {
    let folder = try Folder()
    let mine = "\(getuid()):\(getgid())"
    for owner in [mine, "\(getuid())", ":\(getgid())", ":"] {
      let listener = try Listener(#require(Address(unixPath: "\(folder.path)/s")), owner: owner)
      let found = try #require(status("\(folder.path)/s"))
      #expect(found.st_uid == getuid() && found.st_gid == getgid())
      _ = listener.descriptor
    }
    guard getuid() == 0 else { return }
    let listener = try Listener(#require(Address(unixPath: "\(folder.path)/s")), owner: "65534:daemon")
    let found = try #require(status("\(folder.path)/s"))
    #expect(found.st_uid == 65534 && found.st_gid == 1)
    _ = listener.descriptor
  }

  @Test func unknownSocketOwnerFailsAndLeavesNoFile() throws {
    let folder = try Folder()
    let address = try #require(Address(unixPath: "\(folder.path)/s"))
    let error = #expect(throws: SystemError.self) { _ = try Listener(address, owner: "no-such-user") }
    #expect(error?.description == "user no-such-user: there is no such user")
    #expect(throws: SystemError.self) { _ = try Listener(address, owner: ":no-such-group") }
    #expect(status("\(folder.path)/s") == nil)
  }

  @Test func staleSocketFileIsReplaced() throws {
    let folder = try Folder()
    let address = try #require(Address(unixPath: "\(folder.path)/s"))
    // Bound and closed without removing the file, as a killed process leaves it.
    let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #expect(unsafe address.withSocketAddress { unsafe bind(dead, $0, $1) } == 0)
    Socket.close(dead)
    let old = try #require(status("\(folder.path)/s"))
    let listener = try Listener(address)
    #expect(answers(listener, at: address) == true)
    #expect(old.st_mode & S_IFMT == S_IFSOCK)
  }

  @Test func socketFileInUseIsNotReplaced() throws {
    let folder = try Folder()
    let address = try #require(Address(unixPath: "\(folder.path)/s"))
    let listener = try Listener(address)
    let error = #expect(throws: SystemError.self) { _ = try Listener(address) }
    #expect(error?.errno == EADDRINUSE)
    #expect(error?.description == "bind unix:\(folder.path)/s: Address already in use")
    while case .accepted(let probe, _) = listener.accept() { Socket.close(probe) }
    #expect(answers(listener, at: address) == true)
  }

  @Test(arguments: ["file", "folder", "link"])
  func nonSocketFileIsNeverReplaced(kind: String) throws {
    let folder = try Folder()
    let path = "\(folder.path)/s"
    switch kind {
    case "file": try folder.write("s", "precious")
    case "folder": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    default:
      try folder.write("target", "precious")
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "target")
    }
    let before = try #require(status(path))
    let error = #expect(throws: SystemError.self) { _ = try Listener(#require(Address(unixPath: path))) }
    #expect(error?.errno == ENOTSOCK)
    #expect(error?.operation == "bind unix:\(path): the file at this path is not a socket")
    #expect(try #require(status(path)).st_ino == before.st_ino)
  }

  @Test func pathTakenByAnotherListenerIsNotRemoved() throws {
    let folder = try Folder()
    let path = "\(folder.path)/s"
    let address = try #require(Address(unixPath: path))
    do {
      let old = try Listener(address)
      try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
      let new = try Listener(address)
      _ = consume old
      #expect(status(path) != nil)
      #expect(answers(new, at: address) == true)
    }
    #expect(status(path) == nil)
  }

  @Test func socketPathInAMissingFolderFails() throws {
    let address = try #require(Address(unixPath: "/nonexistent/s"))
    let error = #expect(throws: SystemError.self) { _ = try Listener(address) }
    #expect(error == SystemError(errno: ENOENT, operation: "bind unix:/nonexistent/s"))
  }
}
