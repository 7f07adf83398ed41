import Routing
import Topology

// The words of nodes in a file.

/// The values of the parameters of `try`.
enum TryWords {
  enum On: String, CaseIterable {
    case trouble, down
  }

  enum OnMiss: String, CaseIterable {
    case miss, next
  }

  enum Deletes: String, CaseIterable {
    case same, all
  }

  static let none = "none"
  /// What is left, of shares and commands.
  static let rest = "rest"
}

/// The answers that are a word.
enum AnswerWord: String, CaseIterable {
  case nothing, done, error

  static let errorText = "not available"

  var answer: FixedAnswer {
    switch self {
    case .nothing: .nothing
    case .done: .done
    case .error: .error(Self.errorText)
    }
  }
}

/// The words for commands.
enum CommandWord {
  static let quietly = "quietly"
  static let withKey = CommandSet(Command.withKey)

  /// The words that a route may name.
  static let known: [String] = CommandSet.groups.map(\.word) + Command.withKey.map(\.word)

  /// Words without a meaning here, such as meta commands, and what to write instead.
  private static let others = [
    "mg": "reads", "ms": "set", "md": "delete", "ma": "counts", "me": "reads", "sets": "set",
  ]

  /// What a word stands for; `more` are accepted besides, for the hint.
  static func commands(_ word: String, or more: [String] = []) throws(Complaint) -> CommandSet {
    if let commands = CommandSet(word: word) {
      if commands.isSubset(of: withKey) { return commands }
      throw .said("\(quoted(word)) has no key, so no route has it", hint: "leave it out")
    }
    if let meant = others[word.lowercased()] {
      throw .unknownWord(word, hint: "did you mean \(quoted(meant))?")
    }
    throw .unknownWord(word, known: known + more)
  }

  /// Entries without a common command, one for each target: the most exact word has a command, which is its own name,
  /// else the smaller group.
  static func parted(
    _ words: [(word: String, commands: CommandSet, target: RouteTarget)]
  ) -> [(commands: CommandSet, target: RouteTarget)] {
    var entries: [(commands: CommandSet, target: RouteTarget)] = []
    for command in Command.withKey {
      let fitting = words.filter { $0.commands.has(command) }
      let best = fitting.min { a, b in
        let sizes = (a.commands.rawValue.nonzeroBitCount, b.commands.rawValue.nonzeroBitCount)
        return sizes.0 != sizes.1 ? sizes.0 < sizes.1 : a.word == command.word
      }
      guard let target = best?.target else { continue }
      if let i = entries.firstIndex(where: { $0.target == target }) {
        entries[i].commands.insert(CommandSet([command]))
      } else {
        entries.append((CommandSet([command]), target))
      }
    }
    return entries
  }

  /// The words for a set of commands with a key: groups where all of a group are in it, else single commands.
  static func words(for commands: CommandSet) -> [String] {
    var left = commands
    var words: [String] = []
    for (word, group) in CommandSet.groups.sorted(by: {
      $0.commands.rawValue.nonzeroBitCount > $1.commands.rawValue.nonzeroBitCount
    }) where group.rawValue.nonzeroBitCount > 1 && left.isSuperset(of: group) {
      words.append(word)
      left.subtract(group)
    }
    return words + Command.withKey.filter(left.has).map(\.word)
  }
}
