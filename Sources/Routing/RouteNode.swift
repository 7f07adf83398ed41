import Topology

/// Where requests are sent on from a route, a listener or a policy: a pool, or a node that decides.
package enum RouteTarget: Hashable, Sendable {
  /// By its position in `RoutingPlan.pools`, or in `RoutingPlan.nodes`.
  case pool(Int)
  case node(Int)

  /// The same as one number: pools from 0, nodes from -2 down. -1 is no route.
  package var number: Int {
    switch self {
    case .pool(let i): i
    case .node(let i): -2 - i
    }
  }

  /// The position of the node with that number.
  @inline(__always) package static func node(numbered number: Int) -> Int { -2 &- number }

  /// The target with a number of `number`; nil for that of no route.
  package init?(number: Int) {
    guard number != RoutingTable.noPool else { return nil }
    self = number >= 0 ? .pool(number) : .node(Self.node(numbered: number))
  }
}

/// One decision about where a request goes: a policy of the file, or a route that is more than the name of a pool.
///
/// Nodes name each other by position and form no cycle: the reader of the file has checked that. A node with clauses
/// applies them before its verb, in the order in which they stand here.
package struct RouteNode: Equatable, Sendable {
  /// A policy's name, or what the route says of its keys: for people.
  package var name: String
  package var verb: RouteVerb
  /// Commands that are refused, and those of them that are answered as if nothing was there instead.
  package var denied = CommandSet()
  package var deniedQuietly = CommandSet()
  /// The largest value in bytes; nil for the proxy's own limit.
  package var maxValue: Int?
  package var ttl: TTLRule?
  /// How long all servers of a request may take together; nil for twice the first pool's timeout.
  package var deadline: Duration?

  package init(name: String, _ verb: RouteVerb) {
    self.name = name
    self.verb = verb
  }

  /// Whether it does nothing but pass requests on to its target.
  package var isPlain: Bool {
    guard case .to = verb else { return false }
    return denied.isEmpty && maxValue == nil && ttl == nil && deadline == nil
  }
}

/// What a node does with a request.
package enum RouteVerb: Equatable, Sendable {
  case to(RouteTarget)
  /// The members in order: the next one only if the one before cannot.
  case attempt([RouteTarget], TryRules)
  /// By the key's hash: which part of the keyspace each target has, in 1/10,000; together 10,000.
  case share([(target: RouteTarget, part: Int)], salt: String)
  /// By command; commands in no entry go to `rest`, or are refused if there is none.
  case commands([(commands: CommandSet, target: RouteTarget)], rest: RouteTarget?)
  case answer(FixedAnswer)

  package static func == (a: RouteVerb, b: RouteVerb) -> Bool {
    switch (a, b) {
    case (.to(let x), .to(let y)): x == y
    case (.attempt(let x, let p), .attempt(let y, let q)): x == y && p == q
    case (.share(let x, let p), .share(let y, let q)):
      p == q && x.elementsEqual(y) { $0.target == $1.target && $0.part == $1.part }
    case (.commands(let x, let p), .commands(let y, let q)):
      p == q && x.elementsEqual(y) { $0.commands == $1.commands && $0.target == $1.target }
    case (.answer(let x), .answer(let y)): x == y
    default: false
    }
  }

  /// Every target that it names.
  package var targets: [RouteTarget] {
    switch self {
    case .to(let target): [target]
    case .attempt(let members, _): members
    case .share(let parts, _): parts.map(\.target)
    case .commands(let entries, let rest): entries.map(\.target) + (rest.map { [$0] } ?? [])
    case .answer: []
    }
  }
}

/// The rules of `try`.
package struct TryRules: Hashable, Sendable {
  /// Whether a read continues to the next member at any trouble; if not, only if the server is known to be out.
  package var goesOnAtTrouble = true
  /// Whether a read continues to the next member when the key is not there.
  package var goesOnAtMiss = false
  /// The longest life, in seconds, of what is stored in any member but the first; nil leaves it as the client says.
  package var laterTTL: Int? = 60
  /// Whether a delete goes to every member.
  package var deletesAll = false

  package init() {}
}

/// A reply without any server.
package enum FixedAnswer: Hashable, Sendable {
  /// A miss, NOT_STORED or NOT_FOUND.
  case nothing
  /// STORED, DELETED, TOUCHED; reads, counts and gat miss.
  case done
  /// SERVER_ERROR with this text.
  case error(String)
}

/// What becomes of the expiration times of requests; all in seconds. Times in the past stay.
package struct TTLRule: Hashable, Sendable {
  package var min: Int?
  package var max: Int?
  /// What 0, for ever, becomes.
  package var none: Int?
  /// What every time becomes.
  package var set: Int?

  package init(max: Int? = nil) { self.max = max }
}
