import Glibc
import Testing

@testable import Net

@Suite struct AddressTests {
  @Test(
    arguments: [
      ("127.0.0.1", 11211, "127.0.0.1:11211"),
      ("0.0.0.0", 0, "0.0.0.0:0"),
      ("255.255.255.255", 65535, "255.255.255.255:65535"),
      ("::1", 11211, "[::1]:11211"),
      ("::", 80, "[::]:80"),
      ("2001:0db8:0:0:0:0:0:1", 1, "[2001:db8::1]:1"),
      ("::ffff:10.0.0.1", 5, "[::ffff:10.0.0.1]:5"),
      ("fe80::1%1", 7, "[fe80::1%lo]:7"),
      ("fe80::1%lo", 7, "[fe80::1%lo]:7"),
    ] as [(String, UInt16, String)])
  func numericAddressesArePrintedAsTheyAreWritten(ip: String, port: UInt16, printed: String) throws {
    let address = try #require(Address(ip: ip, port: port))
    #expect(address.description == printed)
    #expect(address.port == port)
    #expect(address.isTCP && address.unixPath == nil)
  }

  @Test(arguments: [
    "", "localhost", "127.0.0", "127.0.0.1.1", "256.0.0.1", "127.1", "0x7f.0.0.1", " 127.0.0.1", "127.0.0.1 ",
    ":::", "fe80::1%", "fe80::1%nosuchinterface", "[::1]", "1::2::3", "127.0.0.1\0",
  ])
  func nonNumericTextIsNoIPAddress(ip: String) {
    #expect(Address(ip: ip, port: 1) == nil)
  }

  @Test func unixPathsAreAcceptedUpToTheKernelsLimit() throws {
    let address = try #require(Address(unixPath: "/run/ringroad.sock"))
    #expect(address.description == "unix:/run/ringroad.sock")
    #expect(address.unixPath == "/run/ringroad.sock")
    #expect(address.port == nil && address.ip == nil && !address.isTCP)
    let longest = "/" + String(repeating: "x", count: 106)
    #expect(Address(unixPath: longest)?.unixPath == longest)
    #expect(Address(unixPath: longest + "x") == nil)
    #expect(Address(unixPath: "") == nil)
    #expect(Address(unixPath: "/a\0b") == nil)
  }

  @Test func addressesAreEqualWhenTheyPrintAlike() throws {
    func all() throws -> [Address] {
      let ips =
        [("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.2", 1), ("::1", 1), ("::2", 1)] as [(String, UInt16)]
      return try ips.map { try #require(Address(ip: $0, port: $1)) }
        + ["/a", "/b"].map { try #require(Address(unixPath: $0)) }
    }
    let addresses = try all()
    #expect(Set(addresses).count == addresses.count)
    #expect(try addresses == all())
    #expect(addresses[0].withPort(2) == addresses[1])
    #expect(addresses[5].withPort(2) == addresses[5])
  }

  // MARK: Resolving

  @Test func numericHostsResolveToThemselves() throws {
    #expect(try Address.resolve(host: "10.1.2.3", port: 4).map(\.description) == ["10.1.2.3:4"])
    #expect(try Address.resolve(host: "::1", port: 4).map(\.description) == ["[::1]:4"])
  }

  @Test func localhostResolvesToLoopback() throws {
    let found = try Address.resolve(host: "localhost", port: 11211)
    #expect(found.contains { ["127.0.0.1:11211", "[::1]:11211"].contains($0.description) })
    #expect(Set(found).count == found.count)
  }

  @Test(arguments: ["no host has blanks", "", "127.0.0.1\0.example"])
  func invalidHostNameFailsWithAnErrorThatNamesIt(host: String) {
    let error = #expect(throws: ResolveError.self) { try Address.resolve(host: host, port: 1) }
    #expect(error?.description.hasPrefix("\(host): ") == true)
    #expect(error?.description.count ?? 0 > host.count + 2)
  }
}

@Suite struct SystemErrorTests {
  @Test func systemErrorNamesOperationAndReason() {
    let error = SystemError(errno: EADDRINUSE, operation: "bind 127.0.0.1:11211")
    #expect("\(error)" == "bind 127.0.0.1:11211: Address already in use")
    _ = unsafe open("/nonexistent/file", O_RDONLY)
    #expect(SystemError.last("open") == SystemError(errno: ENOENT, operation: "open"))
  }

  @Test func clockAdvancesByTheTimeWaited() {
    let first = Clock.now()
    usleep(2000)
    let waited = Clock.now().since(first)
    #expect(waited >= .milliseconds(2) && waited < .seconds(10))
    let second = Clock.now()
    Clock.pause(nanoseconds: 3_000_000)
    #expect(Clock.now().since(second) >= .milliseconds(3))
    Clock.pause(nanoseconds: -1)
  }
}
