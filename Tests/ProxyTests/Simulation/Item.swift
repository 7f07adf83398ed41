/// An item of memcached, and the effect of each command on it: the semantics that the model servers implement and the
/// oracle checks.
struct Item: Equatable {
  var flags: UInt32
  var data: [UInt8]
  /// New for every change: the CAS number.
  var mark: Int

  /// The reply to a command on one key.
  enum Answer: Equatable {
    case stored, notStored, exists, notFound, deleted, touched, nonNumeric, tooLarge
    case number(UInt64)

    var line: String {
      switch self {
      case .stored: "STORED"
      case .notStored: "NOT_STORED"
      case .exists: "EXISTS"
      case .notFound: "NOT_FOUND"
      case .deleted: "DELETED"
      case .touched: "TOUCHED"
      case .nonNumeric: "CLIENT_ERROR cannot increment or decrement non-numeric value"
      case .tooLarge: "SERVER_ERROR object too large for cache"
      case .number(let value): "\(value)"
      }
    }
  }

  /// The largest value that a model server accepts, in bytes.
  static let largest = 1000

  /// Executes a command other than a read. `token` is the mark that `cas` compares.
  static func apply(_ deed: Deed, token: Int, mark: Int, to item: inout Item?) -> Answer {
    switch deed.verb {
    case .set, .add, .replace, .append, .prepend, .cas:
      return store(deed, token: token, mark: mark, in: &item)
    case .delete:
      defer { item = nil }
      return item == nil ? .notFound : .deleted
    case .touch:
      guard item != nil else { return .notFound }
      if deed.exptime < 0 { item = nil }
      return .touched
    case .incr, .decr:
      guard let old = item else { return .notFound }
      guard let value = number(old.data) else { return .nonNumeric }
      let new = deed.verb == .incr ? value &+ deed.delta : value > deed.delta ? value - deed.delta : 0
      var data = Array("\(new)".utf8)
      // A number that gets shorter keeps its length, padded with spaces.
      while data.count < old.data.count { data.append(32) }
      item = Item(flags: old.flags, data: data, mark: mark)
      return .number(new)
    default:
      return .notFound
    }
  }

  private static func store(_ deed: Deed, token: Int, mark: Int, in item: inout Item?) -> Answer {
    if deed.data.count > largest {
      // So that the old value is not taken for the new one.
      if deed.verb == .set || deed.meta != nil { item = nil }
      return .tooLarge
    }
    var new = Item(flags: deed.flags, data: deed.data, mark: mark)
    switch (deed.verb, item) {
    case (.set, _), (.add, nil): break
    case (.replace, .some): break
    case (.append, .some(let old)):
      new.data = old.data + deed.data
      new.flags = old.flags
    case (.prepend, .some(let old)):
      new.data = deed.data + old.data
      new.flags = old.flags
    case (.cas, nil): return .notFound
    case (.cas, .some(let old)):
      guard old.mark == token else { return .exists }
    default: return .notStored
    }
    // An append does not change an item's expiry.
    let keepsLife = deed.verb == .append || deed.verb == .prepend
    item = deed.exptime < 0 && !keepsLife ? nil : new
    return .stored
  }

  static func number(_ data: [UInt8]) -> UInt64? {
    var digits = data[...]
    while digits.last == 32 { digits.removeLast() }
    return UInt64(String(decoding: digits, as: UTF8.self))
  }
}
