import Foundation
import Glibc
import Testing

@testable import Net

@Suite struct SpawnTests {
  @Test func programIsFoundInPathAndItsExitIsReported() throws {
    let pid = try Spawn.start(["sh", "-c", "exit 7"])
    #expect(pid > 0)
    #expect(Spawn.wait(pid) == .exited(7))
    #expect(Spawn.wait(pid) == nil)
  }

  @Test func startingAMissingProgramFails() {
    let error = #expect(throws: SystemError.self) { try Spawn.start(["no-such-program-anywhere"]) }
    #expect(error == SystemError(errno: ENOENT, operation: "start no-such-program-anywhere"))
    #expect(throws: SystemError.self) { try Spawn.start([]) }
  }

  @Test func childReceivesSignalsThatTheParentBlocks() throws {
    var set = sigset_t()
    var old = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGTERM)
    unsafe pthread_sigmask(SIG_BLOCK, &set, &old)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &old, nil) }
    let pid = try Spawn.start(["sleep", "60"])
    #expect(Spawn.ended(pid) == nil)
    Spawn.terminate(pid)
    #expect(Spawn.wait(pid) == .signalled(SIGTERM))
  }

  @Test func childReadsNothingAndWritesToTheGivenDescriptor() throws {
    var ends: [Int32] = [-1, -1]
    try #require(unsafe pipe(&ends) == 0)
    let script = "if read line; then echo read; fi; echo out $RINGROAD_TEST; echo err >&2"
    let pid = try Spawn.start(
      ["sh", "-c", script], environment: ["RINGROAD_TEST=given"], output: ends[1], errors: ends[1])
    close(ends[1])
    #expect(Spawn.wait(pid) == .exited(0))
    var buffer = [UInt8](repeating: 0, count: 256)
    let n = unsafe read(ends[0], &buffer, buffer.count)
    close(ends[0])
    #expect(String(decoding: buffer[0..<max(0, n)], as: UTF8.self) == "out given\nerr\n")
  }

  @Test func childInheritsNoDescriptor() throws {
    let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    let bell = try Wakeup()
    let loop = try EventLoop()
    let pid = try Spawn.start([
      "sh", "-c", "for fd in \"$@\"; do [ -e /proc/self/fd/$fd ] && exit 1; done; exit 0",
      "sh", "\(listener.descriptor)", "\(bell.descriptor)",
    ])
    #expect(Spawn.wait(pid) == .exited(0))
    #expect(loop.readyCount == 0)
  }
}

@Suite struct AccountTests {
  @Test func usersAndGroupsAreFoundByNameAndNumber() throws {
    #expect(try Account.user("root") == Account.User(name: "root", id: 0, group: 0))
    #expect(try Account.user("0").name == "root")
    #expect(try Account.group("root") == 0)
    #expect(try Account.group("4242") == 4242)
    #expect(
      throws: SystemError(errno: ENOENT, operation: "user no-such-user", words: "there is no such user")
    ) {
      try Account.user("no-such-user")
    }
    #expect(
      throws: SystemError(errno: ENOENT, operation: "group no-such-group", words: "there is no such group")
    ) {
      try Account.group("no-such-group")
    }
  }

  @Test(
    arguments: [
      ("root", 0, .max), ("0:0", 0, 0), ("root:", 0, .max), (":root", .max, 0), ("", .max, .max),
      ("4242:root", 4242, 0),
    ] as [(String, uid_t, gid_t)])
  func ownersAreParsedAsByChown(text: String, user: uid_t, group: gid_t) throws {
    let ids = try Account.ids(ofOwner: text)
    #expect(ids.user == user && ids.group == group)
  }
}

@Suite struct PrivilegesTests {
  @Test func becomingAnUnknownUserFailsAndChangesNothing() {
    let before = geteuid()
    let error = #expect(throws: SystemError.self) { try Privileges.become(user: "no-such-user") }
    #expect(error?.description == "user no-such-user: there is no such user")
    #expect(geteuid() == before)
  }

  @Test(.enabled(if: getuid() == 0))
  func rootBecomesAnotherUserForGood() async {
    await #expect(processExitsWith: .success) {
      let many: [gid_t] = [0, 1, 2, 3]
      guard Privileges.areFull, unsafe setgroups(many.count, many) == 0 else { exit(2) }
      try Privileges.become(user: "nobody")
      guard getuid() != 0, geteuid() == getuid(), getegid() != 0 else { exit(3) }
      guard setuid(0) != 0, unsafe open("/etc/shadow", O_RDONLY) < 0 else { exit(4) }
      // Only the new user's groups are left.
      guard getgroups(0, nil) <= 1, !Privileges.areFull else { exit(5) }
      var isRefused = false
      do { try Privileges.become(user: "root") } catch { isRefused = true }
      guard isRefused else { exit(6) }
    }
  }
}
