import Foundation
import Glibc
import Net
import Testing

extension Integration {
  /// Signals from an operator to a running proxy, and limits on what a client can change.
  @Suite struct OperatorTests {
    @Test(arguments: [SIGTERM, SIGINT, SIGQUIT])
    func stopSignalDrainsTheProxy(_ number: Int32) throws {
      let cluster = try Cluster(servers: 1)
      let client = try cluster.client()
      #expect(try client.ask("mn") == "MN")
      cluster.proxy.child.signal(number)
      #expect(cluster.proxy.child.end(within: .seconds(5)) == .exited(0))
      #expect(cluster.proxy.log.contains("draining"))
    }

    @Test func noOtherSignalEndsOrStopsTheProxy() throws {
      let cluster = try Cluster(servers: 1)
      for number in Signals.ignored + [SIGPIPE, SIGCHLD, SIGCONT, SIGURG, SIGHUP, SIGUSR1] {
        cluster.proxy.child.signal(number)
        #expect(try cluster.client().ask("mn") == "MN", "signal \(number)")
      }
      #expect(cluster.proxy.child.ended() == nil)
      #expect(try cluster.client().set("k", "v") == "STORED")
    }

    @Test(arguments: [SIGHUP, SIGUSR1])
    func bothSignalsReopenTheLogAndOnlySIGHUPReloads(_ number: Int32) throws {
      let isReload = number == SIGHUP
      let server = try Memcached()
      let logs = try Directory()
      let proxy = try Proxy { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\(server.address)]\nlog: {to: \(logs.file("log"))}\n"
      }
      #expect(eventually(within: .seconds(2)) { logs.read("log").contains("serving") })
      try FileManager.default.moveItem(atPath: logs.file("log"), toPath: logs.file("log.1"))
      proxy.child.signal(number)
      #expect(
        eventually(within: .seconds(2)) { logs.read("log").contains(isReload ? "reload" : "log reopened") })
      #expect(logs.read("log").contains("reload") == isReload)
    }

    @Test(arguments: [false, true])
    func clientChangesTheLogLevelOnlyIfAllowed(_ isAllowed: Bool) throws {
      let options = "log: {level: info, clients_may_set_level: \(isAllowed)}"
      let cluster = try Cluster(servers: 1, options: isAllowed ? options : "")
      #expect(try cluster.client().ask("verbosity 2") == "OK")
      let isSaid = eventually(within: .seconds(1)) { cluster.proxy.log.contains("log level set by a client") }
      #expect(isSaid == isAllowed)
      cluster.servers[0].kill()
      let isDebug = eventually(within: .seconds(2)) {
        _ = try? cluster.client().get("k")
        return cluster.proxy.log.contains(" debug ")
      }
      #expect(isDebug == isAllowed, "\(cluster.proxy.log)")
    }

    @Test func logInJSONIsReadByPython() throws {
      let logs = try Directory()
      let options = "log: {to: \(logs.file("log")), format: json, level: debug, clients_may_set_level: true}"
      let cluster = try Cluster(servers: 2, options: options)
      #expect(try cluster.client().ask("verbosity 2") == "OK")
      cluster.servers[0].kill()
      let isSaid = eventually(within: .seconds(5)) {
        for i in 0..<20 { _ = try? cluster.client().get("k\(i)") }
        return logs.read("log").contains("server down")
      }
      #expect(isSaid)
      try cluster.proxy.edit("pools: {\"a\\tb\": \"c\"}\nlimits: {clients: \"\\\\ \u{2028} ключ\"}\n")
      #expect(eventually(within: .seconds(5)) { logs.read("log").contains("reload refused") })
      cluster.proxy.child.signal(SIGTERM)
      #expect(cluster.proxy.child.end(within: .seconds(5)) == .exited(0))
      let script = Programs.root + "/Tests/IntegrationTests/Clients/log_lines.py"
      let child = try Child([Programs.python(), script, logs.file("log")], output: logs.file("out"))
      #expect(child.end(within: .seconds(10)) == .exited(0), "\(logs.read("out"))")
      let messages = logs.read("out").split(separator: "\n")
      for message in ["serving", "log level set by a client", "server down", "draining", "ended"] {
        #expect(messages.contains { $0 == message }, "\(message)")
      }
      #expect(messages.contains { $0.hasPrefix("reload refused") })
    }
  }
}
