import Foundation
import Glibc
import Net
import Synchronization
import Testing

extension Integration {
  @Suite struct WorkersTests {
    private func proxy(_ options: String, under runner: [String] = []) throws -> Proxy {
      let server = try Ports.free()
      return try Proxy(under: runner) { port, _ in
        "listen: 127.0.0.1:\(port)\nservers: [\"127.0.0.1:\(server)\"]\n\(options)\n"
      }
    }

    /// Connected clients that a worker has accepted: each got a reply.
    private func clients(_ count: Int, of proxy: Proxy) throws -> [TextClient] {
      try (0..<count).map { _ in
        let client = try proxy.client()
        #expect(try client.ask("mn") == "MN")
        return client
      }
    }

    /// The number of clients of each worker, as `client` reads it.
    private func dealt(_ proxy: Proxy, asking client: TextClient) throws -> [Int] {
      let rows = try client.stats("ringroad")
      return (0..<(Int(rows["threads"] ?? "") ?? 0)).map { Int(rows["worker:\($0):clients"] ?? "") ?? -1 }
    }

    /// Round-robin placement would keep the imbalance for as long as the clients stay.
    @Test func newClientsFillTheWorkersThatLostClients() throws {
      let proxy = try proxy("threads: 4")
      let asker = try clients(1, of: proxy)[0]
      // The client that waited for the start may still be connected.
      #expect(eventually(within: .seconds(2)) { (try? self.dealt(proxy, asking: asker).reduce(0, +)) == 1 })
      var connected = try clients(39, of: proxy)
      #expect(try dealt(proxy, asking: asker) == [10, 10, 10, 10])
      // All but every fourth disconnect, so that three workers keep hardly any client.
      connected = connected.enumerated().filter { $0.offset % 4 == 0 || $0.offset < 8 }.map(\.element)
      #expect(
        eventually(within: .seconds(5)) {
          (try? self.dealt(proxy, asking: asker).reduce(0, +)) == connected.count + 1
        })
      let skewed = try dealt(proxy, asking: asker)
      #expect((skewed.max() ?? 0) - (skewed.min() ?? 0) >= 6, "\(skewed)")
      for more in [30, 1, 1, 1, 1, 20] {
        connected += try clients(more, of: proxy)
        let now = try dealt(proxy, asking: asker)
        #expect(now.reduce(0, +) == connected.count + 1)
        #expect((now.max() ?? 0) - (now.min() ?? 0) <= 1, "\(now)")
      }
    }

    /// A client that sends requests without a pause until it is stopped, to keep a worker busy.
    private final class Hammer: Sendable {
      private let isStopping = Atomic<Bool>(false)
      private let crew = Crew()

      init(port: UInt16) {
        crew.run { [self] in
          guard let client = try? TextClient(port: port) else { return }
          let questions = String(repeating: "mn\r\n", count: 200)
          while !isStopping.load(ordering: .relaxed) {
            guard (try? client.send(questions)) != nil, (try? client.bytes(800)) != nil else { return }
          }
        }
      }

      func stop() -> Bool {
        isStopping.store(true, ordering: .relaxed)
        return crew.join(seconds: 10)
      }
    }

    /// With equal counts, whichever worker is next in turn.
    @Test(arguments: [0, 1]) func lessBusyWorkerGetsTheNextClientAtEqualCounts(_ busy: Int) throws {
      let proxy = try proxy("threads: 2")
      let asker = try proxy.client()
      #expect(eventually(within: .seconds(2)) { (try? self.dealt(proxy, asking: asker).reduce(0, +)) == 1 })
      // The next client goes to the other worker, the one after it to this one, and so on.
      let isOther = try dealt(proxy, asking: asker)[busy] == 0
      var others = try clients(isOther ? 0 : 1, of: proxy)
      let hammer = Hammer(port: proxy.port)
      #expect(
        eventually(within: .seconds(5)) {
          (try? self.dealt(proxy, asking: asker).reduce(0, +)) == others.count + 2
        })
      others += try clients(isOther ? 2 : 1, of: proxy)
      #expect(try dealt(proxy, asking: asker) == [2, 2])
      #expect(
        eventually(within: .seconds(10)) {
          let before = (try? asker.stats("ringroad"))?["worker:\(busy):cpu_ms"].flatMap { Int($0) } ?? 0
          pause(.seconds(2))
          let after = (try? asker.stats("ringroad"))?["worker:\(busy):cpu_ms"].flatMap { Int($0) } ?? 0
          return after - before >= 600
        }, "worker \(busy) has nothing to do")
      others += try clients(1, of: proxy)
      #expect(try dealt(proxy, asking: asker) == (busy == 0 ? [2, 3] : [3, 2]))
      others += try clients(1, of: proxy)
      #expect(try dealt(proxy, asking: asker) == [3, 3])
      #expect(hammer.stop())
    }

    /// The allowed processors of each thread by name, as the kernel lists them.
    private func processors(of child: Child) throws -> [String: String] {
      var lists: [String: String] = [:]
      let tasks = "/proc/\(child.pid)/task"
      for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
        let status = try String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8)
        let rows = status.split(separator: "\n").map { $0.split(separator: "\t") }
        let name = rows.first { $0.first == "Name:" }?.last
        let list = rows.first { $0.first == "Cpus_allowed_list:" }?.last
        // The control thread has the program's name.
        if let name, let list { lists[task == "\(child.pid)" ? "control" : String(name)] = String(list) }
      }
      return lists
    }

    @Test func pinnedWorkersHaveOneProcessorEachAndTheControlThreadAll() throws {
      let own = Processors.allowed()
      let count = own.count + 1
      let proxy = try proxy("threads: \(count)\npin_threads: true")
      let lists = try processors(of: proxy.child)
      for worker in 0..<count {
        #expect(lists["ringroad-\(worker)"] == "\(own[worker % own.count])", "\(lists)")
      }
      let free = try #require(try processors(of: self.proxy("threads: 1").child)["ringroad-0"])
      #expect(lists["control"] == free && lists["ringroad-log"] == free, "\(lists)")
      #expect(proxy.log.contains("warning more workers than processors"), "\(proxy.log)")
      #expect(proxy.log.contains("info workers are pinned"), "\(proxy.log)")
      // The setting needs a restart.
      try proxy.edit(
        String(decoding: try Data(contentsOf: URL(filePath: proxy.configPath)), as: UTF8.self)
          .replacing("pin_threads: true", with: "pin_threads: false"))
      #expect(
        eventually(within: .seconds(5)) {
          proxy.log.contains("pin_threads: changed from true to false (needs a restart)")
        }, "\(proxy.log)")
      #expect(try processors(of: proxy.child) == lists)
    }

    @Test func workerCountEqualsTheUsableProcessors() throws {
      let own = Processors.allowed()
      let last = try #require(own.last)
      let proxy = try proxy("pin_threads: true", under: ["taskset", "-c", "\(last)"])
      #expect(try proxy.number("threads") == 1)
      #expect(try processors(of: proxy.child)["ringroad-0"] == "\(last)")
      #expect(!proxy.log.contains("more workers than processors"), "\(proxy.log)")
      #expect(try self.proxy("").number("threads") == Processors.usable)
    }
  }
}
