import Net
import Settings
import Testing

@testable import Runtime

@Suite struct EndpointAddressTests {
  @Test(arguments: [
    Endpoint.tcp(host: "10.0.0.1", port: 1), .tcp(host: "::1", port: 1), .tcp(host: "fe80::1%lo", port: 1),
    .tcp(host: "fe80::1%nosuch", port: 1), .tcp(host: "cache-a", port: 1), .unix(path: "/run/cache.sock"),
  ])
  func onlyNumericAddressesAndPathsAreConnectedTo(_ endpoint: Endpoint) {
    let isUnknown = ["nosuch", "cache-a"].contains { "\(endpoint)".contains($0) }
    #expect((Address(endpoint) == nil) == isUnknown)
    if let address = Address(endpoint) { #expect("\(address)" == "\(endpoint)") }
  }
}
