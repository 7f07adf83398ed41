import Wire

/// The parser's verdict on one part of a client's stream, with its position in the whole stream.
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
