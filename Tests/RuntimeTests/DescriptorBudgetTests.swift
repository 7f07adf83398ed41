import Settings
import Testing

@testable import Runtime

@Suite struct DescriptorBudgetTests {
  private func settings(servers: Int, connections: Int = 1, clients: Int = 10_000) throws -> ProxySettings {
    let list = (0..<servers).map { "10.0.0.\($0):11211" }.joined(separator: ", ")
    let text = "servers: [\(list)]\nconnections: \(connections)\nlimits: {clients: \(clients)}\n"
    return try ProxySettings.decode(bytes: Array(text.utf8), file: "c.yml")
  }

  @Test func enoughDescriptorsAllowTheConfiguredNumberOfClients() throws {
    let budget = DescriptorBudget(try settings(servers: 100, connections: 4), workers: 64)
    #expect(budget.own > 64 * 100 * 4)
    #expect(budget.clients(within: UInt64(budget.wanted)) == 10_000)
    #expect(budget.clients(within: .max) == 10_000)
  }

  /// However many clients there are, each worker has a descriptor for each of its connections.
  @Test(arguments: [(4, 2, 200), (4, 1, 128), (10, 8, 1024), (100, 4, 4096)])
  func fewDescriptorsLimitClientsNotServerConnections(_ servers: Int, _ workers: Int, _ limit: Int) throws {
    let budget = DescriptorBudget(try settings(servers: servers, connections: 2), workers: workers)
    let clients = budget.clients(within: UInt64(limit))
    #expect(clients > 0 && clients < 10_000)
    #expect(limit - clients >= workers * servers * 2 + 20 || clients <= limit / 4)
  }

  @Test(arguments: [UInt64(0), 1, 32, 64])
  func descriptorBudgetLeavesRoomForAtLeastOneClient(_ limit: UInt64) throws {
    let budget = DescriptorBudget(try settings(servers: 100), workers: 64)
    #expect(budget.clients(within: limit) == max(1, Int(limit / 4)))
  }
}
