/// The status of a server, in the whole process.
@frozen @usableFromInline
package enum ServerStatus: UInt8, BitwiseCopyable, Sendable {
  /// In the ring, and requests are sent to it.
  case up
  /// Out of the ring: other servers have its keys for now.
  case ejected
  /// In the ring, but requests for its keys get a miss or an error at once.
  case failFast
  /// Like `failFast`, and up next: its journal entries were collected, so nothing more can be promised for it.
  case returning
}
