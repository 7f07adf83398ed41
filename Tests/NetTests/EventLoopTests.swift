import Bytes
import Foundation
import Glibc
import Testing

@testable import Net

@Suite struct EventLoopTests {
  let a = Token(kind: 1, index: 10, generation: 3)
  let b = Token(kind: 2, index: 20)

  @Test func loopEchoesWhatClientsSend() throws {
    var loop = try EventLoop()
    var scratch = Scratch()
    let listener = try Listener(#require(Address(ip: "127.0.0.1", port: 0)))
    _ = loop.watch(listener.descriptor, token: Token(kind: 1))
    var clients: [Int32] = []
    for i in 0..<5 {
      let client: Int32
      switch Socket.connect(to: listener.address) {
      case .connected(let fd), .inProgress(let fd): client = fd
      case .failed(let reason):
        Issue.record("connect: \(reason)")
        return
      }
      clients.append(client)
      _ = loop.watch(client, token: Token(kind: 3, index: UInt32(i)))
    }
    var servers: [(fd: Int32, watch: Watch)] = []
    var answers = [String](repeating: "", count: clients.count)
    let deadline = Clock.now().advanced(by: .seconds(10))
    while answers != (0..<5).map({ "hello \($0)" }), Clock.now() < deadline {
      #expect(loop.runOnce(maxWait: .milliseconds(100)) == true)
      for i in 0..<loop.readyCount {
        let note = loop.ready(i)
        switch note.token.kind {
        case 1:
          while case .accepted(let fd, let peer) = listener.accept() {
            #expect(peer?.ip == "127.0.0.1")
            servers.append((fd, loop.watch(fd, token: Token(kind: 2, index: UInt32(servers.count)))))
            // Each accepted connection makes one client send.
            let speaker = servers.count - 1
            #expect(send(clients[speaker], "hello \(speaker)") == .sent(7))
          }
        case 2:
          let fd = servers[Int(note.token.index)].fd
          if case .bytes(let n) = scratch.receive(fd) {
            #expect(Socket.send(fd, scratch.bytes) == .sent(n))
          }
        default:
          if case .bytes = scratch.receive(clients[Int(note.token.index)]) {
            answers[Int(note.token.index)] += text(scratch.bytes)
          }
        }
      }
      loop.clearReady()
    }
    #expect(answers == (0..<5).map { "hello \($0)" })
    for server in servers {
      loop.unwatch(server.watch)
      Socket.close(server.fd)
    }
    for client in clients { Socket.close(client) }
  }

  @Test func writeReadinessIsNotedOnlyWhileWantedAndPossible() throws {
    var loop = try EventLoop()
    let pair = try Pair()
    let watch = loop.watch(pair.near, token: a)
    let sent = pair.fill()
    #expect(sent > 0)
    loop.wantWrite(watch, true)
    loop.wantWrite(watch, true)
    #expect(presentNotes(&loop) == [])
    #expect(pair.drainFar() == sent)
    #expect(nextNotes(&loop) == [Ready(token: a, events: .write)])
    #expect(presentNotes(&loop) == [Ready(token: a, events: .write)])
    loop.wantWrite(watch, false)
    #expect(presentNotes(&loop) == [])
    loop.wantWrite(watch, true)
    #expect(presentNotes(&loop) == [Ready(token: a, events: .write)])
    loop.unwatch(watch)
  }

  @Test func pausedWatchNotesNoReadUntilResumed() throws {
    var loop = try EventLoop()
    let pair = try Pair()
    let watch = loop.watch(pair.near, token: a)
    loop.wantRead(watch, false)
    #expect(send(pair.far, "x") == .sent(1))
    #expect(presentNotes(&loop) == [])
    loop.wantRead(watch, true)
    #expect(presentNotes(&loop) == [Ready(token: a, events: .read)])
    loop.unwatch(watch)
  }

  @Test func readyDescriptorIsNotedAgainUntilItIsRead() throws {
    var loop = try EventLoop()
    let pair = try Pair()
    let watch = loop.watch(pair.near, token: a)
    #expect(send(pair.far, "x") == .sent(1))
    for _ in 0..<3 { #expect(presentNotes(&loop) == [Ready(token: a, events: .read)]) }
    var scratch = Scratch()
    #expect(scratch.receive(pair.near) == .bytes(1))
    #expect(presentNotes(&loop) == [])
    loop.unwatch(watch)
  }

  @Test func notesOfAnEndedWatchAreCleared() throws {
    var loop = try EventLoop()
    let one = try Pair()
    let other = try Pair()
    let first = loop.watch(one.near, token: a)
    let second = loop.watch(other.near, token: b)
    #expect(send(one.far, "x") == .sent(1))
    #expect(send(other.far, "x") == .sent(1))
    #expect(loop.runOnce() == true)
    #expect(Set(notes(loop).map(\.token.kind)) == [1, 2])
    loop.unwatch(second)
    #expect(notes(loop) == [Ready(token: a, events: .read)])
    #expect(loop.readyCount == 2)
    // The next watch in the same slot must not get the note.
    let third = try Pair()
    let c = Token(kind: 3, index: 30)
    let next = loop.watch(third.near, token: c)
    #expect(next.index == second.index)
    #expect(notes(loop) == [Ready(token: a, events: .read)])
    #expect(send(third.far, "x") == .sent(1))
    #expect(loop.runOnce(maxWait: .zero) == true)
    #expect(notes(loop) == [Ready(token: a, events: .read), Ready(token: c, events: .read)])
    loop.clearReady()
    loop.unwatch(first)
    loop.unwatch(next)
    #expect(presentNotes(&loop) == [])
  }

  @Test func pausingAWatchClearsItsNotesOfThisTurn() throws {
    var loop = try EventLoop()
    let pair = try Pair()
    let watch = loop.watch(pair.near, token: a)
    loop.wantWrite(watch, true)
    #expect(send(pair.far, "x") == .sent(1))
    #expect(loop.runOnce() == true)
    #expect(notes(loop) == [Ready(token: a, events: [.read, .write])])
    #expect(loop.readyCount == 1)
    loop.wantRead(watch, false)
    #expect(notes(loop) == [Ready(token: a, events: .write)])
    loop.wantWrite(watch, false)
    #expect(notes(loop) == [])
    loop.unwatch(watch)
  }

  @Test func notesOfSeveralTurnsAreMergedUntilCleared() throws {
    var loop = try EventLoop()
    let pair = try Pair()
    let watch = loop.watch(pair.near, token: a)
    #expect(send(pair.far, "x") == .sent(1))
    for _ in 0..<3 { #expect(loop.runOnce(maxWait: .zero) == true) }
    #expect(loop.readyCount == 1)
    loop.clearReady()
    #expect(loop.readyCount == 0)
    loop.unwatch(watch)
  }

  @Test func handleOfAnEndedWatchDoesNothing() throws {
    var loop = try EventLoop()
    let one = try Pair()
    let other = try Pair()
    let old = loop.watch(one.near, token: a)
    loop.wantWrite(old, true)
    loop.unwatch(old)
    let new = loop.watch(other.near, token: b)
    #expect(new.index == old.index && new != old)
    loop.wantWrite(old, true)
    loop.wantRead(old, false)
    loop.unwatch(old)
    for handle in [Watch.none, old] {
      loop.unwatch(handle)
      loop.wantRead(handle, false)
    }
    #expect(send(other.far, "x") == .sent(1))
    #expect(presentNotes(&loop) == [Ready(token: b, events: .read)])
    loop.wantWrite(new, true)
    #expect(presentNotes(&loop) == [Ready(token: b, events: [.read, .write])])
    loop.unwatch(new)
  }

  @Test func watchingAnUnwatchableDescriptorReturnsNone() throws {
    var loop = try EventLoop()
    #expect(loop.watch(-1, token: a) == .none)
    let pair = try Pair()
    let watch = loop.watch(pair.near, token: a)
    #expect(watch != .none)
    loop.unwatch(watch)
  }

  @Test func hundredsOfWatchesKeepTheirSlotsAndTokens() throws {
    var loop = try EventLoop()
    var bells: [Bell] = []
    var watches: [Watch] = []
    for i in 0..<300 {
      let bell = try Bell()
      bells.append(bell)
      watches.append(loop.watch(bell.wakeup, token: Token(kind: 4, index: UInt32(i))))
    }
    for bell in bells { bell.wakeup.wake() }
    var seen: Set<UInt32> = []
    while case let found = presentNotes(&loop), !found.isEmpty { seen.formUnion(found.map(\.token.index)) }
    #expect(seen == Set(0..<300))
    for i in stride(from: 0, to: 300, by: 2) { loop.unwatch(watches[i]) }
    for bell in bells { bell.wakeup.wake() }
    seen = []
    while case let found = presentNotes(&loop), !found.isEmpty { seen.formUnion(found.map(\.token.index)) }
    #expect(seen == Set(stride(from: 1, to: 300, by: 2)))
    for watch in watches { loop.unwatch(watch) }
  }

  // MARK: Time

  @Test func pollingTheLoopDoesNotWait() throws {
    var loop = try EventLoop()
    loop.tick(every: .seconds(60), token: a)
    let start = Clock.now()
    for _ in 0..<10 { #expect(presentNotes(&loop) == []) }
    #expect(Clock.now().since(start) < .seconds(5))
  }

  @Test(arguments: [50_000, 300_000, 5_000_000] as [Int64])
  func boundedWaitLastsForItsBound(nanoseconds: Int64) throws {
    var loop = try EventLoop()
    let start = Clock.now()
    #expect(loop.runOnce(nanoseconds: nanoseconds) == true)
    let waited = Clock.now().since(start)
    #expect(loop.readyCount == 0)
    #expect(waited >= .nanoseconds(nanoseconds))
    #expect(waited < .seconds(5))
  }

  @Test func unusedWaitBoundDoesNotEndTheNextWait() throws {
    var loop = try EventLoop()
    let bell = try Bell()
    let watch = loop.watch(bell.wakeup, token: a)
    bell.wakeup.wake()
    #expect(loop.runOnce(maxWait: .milliseconds(20)) == true)
    #expect(notes(loop) == [Ready(token: a, events: .read)])
    loop.clearReady()
    let start = Clock.now()
    Thread.detachNewThread {
      usleep(80_000)
      bell.wakeup.wake()
    }
    #expect(loop.runOnce() == true)
    #expect(notes(loop) == [Ready(token: a, events: .read)])
    #expect(Clock.now().since(start) >= .milliseconds(60))
    loop.unwatch(watch)
  }

  @Test func ticksRepeatUntilStopped() throws {
    var loop = try EventLoop()
    loop.tick(every: .milliseconds(5), token: a)
    let start = Clock.now()
    for _ in 0..<4 { #expect(nextNotes(&loop) == [Ready(token: a, events: .read)]) }
    #expect(Clock.now().since(start) >= .milliseconds(15))
    loop.tick(every: .milliseconds(3), token: b)
    #expect(nextNotes(&loop) == [Ready(token: b, events: .read)])
    loop.tick(every: .zero, token: b)
    usleep(10_000)
    #expect(presentNotes(&loop) == [])
  }

  @Test func missedTicksAreMergedIntoOne() throws {
    var loop = try EventLoop()
    loop.tick(every: .milliseconds(20), token: a)
    usleep(70_000)
    #expect(presentNotes(&loop) == [Ready(token: a, events: .read)])
    #expect(presentNotes(&loop) == [])
  }

  // MARK: Wake-ups

  @Test func wakeupFromAnotherThreadEndsTheWait() throws {
    var loop = try EventLoop()
    let bell = try Bell()
    let watch = loop.watch(bell.wakeup, token: a)
    for _ in 0..<20 {
      Thread.detachNewThread { bell.wakeup.wake() }
      #expect(nextNotes(&loop) == [Ready(token: a, events: .read)])
    }
    loop.unwatch(watch)
  }

  @Test func wakeupsBeforeTheWatchCountAndAreMerged() throws {
    var loop = try EventLoop()
    let bell = try Bell()
    for _ in 0..<3 { bell.wakeup.wake() }
    let watch = loop.watch(bell.wakeup, token: a)
    for _ in 0..<3 { bell.wakeup.wake() }
    #expect(presentNotes(&loop) == [Ready(token: a, events: .read)])
    #expect(presentNotes(&loop) == [])
    bell.wakeup.wake()
    #expect(presentNotes(&loop) == [Ready(token: a, events: .read)])
    loop.unwatch(watch)
    bell.wakeup.wake()
    #expect(presentNotes(&loop) == [])
  }

  @Test func loopsInManyThreadsAreIndependent() throws {
    let threads = 4
    let done = DispatchSemaphore(value: 0)
    let failures = Bell.Count()
    for t in 0..<threads {
      Thread.detachNewThread {
        defer { done.signal() }
        do {
          var loop = try EventLoop()
          let pair = try Pair()
          let token = Token(kind: 9, index: UInt32(t))
          let watch = loop.watch(pair.near, token: token)
          var scratch = Scratch()
          for _ in 0..<500 {
            guard send(pair.far, "ping") == .sent(4),
              nextNotes(&loop) == [Ready(token: token, events: .read)],
              scratch.receive(pair.near) == .bytes(4)
            else {
              failures.add()
              break
            }
          }
          loop.unwatch(watch)
        } catch { failures.add() }
      }
    }
    for _ in 0..<threads { #expect(done.wait(timeout: .now() + 20) == .success) }
    #expect(failures.value == 0)
  }
}

/// A wake-up that closures can share.
final class Bell: Sendable {
  let wakeup: Wakeup
  init() throws { wakeup = try Wakeup() }

  final class Count: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0
    func add() { lock.withLock { count += 1 } }
    var value: Int { lock.withLock { count } }
  }
}
