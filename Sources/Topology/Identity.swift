/// A server's number: the same in every worker and across reloads, as long as the server is configured.
@frozen @usableFromInline
package struct ServerID: BitwiseCopyable, Hashable, Comparable, CustomStringConvertible, Sendable {
  @usableFromInline package var number: UInt32
  @inlinable package init(_ number: UInt32) { self.number = number }
  @inlinable package static func < (a: ServerID, b: ServerID) -> Bool { a.number < b.number }
  @usableFromInline package var description: String { "\(number)" }
}

/// A listener's number: the same as long as its address is configured.
package struct ListenerID: BitwiseCopyable, Hashable, Sendable {
  package var number: UInt32
  package init(_ number: UInt32) { self.number = number }
}

/// A pool's number: the same as long as the pool keeps its name. Its place in a plan is another number.
package struct PoolID: BitwiseCopyable, Hashable, Sendable {
  package var number: UInt32
  package init(_ number: UInt32) { self.number = number }
}
