import Foundation
import Synchronization
import Testing

@testable import Net

@Suite struct ProcessorsTests {
  /// The allowed processors from the kernel's text, such as "0-3,8".
  private static func listed() throws -> [Int32] {
    let status = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") })
    let list = line.split(separator: "\t").last.map(String.init) ?? ""
    return list.split(separator: ",").flatMap { part -> [Int32] in
      let ends = part.split(separator: "-").compactMap { Int32($0) }
      guard let first = ends.first, let last = ends.last else { return [] }
      return Array(first...last)
    }
  }

  /// Runs the closure in a new thread, so that changes to the thread's affinity end with it.
  private static func inThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) throws -> Value {
    let slot = Slot<Value>()
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      let value = Result { try body() }
      slot.result.withLock { $0 = value }
      done.signal()
    }
    done.wait()
    return try #require(slot.result.withLock { $0 }).get()
  }

  private final class Slot<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
  }

  @Test func allowedProcessorsMatchTheKernelsList() throws {
    #expect(Processors.allowed() == (try Self.listed()))
    #expect(!Processors.allowed().isEmpty)
    #expect((1...Processors.allowed().count).contains(Processors.usable))
  }

  @Test func boundThreadHasOneProcessorAndOtherThreadsKeepTheirs() throws {
    let before = Processors.allowed()
    for processor in before {
      let (allowed, usable) = try Self.inThread {
        try Processors.bind(to: processor)
        return (Processors.allowed(), Processors.usable)
      }
      #expect(allowed == [processor] && usable == 1)
    }
    #expect(Processors.allowed() == before)
  }

  @Test(arguments: [-1, 100_000] as [Int32]) func invalidProcessorNumberIsRefused(_ number: Int32) throws {
    let before = Processors.allowed()
    let (error, allowed) = try Self.inThread {
      var error: SystemError?
      do throws(SystemError) { try Processors.bind(to: number) } catch let failure { error = failure }
      return (error, Processors.allowed())
    }
    #expect(error?.description == "bind to processor \(number): Invalid argument")
    #expect(allowed == before)
  }
}

@Suite struct ProcessorQuotaTests {
  @Test(
    arguments: [
      ("max 100000\n", nil), ("100000 100000\n", 1), ("150000 100000\n", 2), ("200000 100000", 2),
      ("1000 100000\n", 1), ("6400000 100000\n", 64), ("250001 50000\n", 6),
      ("4294967295 1\n", 4_294_967_295),
      ("", nil), ("100000\n", nil), ("0 100000\n", nil), ("100000 0\n", nil), ("-1 100000\n", nil),
      ("99999999999999999999 100000\n", nil), ("a b\n", nil),
    ] as [(String, Int?)])
  func fractionalProcessorQuotaIsRoundedUp(_ text: String, _ count: Int?) {
    #expect(ProcessorQuota.processors(text) == count)
  }

  @Test(
    arguments: [
      ("0::/user.slice/a.service\n", "/user.slice/a.service"), ("0::/\n", "/"),
      ("9:cpu:/x\n1:name=systemd:/\n0::/y:z\n", "/y:z"), ("9:cpu:/x\n", nil), ("", nil),
    ] as [(String, String?)])
  func groupPathIsReadFromTheCgroupV2Line(_ lines: String, _ group: String?) {
    #expect(ProcessorQuota.group(in: lines) == group)
  }

  @Test(
    arguments: [
      ([:], "/a/b", nil),
      (["/a/b": "200000 100000"], "/a/b", 2),
      (["/a/b": "max 100000", "/a": "300000 100000"], "/a/b", 3),
      (["/a/b": "400000 100000", "/a": "300000 100000"], "/a/b", 3),
      (["/a/b": "100000 100000", "/a": "300000 100000", "": "800000 100000"], "/a/b", 1),
      (["/a": "300000 100000"], "/b", nil),
      // In a container: of the host's path only the topmost group exists.
      (["": "200000 100000"], "/docker/0123", 2),
      (["": "200000 100000"], "/", 2),
    ] as [([String: String], String, Int?)])
  func smallestQuotaOfGroupAndAncestorsCounts(_ files: [String: String], _ group: String, _ count: Int?) {
    #expect(ProcessorQuota.least(of: group) { files[$0] } == count)
  }
}
