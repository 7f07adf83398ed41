/// A value of a YAML file, with its position.
struct YAMLNode: Equatable, Sendable {
  indirect enum Content: Equatable, Sendable {
    case scalar(String, isPlain: Bool)
    case list([YAMLNode])
    case mapping([Entry])
  }

  struct Entry: Equatable, Sendable {
    var key: YAMLNode
    var value: YAMLNode
  }

  var content: Content
  var position: FilePosition
  /// Whether the value is an item of a list in brackets.
  var isInFlow = false

  /// The file's single value; nil if it contains only comments.
  static func read(_ text: [UInt8], end: FilePosition) throws(YAMLProblem) -> YAMLNode? {
    var rest = try YAMLEvents.read(text, end: end)[...]
    return next(&rest)
  }

  /// Takes one value from the front; nil at an end. Recursion is as deep as `YAMLEvents` lets a file nest.
  private static func next(_ events: inout ArraySlice<YAMLEvent>) -> YAMLNode? {
    guard let event = events.popFirst() else { return nil }
    switch event.kind {
    case .scalar(let text, let isPlain):
      return YAMLNode(content: .scalar(text, isPlain: isPlain), position: event.position)
    case .listStart(let isFlow):
      var items: [YAMLNode] = []
      while var item = next(&events) {
        item.isInFlow = isFlow
        items.append(item)
      }
      return YAMLNode(content: .list(items), position: event.position)
    case .mappingStart:
      var entries: [Entry] = []
      while let key = next(&events), let value = next(&events) {
        entries.append(Entry(key: key, value: value))
      }
      return YAMLNode(content: .mapping(entries), position: event.position)
    case .listEnd, .mappingEnd: return nil
    }
  }

  /// A text node, as if it were in quotes.
  static func text(_ text: String, at position: FilePosition) -> YAMLNode {
    YAMLNode(content: .scalar(text, isPlain: false), position: position)
  }

  /// Whether the value is missing, or one of YAML's words for null.
  var isNothing: Bool {
    if case .scalar(let text, isPlain: true) = content {
      return ["", "~", "null", "Null", "NULL"].contains(text)
    }
    return false
  }

  /// The value as text for a message.
  var found: String {
    if isNothing { return "nothing" }
    return switch content {
    case .scalar(let text, _): quoted(text)
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }
}
