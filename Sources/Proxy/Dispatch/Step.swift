import Wire

/// What has become of one leg of a request.
enum LegOutcome: Equatable {
  /// The whole reply has arrived.
  case replied
  /// The server will not reply, or not in time. `isTrue`: a miss would be a true answer, because nothing was done, or
  /// the key will be deleted before anything else is asked for it.
  case failed(isTrue: Bool)
  /// The same, on a connection that was dead before the request was sent.
  case stale
  /// The server does not know the command.
  case unspoken
  /// A value has begun that is too large to be buffered as things are. `fits`: there is memory for it all the same.
  case large(isRepeatable: Bool, fits: Bool)
}

/// What follows from an outcome. Nothing else decides whether a server is sent a second request.
enum Step: Equatable {
  /// More is to arrive.
  case wait
  /// What the servers have replied is the reply.
  case answer
  case ask(Again)
  case say(Words)

  enum Again: Equatable {
    /// The same request, on the next connection.
    case same
    /// What is too large to be buffered, on a private connection, when it is the reply's turn.
    case inTurn
    /// The keys of a share that were not requested with its first ones.
    case rest
  }

  enum Words: Equatable {
    /// memcached's own reply for a key that does not exist.
    case miss
    /// An error line that names the server and the cause.
    case error
    /// The error line with which memcached refuses a command that it does not know.
    case refusal
  }
}

extension Exchange {
  /// The step of a request to one server, by the rules of its key's pool.
  static func step(_ kind: Verb.Kind, after outcome: LegOutcome, _ rules: RequestPolicy) -> Step {
    switch outcome {
    case .replied: return .answer
    case .stale: return .ask(.same)
    case .unspoken: return .say(.refusal)
    case .large(isRepeatable: true, _): return .ask(.inTurn)
    case .large(_, let fits): return fits ? .wait : .say(.error)
    case .failed(let isTrue):
      switch kind {
      case .read: return .say(rules.missesOnFailure ? .miss : .error)
      case .write: return .say(isTrue && rules.writesMissOnFailure ? .miss : .error)
      case .other: return .say(.error)
      }
    }
  }
}

extension FanOut {
  /// The step of a request to several servers when one more leg was answered for. `hasRest`: only the first keys of its
  /// share were requested.
  func step(hasRest: Bool = false) -> Step {
    if hasRest { return .ask(.rest) }
    if pending > 0 { return .wait }
    return hasDeferred ? .ask(.inTurn) : .answer
  }
}

extension Verb {
  /// What a request is to do, as far as its failure is concerned. `gat`, or an `mg` that touches or creates, is a read.
  enum Kind {
    case read
    case write
    case other
  }

  var kind: Kind {
    if isRetrieval || self == .metaGet || self == .metaDebug { return .read }
    return isWrite ? .write : .other
  }
}

extension Leg {
  /// memcached's reply for a key that does not exist; for a meta request its first word. Nil where there is none.
  var missLine: StaticString? {
    switch verb.kind {
    case .read: verb.isMeta ? "EN" : "END\r\n"
    case .write: verb.isMeta ? verb.metaMiss(meta) : verb.missLine
    case .other: nil
    }
  }
}
