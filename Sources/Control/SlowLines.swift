import Bytes
import Proxy
import Settings
import Topology

// Log lines about slow requests: what was asked of which server, and where the time went.

extension ControlPlane {
  mutating func note(_ request: AnsweredRequest, now: Instant) {
    var fields: [LogField] = [
      ("command", "\(request.verb.word)"), ("pool", pool(request.pool)), ("result", request.result.name),
      ("took", request.took.milliseconds),
    ]
    if let queue = request.queue {
      fields += [("queue", queue.milliseconds), ("reply", (request.took - queue).milliseconds)]
    }
    if let unread = request.unread { fields.append(("unread", unread.milliseconds)) }
    if request.keys > 1 { fields += [("keys", "\(request.keys)"), ("hits", "\(request.hits)")] }
    switch settings.log.slow.keys {
    case .hash where !request.key.isEmpty: fields.append(("key", Self.hash(request.key)))
    case .plain where !request.key.isEmpty: fields.append(("key", Self.printable(request.key)))
    default: break
    }
    logOften(
      .warning, "slow request", about: ("server", label(request.server)), fields, count: request.count,
      now: now)
  }

  private func pool(_ id: PoolID) -> String {
    let i = runtimePlan.plan.pools.firstIndex { $0.id == id }
    return i.map { settings.pools[$0].name } ?? "none"
  }

  /// FNV-1a of 64 bits in 16 hexadecimal digits.
  static func hash(_ key: [UInt8]) -> String {
    let hash = key.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// A key in printable ASCII; other bytes as \xNN.
  static func printable(_ key: [UInt8]) -> String {
    key.map { byte in
      guard byte < 33 || byte > 126 || byte == UInt8(ascii: "\\") else { return String(UnicodeScalar(byte)) }
      return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}

extension Duration {
  /// In milliseconds with three digits after the point: `12.345ms`.
  fileprivate var milliseconds: String {
    let microseconds = Int(self / .microseconds(1))
    let rest = String(1000 + microseconds % 1000).dropFirst()
    return "\(microseconds / 1000).\(rest)ms"
  }
}
