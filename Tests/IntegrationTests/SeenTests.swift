import Foundation
import Glibc
import Net
import Testing

extension Integration {
  /// What an operator sees of what goes wrong without an error.
  @Suite struct SeenTests {
    @Test func foreignClientIsLoggedWithItsAddressAndWithoutItsBytes() throws {
      let cluster = try Cluster(servers: 1)
      for text in [
        "GET /secret HTTP/1.1\r\n\r\n", "\u{16}\u{3}secret", String(repeating: "secret", count: 999),
      ] {
        let client = try cluster.client()
        try client.send(text)
        #expect(client.isClosed(within: .seconds(2)))
      }
      for what in ["speaks HTTP", "speaks TLS", "sent a line without an end"] {
        let line = "closed a client that \(what) client=127.0.0.1:"
        #expect(eventually(within: .seconds(2)) { cluster.proxy.log.contains(line) }, "\(cluster.proxy.log)")
      }
      #expect(!cluster.proxy.log.contains("secret"))
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("foreign_clients")) == 3 })
    }

    /// The timeouts of the file, which a reload changes, close clients that keep the proxy waiting.
    @Test func slowClientIsClosedByTheSettingsAndLogged() throws {
      let cluster = try Cluster(servers: 1)
      let (half, unread) = (try cluster.client(), try cluster.client())
      #expect(try unread.set("big", [UInt8](repeating: 7, count: 1_000_000)) == "STORED")
      try half.send("set k 0 0 5\r\nhe")
      try unread.send(String(repeating: "get big\r\n", count: 40))
      let text = cluster.config(cluster.servers.map(\.address))
      try cluster.proxy.edit(text + "limits: {half_request_timeout: 1s, unread_timeout: 2s}\n")
      for (line, counter) in [
        ("left a request unfinished", "clients_closed_half_request"),
        ("did not read its replies", "clients_closed_unread"),
      ] {
        let isSaid = eventually(within: .seconds(6)) {
          cluster.proxy.log.contains("closed a client that \(line) client=127.0.0.1:")
        }
        #expect(isSaid, "\(cluster.proxy.log)")
        #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number(counter)) == 1 })
      }
      #expect(half.isClosed(within: .seconds(1)))
    }

    @Test func flushAllOfAClientIsLogged() throws {
      let cluster = try Cluster(servers: 2)
      #expect(try cluster.client().ask("flush_all") == "OK")
      #expect(
        eventually(within: .seconds(2)) {
          cluster.proxy.log.contains("flush_all by a client client=127.0.0.1:")
        })
      #expect(eventually(within: .seconds(2)) { (try? cluster.proxy.number("client_flushes")) == 1 })
    }

    @Test func vanishedFileAndHiddenSettingAreLogged() throws {
      let cluster = try Cluster(servers: 1, flags: ["-c", "50"])
      let text = cluster.config(cluster.servers.map(\.address))
      try cluster.proxy.edit(text + "limits: {clients: 77}\n")
      let change = "limits.clients: changed from 10000 to 77 in the file; the flag -c 50 stays in force"
      #expect(eventually(within: .seconds(3)) { cluster.proxy.log.contains(change) }, "\(cluster.proxy.log)")
      try FileManager.default.removeItem(atPath: cluster.proxy.configPath)
      let line = "the configuration file cannot be read"
      #expect(eventually(within: .seconds(5)) { cluster.proxy.log.contains(line) }, "\(cluster.proxy.log)")
      let numbers = try cluster.proxy.numbers()
      #expect(numbers["config_unreadable"] == "1" && numbers["settings_hidden_by_flags"] == "1")
      try cluster.proxy.edit(text)
      #expect(eventually(within: .seconds(3)) { cluster.proxy.log.contains("can be read again") })
    }

    @Test func lastReloadErrorHasNoBackslashes() throws {
      let cluster = try Cluster(servers: 1)
      try cluster.proxy.edit(cluster.config(cluster.servers.map(\.address)) + "drain_timeout: soon\n")
      let isShown = eventually(within: .seconds(3)) {
        (try? cluster.proxy.numbers()["last_reload_error"])??.contains("found \"soon\"; the default is ")
          == true
      }
      #expect(isShown, "\(cluster.proxy.log)")
    }

    // MARK: - Starting

    private func started(_ words: [String], _ directory: Directory) throws -> Child {
      try Child(
        [Programs.ringroad(), "-l", "unix:\(directory.file("s"))"] + words + ["127.0.0.1:1"],
        output: directory.file("out"))
    }

    @Test func daemonWhoseLogGoesNowhereSaysSo() throws {
      let directory = try Directory()
      let starter = try started(["-d", "-P", directory.file("pid")], directory)
      #expect(starter.end(within: .seconds(5)) == .exited(0))
      let pid = try #require(pid_t(directory.read("pid").trimmingCharacters(in: .whitespacesAndNewlines)))
      Spawn.terminate(pid, signal: SIGTERM)
      let text = "ringroad: the log goes nowhere: -d closes standard error; set log: {to: /path/of/a/file}"
      #expect(directory.read("out").hasPrefix(text), "\(directory.read("out"))")
    }

    @Test func pidFileOfARunningProcessIsTakenOverWithAWarning() throws {
      let directory = try Directory()
      try Proxy.write("\(getpid())\n", to: directory.file("pid"))
      let child = try started(["-P", directory.file("pid")], directory)
      #expect(eventually(within: .seconds(3)) { directory.read("pid") == "\(child.pid)\n" })
      #expect(directory.read("out").contains("named process \(getpid()), which runs"))
      child.signal(SIGTERM)
      #expect(child.end(within: .seconds(5)) == .exited(0))
      #expect(!FileManager.default.fileExists(atPath: directory.file("pid")))
    }

    @Test func unknownUserIsNamedOnce() throws {
      let directory = try Directory()
      let child = try started(["-u", "no-such-user"], directory)
      #expect(child.end(within: .seconds(5)) == .exited(1))
      #expect(
        directory.read("out")
          == "ringroad: cannot switch to user no-such-user: there is no such user\n")
    }

    /// The user of `-u` may not delete the pid file in root's directory.
    @Test(.enabled(if: getuid() == 0))
    func pidFileThatCannotBeDeletedIsEmptied() throws {
      let directory = try Directory()
      let child = try started(["-u", "nobody", "-P", directory.file("pid")], directory)
      #expect(eventually(within: .seconds(3)) { directory.read("pid") == "\(child.pid)\n" })
      #expect(eventually(within: .seconds(3)) { directory.read("out").contains("serving") })
      child.signal(SIGTERM)
      #expect(child.end(within: .seconds(5)) == .exited(0))
      #expect(directory.read("pid") == "")
    }

    @Test(.enabled(if: getuid() == 0), arguments: ["nobody", "daemon"])
    func userFlagOfAProcessThatIsNotRootIsNoError(_ user: String) throws {
      let directory = try Directory()
      // Where that user may run it.
      let (files, program) = (FileManager.default, directory.file("ringroad"))
      try files.copyItem(atPath: Programs.ringroad(), toPath: program)
      for path in [directory.path, program] {
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      }
      let child = try Child(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", program, "-u", user]
          + ["-l", "127.0.0.1:\(try Ports.free())", "127.0.0.1:1"], output: directory.file("out"))
      #expect(child.ended() == nil)
      #expect(eventually(within: .seconds(3)) { directory.read("out").contains("serving") })
      #expect(directory.read("out").contains("-u \(user) is ignored") == (user != "nobody"))
    }

    /// As in a chroot.
    @Test(.enabled(if: getuid() == 0))
    func commandLineIsReadWithoutProc() throws {
      let directory = try Directory()
      let child = try Child(
        ["unshare", "--mount", "sh", "-c", "umount -l /proc && exec \(try Programs.ringroad()) --version"],
        output: directory.file("out"))
      #expect(child.end(within: .seconds(5)) == .exited(0))
      #expect(directory.read("out").hasPrefix("ringroad "), "\(directory.read("out"))")
    }
  }
}
