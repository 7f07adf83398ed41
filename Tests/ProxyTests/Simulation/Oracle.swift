/// Decides which replies to a client are right.
///
/// For each key that only this client uses it keeps every state that the key can have: one while nothing fails; after
/// a failed write, those with and without the write. A reply that no state allows is a violation; a reply that some
/// states allow rules the others out.
struct Oracle {
  /// `wild`: too many states to follow, until the next write with a definite result.
  private enum Knowledge {
    case states([Item?])
    case wild
  }

  private var known: [Int: Knowledge] = [:]
  /// The CAS number that each change was seen with.
  private var numbers: [Int: UInt64] = [:]
  /// What `cas` can be sent with: for each key, the last number seen and its change.
  private(set) var tokens: [Int: (number: UInt64, mark: Int)] = [:]
  let strictness: Weather.Strictness
  let missesOnFailure: Bool

  init(strictness: Weather.Strictness, missesOnFailure: Bool) {
    self.strictness = strictness
    self.missesOnFailure = missesOnFailure
  }

  private func states(of key: Key) -> [Item?]? {
    switch known[key.index] {
    case nil: return [nil]
    case .states(let states): return states
    case .wild: return nil
    }
  }

  private mutating func learn(_ states: [Item?], of key: Key) {
    var distinct: [Item?] = []
    for state in states where !distinct.contains(state) { distinct.append(state) }
    known[key.index] = distinct.count > 24 ? .wild : .states(distinct)
  }

  /// The key's server lost all its data.
  mutating func mayBeGone(_ key: Key) {
    guard let states = states(of: key) else { return }
    learn(states + [nil], of: key)
  }

  /// All servers confirmed a flush.
  mutating func wasFlushed() {
    for index in known.keys { known[index] = .states([nil]) }
  }

  /// Accounts for a request without a reply.
  mutating func assume(_ deed: Deed) {
    if deed.verb == .flushAll {
      for index in known.keys {
        guard case .states(let states) = known[index] else { continue }
        known[index] = .states(strictness == .exact ? [nil] : states + [nil])
      }
      return
    }
    guard let key = deed.keys.first, strictness != .sound else { return }
    guard let before = states(of: key) else { return }
    let after = before.map { outcome(deed, $0).1 }
    learn(strictness == .exact ? after : before + after, of: key)
  }

  /// Accounts for a write that was answered as a miss. Either the key was missing, or its server failed and the proxy
  /// ensures that the write is not done: the key is unchanged, or deleted.
  mutating func wasNotDone(_ deed: Deed) {
    guard let key = deed.keys.first, strictness != .sound, let before = states(of: key) else { return }
    learn(before + [nil], of: key)
  }

  private func outcome(_ deed: Deed, _ state: Item?) -> (Item.Answer, Item?) {
    var item = state
    let answer = Item.apply(deed, token: deed.tokenMark, mark: deed.mark, to: &item)
    return (answer, item)
  }

  /// Judges the reply to a command on one key. Returns what is wrong with it.
  mutating func judge(_ deed: Deed, line: String) -> String? {
    guard let key = deed.keys.first else { return nil }
    guard Self.isOfType(line, deed.verb) else { return "no answer to \(deed.verb.rawValue): \(line)" }
    guard key.owner != nil, strictness != .sound else { return nil }
    guard let before = states(of: key) else {
      // A write that succeeds in any state settles the state.
      if deed.verb == .set && line == "STORED" { learn([outcome(deed, nil).1], of: key) }
      if deed.verb == .delete { learn([nil], of: key) }
      return nil
    }
    let possible = before.map { outcome(deed, $0) }.filter { $0.0.line == line }
    guard !possible.isEmpty else {
      return "\(line), but the key is \(describe(before))"
    }
    learn(possible.map(\.1), of: key)
    return nil
  }

  /// Judges a read's reply for one key, apart from the value's own consistency.
  mutating func judge(_ deed: Deed, key: Key, value: Heard.Value?, mayHaveFailed: Bool) -> String? {
    if let value, let number = value.cas, strictness == .sound || key.owner == nil {
      tokens[key.index] = (number, -1)
    }
    guard key.owner != nil, strictness != .sound, let before = states(of: key) else { return nil }
    let ends = deed.verb.touches && deed.exptime < 0
    guard let value else {
      let missing = before.filter { $0 == nil }
      if mayHaveFailed {
        if ends { learn(before + [nil], of: key) }
        return nil
      }
      guard !missing.isEmpty else { return "a miss, but the key is \(describe(before))" }
      learn([nil], of: key)
      return nil
    }
    let fitting = before.compactMap(\.self).filter { $0.data == value.data && $0.flags == value.flags }
    guard !fitting.isEmpty else {
      return
        "\(describe([Item(flags: value.flags, data: value.data, mark: 0)])), but the key is \(describe(before))"
    }
    if let number = value.cas {
      let same = fitting.filter { numbers[$0.mark] == nil || numbers[$0.mark] == number }
      guard let item = same.last else { return "cas number \(number) is not that of this change" }
      if fitting.count == 1 {
        numbers[item.mark] = number
        tokens[key.index] = (number, item.mark)
      }
    }
    learn(ends ? [nil] : fitting, of: key)
    return nil
  }

  private func describe(_ states: [Item?]) -> String {
    states.map { state in
      guard let state else { return "missing" }
      return String(decoding: state.data.prefix(60), as: UTF8.self).debugDescription + "/\(state.flags)"
    }.joined(separator: " or ")
  }

  static func isOfType(_ line: String, _ verb: Deed.Verb) -> Bool {
    if line == Item.Answer.tooLarge.line { return verb.isStorage }
    switch verb {
    case .set, .add, .replace, .append, .prepend, .cas:
      return ["STORED", "NOT_STORED", "EXISTS", "NOT_FOUND"].contains(line)
    case .delete: return line == "DELETED" || line == "NOT_FOUND"
    case .touch: return line == "TOUCHED" || line == "NOT_FOUND"
    case .incr, .decr:
      return line == "NOT_FOUND" || line == Item.Answer.nonNumeric.line || UInt64(line) != nil
    default: return false
    }
  }
}
