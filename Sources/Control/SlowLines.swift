import Proxy
import Settings
import Stats
import Topology

// Log lines about slow requests: which server got what command, and where the time went.

extension AnsweredRequest {
  /// The line's fields after the server.
  func fields(pool: String, _ settings: SlowLogSettings) -> [ControlPlane.LogField] {
    var fields: [ControlPlane.LogField] = [
      ("command", "\(verb.word)"), ("pool", pool), ("result", result.name), ("took", took.milliseconds),
    ]
    if let queue {
      let reply = took - queue
      fields.append(("queue", queue.milliseconds))
      fields.append(("reply", reply.milliseconds))
    }
    if let unread { fields.append(("unread", unread.milliseconds)) }
    if keys > 1 {
      fields.append(("keys", "\(keys)"))
      fields.append(("hits", "\(hits)"))
    }
    guard !key.isEmpty else { return fields }
    switch settings.keys {
    case .hash: fields.append(("key", Self.hash(key)))
    case .plain: fields.append(("key", printableKey))
    case .none: break
    }
    return fields
  }

  /// FNV-1a of 64 bits in 16 hexadecimal digits.
  static func hash(_ key: [UInt8]) -> String {
    let hash = key.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
