/// What a request asks for, as routes name it: one word for a classic command and for the meta commands that do the same.
///
///     reads     get gets                         mg, me
///     stores    set                              ms
///     decides   add replace cas append prepend   ms with a mode or C
///     counts    incr decr                        ma
///     deletes   delete                           md
///     touches   touch gat gats                   mg with T, N or E
///
/// `writes` are all but reads. `flush_all`, `stats` and `version` have no key.
package enum Command: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case get, gets, set, add, replace, cas, append, prepend, incr, decr, delete, touch, gat, gats
  case flushAll, stats, version

  /// The command's name in the protocol.
  package var word: String { self == .flushAll ? "flush_all" : "\(self)" }

  /// The commands that have a key: all that routes tell apart.
  package static let withKey: [Command] = allCases.filter { $0.rawValue <= Command.gats.rawValue }
}

/// Some commands.
package struct CommandSet: OptionSet, BitwiseCopyable, Hashable, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package init(_ commands: [Command]) { rawValue = commands.reduce(0) { $0 | 1 << UInt32($1.rawValue) } }

  package static let reads = CommandSet([.get, .gets])
  package static let stores = CommandSet([.set])
  package static let decides = CommandSet([.add, .replace, .cas, .append, .prepend])
  package static let counts = CommandSet([.incr, .decr])
  package static let deletes = CommandSet([.delete])
  package static let touches = CommandSet([.touch, .gat, .gats])
  package static let writes: CommandSet = [.stores, .decides, .counts, .deletes, .touches]

  /// The words that stand for several commands, and what they stand for.
  package static let groups: [(word: String, commands: CommandSet)] = [
    ("reads", .reads), ("stores", .stores), ("decides", .decides), ("counts", .counts),
    ("deletes", .deletes), ("touches", .touches), ("writes", .writes),
  ]

  /// Whether it has a command.
  @inline(__always)
  package func has(_ command: Command) -> Bool { rawValue &>> UInt32(command.rawValue) & 1 == 1 }

  /// What a word of the file stands for: a command or a group; nil for another word.
  package init?(word: String) {
    if let group = Self.groups.first(where: { $0.word == word }) {
      self = group.commands
    } else if let command = Command.allCases.first(where: { $0.word == word }) {
      self = CommandSet([command])
    } else {
      return nil
    }
  }

  /// Every word that `init(word:)` takes.
  package static let words: [String] = groups.map(\.word) + Command.allCases.map(\.word)
}
