import Testing
import Topology

struct ServerFailureTests {
  @Test func onlyFailuresOfTheServerOrTheNetworkCountForItsHealth() {
    let faults: [ServerFailure] = [.refused, .unreachable, .timedOut, .connectionLost, .protocolError]
    #expect(ServerFailure.allCases.filter(\.isServersFault) == faults)
    #expect(Set(faults.map { "\($0.words)" }).count == faults.count)
  }

  /// One that is not the server's fault takes no server out, and one that takes a server out at once was not sent.
  @Test(arguments: ServerFailure.allCases)
  func conclusiveFailureIsTheServersFaultAndUnsent(_ failure: ServerFailure) {
    #expect(!failure.isConclusive || failure.isServersFault && failure.meansUnsent)
  }
}
