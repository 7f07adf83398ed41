import Settings
import Testing

@testable import Runtime

@Suite struct StartCheckTests {
  @Test(
    arguments: [
      ("", []),
      ("listen: 0.0.0.0:11311\nlog: {to: /tmp/ringroad-check.log}", []),
      ("listen: {address: unix:/tmp/ringroad-check.sock, owner: root}", []),
      ("listen: {address: unix:/tmp/ringroad-check.sock, owner: \"root:0\"}", []),
      (
        "listen: {address: unix:/tmp/ringroad-check.sock, owner: \"no-such-user:root\"}",
        ["listener unix:/tmp/ringroad-check.sock: user no-such-user: there is no such user"]
      ),
      (
        "listen: {address: unix:/tmp/ringroad-check.sock, owner: \"root:no-such-group\"}",
        ["listener unix:/tmp/ringroad-check.sock: group no-such-group: there is no such group"]
      ),
      (
        "listen: unix:/no/such/folder/x.sock",
        ["listener unix:/no/such/folder/x.sock: there is no folder /no/such/folder"]
      ),
      ("listen: unix:/etc/passwd/x.sock", ["listener unix:/etc/passwd/x.sock: /etc/passwd is not a folder"]),
      ("log: {to: /etc}", ["log: /etc is a folder; write the path of a file"]),
      ("log: {to: /no/such/folder/x.log}", ["log: there is no folder /no/such/folder"]),
      (
        "listen: unix:/no/a.sock\nlog: {to: /no/x.log}",
        ["listener unix:/no/a.sock: there is no folder /no", "log: there is no folder /no"]
      ),
    ] as [(String, [String])])
  func whatTheMachineLacksIsNamed(_ text: String, _ problems: [String]) throws {
    let bytes = Array((text + "\nservers: [10.0.0.1]\n").utf8)
    #expect(StartCheck.problems(of: try ProxySettings.decode(bytes: bytes, file: "f")) == problems)
  }
}
