import Glibc
import Testing

@testable import Net

@Suite struct DescriptorsTests {
  @Test func descriptorLimitIsRaisedNeverLowered() {
    let before = Descriptors.current()
    #expect(before.limit > 0 && before.limit <= before.ceiling)
    #expect(Descriptors.raise(to: 1) == before)
    let after = Descriptors.raise()
    #expect(after.limit == before.ceiling)
    #expect(Descriptors.current() == after)
  }

  @Test func shedConnectionsSeeTheClose() throws {
    let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    var clients: [Int32] = []
    for _ in 0..<3 {
      switch Socket.connect(to: listener.address) {
      case .connected(let fd), .inProgress(let fd): clients.append(fd)
      case .failed(let reason): Issue.record("connect: \(reason)")
      }
    }
    var reserve = DescriptorReserve()
    #expect(reserve.shed(listener.descriptor, most: 2) == 2)
    #expect(reserve.shed(listener.descriptor) == 1)
    #expect(reserve.shed(listener.descriptor) == 0)
    var scratch = Scratch()
    for client in clients {
      #expect(receiveSoon(client, &scratch) == .closed)
      Socket.close(client)
    }
  }

  @Test func reserveShedsConnectionsWhenNoDescriptorIsFree() async {
    await #expect(processExitsWith: .success) {
      let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
      var client: Int32 = -1
      switch Socket.connect(to: listener.address) {
      case .connected(let fd), .inProgress(let fd): client = fd
      case .failed: exit(2)
      }
      var reserve = DescriptorReserve()
      var scratch = Scratch()
      var limit = rlimit(rlim_cur: 64, rlim_max: rlim_t(Descriptors.current().ceiling))
      guard unsafe setrlimit(Int32(RLIMIT_NOFILE.rawValue), &limit) == 0 else { exit(3) }
      while unsafe open("/dev/null", O_RDONLY) >= 0 {}
      guard errno == EMFILE else { exit(4) }
      guard case .outOfDescriptors = listener.accept() else { exit(5) }
      guard reserve.shed(listener.descriptor) == 1 else { exit(6) }
      guard scratch.receive(client) == .closed else { exit(7) }
      // The reserve is filled again.
      guard unsafe open("/dev/null", O_RDONLY) < 0, errno == EMFILE else { exit(8) }
    }
  }
}
