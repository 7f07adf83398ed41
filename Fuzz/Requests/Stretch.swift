import Wire

/// What became of one stretch of a client's stream, by its place in the whole stream.
struct Stretch: Equatable {
  enum Kind: Equatable {
    case request(Verb, isQuiet: Bool, isVerbatim: Bool, isMulti: Bool, key: Range<Int>)
    case refused(Refusal, isQuiet: Bool)
    case hangUp
    /// The stream ended inside a line or a value, or while bytes were skipped.
    case open
  }

  var kind: Kind
  var start: Int
  var length: Int
}
