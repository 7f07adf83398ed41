/// Which versions of each key were written, and which of them a read may still find.
///
/// Several connections write one key, so a read may find any version whose write was on its way, or was the last one
/// answered, when the read was sent. A version is *stale* if a later write of the key was sent after the version's own
/// write had been answered, and was itself answered before the read was sent. With writes that overlap the order is
/// unknown, and neither counts as stale.
struct KeyVersions {
  private struct Key: BitwiseCopyable {
    /// The version of the newest write that was sent; 0 before the first.
    var newest: UInt32 = 0
    /// Versions below this one were overwritten.
    var floor: UInt32 = 0
    var writesInFlight: UInt32 = 0
    /// The last multi-get that chose this key.
    var chosenBy: UInt32 = 0
  }

  /// A write that was sent.
  struct Write: BitwiseCopyable, Equatable {
    var key: UInt32
    var version: UInt32
    /// Whether all earlier writes of the key were answered when this one was sent.
    var isAlone: Bool
  }

  enum Verdict: Equatable {
    case valid
    case stale
    /// No write of this version was ever sent.
    case neverWritten
  }

  private var keys: [Key]
  /// Writes that failed, or were never answered: they may be done at any later time. Key and version, in one number.
  private var doubtful: Set<UInt64> = []
  /// More failed writes than this are not remembered one by one: then no version counts as stale any more.
  private static let mostDoubtful = 1_000_000
  private var multigets: UInt32 = 0

  init(count: Int) { keys = [Key](repeating: Key(), count: count) }

  var count: Int { keys.count }

  // MARK: Writes

  mutating func beginWrite(of key: UInt32) -> Write {
    let k = Int(key)
    keys[k].newest &+= 1
    let isAlone = keys[k].writesInFlight == 0
    keys[k].writesInFlight &+= 1
    return Write(key: key, version: keys[k].newest, isAlone: isAlone)
  }

  /// Notes the end of a write: it was stored, or it failed, or its reply never arrived.
  mutating func endWrite(_ write: Write, isStored: Bool) {
    let k = Int(write.key)
    keys[k].writesInFlight &-= 1
    if isStored {
      if write.isAlone { keys[k].floor = max(keys[k].floor, write.version) }
    } else if doubtful.count < Self.mostDoubtful {
      doubtful.insert(UInt64(write.key) << 32 | UInt64(write.version))
    }
  }

  // MARK: Reads

  /// The oldest version that a read sent now may find.
  func floor(of key: UInt32) -> UInt32 { keys[Int(key)].floor }

  func verdict(on version: UInt32, of key: UInt32, floor: UInt32) -> Verdict {
    if version == 0 || version > keys[Int(key)].newest { return .neverWritten }
    if version >= floor || doubtful.count >= Self.mostDoubtful { return .valid }
    return doubtful.contains(UInt64(key) << 32 | UInt64(version)) ? .valid : .stale
  }

  // MARK: Multi-gets

  mutating func beginMultiget() { multigets &+= 1 }

  /// Chooses `key` for the current multi-get, or the next one that it does not have yet.
  mutating func choose(near key: Int) -> UInt32 {
    var k = key
    // It ends: a multi-get has no more keys than there are.
    while keys[k].chosenBy == multigets { k = k + 1 == keys.count ? 0 : k + 1 }
    keys[k].chosenBy = multigets
    return UInt32(k)
  }
}
