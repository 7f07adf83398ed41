import CLibyaml

/// One event of libyaml's parser: a scalar, or the begin or end of a list or mapping.
struct YAMLEvent: Equatable, Sendable {
  enum Kind: Equatable, Sendable {
    /// A plain scalar has no quotes: only such a scalar can mean "nothing".
    case scalar(String, isPlain: Bool)
    case listStart(isFlow: Bool)
    case listEnd, mappingStart, mappingEnd
  }

  var kind: Kind
  var position: FilePosition
}

/// Why a file cannot be read as YAML, and at which position.
struct YAMLProblem: Error, Equatable, Sendable {
  var message: String
  var position: FilePosition
  var hint: String?
  /// Whether the file is no YAML here, so that the slips in its lines say more.
  var isSyntax = false

  init(_ message: String, at position: FilePosition, hint: String? = nil) {
    self.message = message
    self.position = position
    self.hint = hint
  }
}

/// The only caller of libyaml: bytes in, plain events out.
///
/// Refuses what a configuration does not need: anchors, aliases and tags (so that a small file stays small when it is
/// read), a second document, deep nesting, and more events than the memory bound allows.
enum YAMLEvents {
  static let deepest = 16
  static let mostEvents = 1_000_000

  /// The events of the file's single document; empty if the file has none. Positions are limited to `end`: if the
  /// last line has no line break, libyaml would name a line that does not exist.
  static func read(_ bytes: [UInt8], end: FilePosition) throws(YAMLProblem) -> [YAMLEvent] {
    var parser = unsafe yaml_parser_t()
    guard unsafe yaml_parser_initialize(&parser) == 1 else {
      throw YAMLProblem("not enough memory to read the file", at: FilePosition(line: 1, column: 1))
    }
    // SAFETY: the parser was initialised above and is deleted once, here.
    defer { unsafe yaml_parser_delete(&parser) }
    let result = unsafe bytes.withUnsafeBufferPointer { text -> Result<[YAMLEvent], YAMLProblem> in
      // SAFETY: the parser reads from `text` only while it is asked for events, which is inside this closure.
      unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
      unsafe yaml_parser_set_input_string(&parser, text.baseAddress, text.count)
      return unsafe readAll(&parser, end)
    }
    return try result.get()
  }

  private static func readAll(
    _ parser: inout yaml_parser_t, _ end: FilePosition
  ) -> Result<[YAMLEvent], YAMLProblem> {
    var events: [YAMLEvent] = []
    var depth = 0
    var documents = 0
    while true {
      var event = unsafe yaml_event_t()
      guard unsafe yaml_parser_parse(&parser, &event) == 1 else {
        return unsafe .failure(problem(of: parser, end))
      }
      // SAFETY: the call above filled the event; its content is copied before the deletion.
      defer { unsafe yaml_event_delete(&event) }
      let place = unsafe min(position(event.start_mark), end)
      if let refusal = unsafe refusal(of: event, at: place) { return .failure(refusal) }
      let kind: YAMLEvent.Kind
      switch unsafe event.type {
      case YAML_STREAM_END_EVENT: return .success(events)
      case YAML_DOCUMENT_START_EVENT:
        documents += 1
        if documents > 1 {
          return .failure(
            YAMLProblem(
              "a second document begins here: expected one", at: place,
              hint: "leave out this line and all below it"))
        }
        continue
      case YAML_SCALAR_EVENT: kind = unsafe scalar(event)
      case YAML_SEQUENCE_START_EVENT:
        let isFlow = unsafe event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
        (kind, depth) = (.listStart(isFlow: isFlow), depth + 1)
      case YAML_MAPPING_START_EVENT: (kind, depth) = (.mappingStart, depth + 1)
      case YAML_SEQUENCE_END_EVENT: (kind, depth) = (.listEnd, depth - 1)
      case YAML_MAPPING_END_EVENT: (kind, depth) = (.mappingEnd, depth - 1)
      default: continue
      }
      events.append(YAMLEvent(kind: kind, position: place))
      if depth > deepest {
        return .failure(YAMLProblem("nested deeper than \(deepest) levels", at: place))
      }
      if events.count > mostEvents {
        return .failure(YAMLProblem("more than \(mostEvents) values", at: place))
      }
    }
  }

  private static func scalar(_ event: yaml_event_t) -> YAMLEvent.Kind {
    let scalar = unsafe event.data.scalar
    // SAFETY: libyaml provides `length` bytes at `value`, valid until the event is deleted.
    let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    let text = unsafe String(decoding: bytes, as: UTF8.self)
    return unsafe .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
  }

  /// The error for an event that is valid YAML but not accepted here.
  private static func refusal(of event: yaml_event_t, at place: FilePosition) -> YAMLProblem? {
    let anchor: Bool
    let tag: Bool
    // SAFETY: the type says which member of the union is filled.
    switch unsafe event.type {
    case YAML_ALIAS_EVENT:
      return YAMLProblem("aliases (*name) are not supported", at: place, hint: "repeat the value here")
    case YAML_SCALAR_EVENT:
      (anchor, tag) = unsafe (event.data.scalar.anchor != nil, event.data.scalar.tag != nil)
      let style = unsafe event.data.scalar.style
      let next = unsafe position(event.start_mark).line + 1
      let isBlock = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE
      if !isBlock, unsafe position(event.end_mark).line >= next {
        var problem = YAMLProblem(
          "the text that began on line \(next - 1) continues here", at: FilePosition(line: next, column: 1),
          hint: "a text ends on its line: check the quotes, dashes, colons and spaces")
        problem.isSyntax = true
        return problem
      }
    case YAML_SEQUENCE_START_EVENT:
      (anchor, tag) = unsafe (event.data.sequence_start.anchor != nil, event.data.sequence_start.tag != nil)
    case YAML_MAPPING_START_EVENT:
      (anchor, tag) = unsafe (event.data.mapping_start.anchor != nil, event.data.mapping_start.tag != nil)
    default: return nil
    }
    if anchor {
      return YAMLProblem(
        "anchors (&name) are not supported", at: place,
        hint: "leave it out, and repeat the value where it is used")
    }
    if tag { return YAMLProblem("tags (!name) are not supported", at: place, hint: "leave it out") }
    return nil
  }

  /// libyaml's error, with the line where the enclosing construct began.
  private static func problem(of parser: yaml_parser_t, _ end: FilePosition) -> YAMLProblem {
    let problem = unsafe text(parser.problem) ?? "not readable"
    // SAFETY: plain values of the parser.
    let place = unsafe min(position(parser.problem_mark), end)
    if unsafe parser.error == YAML_MEMORY_ERROR {
      return YAMLProblem("not enough memory to read the file", at: place)
    }
    if unsafe problem == "could not find expected ':'" && parser.context_mark.line < parser.problem_mark.line
    {
      var result = unsafe YAMLProblem("no colon in this line", at: min(position(parser.context_mark), end))
      result.isSyntax = true
      return result
    }
    var message = "this is no YAML: \(problem)"
    if let context = unsafe text(parser.context) {
      let begin = unsafe position(parser.context_mark)
      message += begin.line < place.line ? " (\(context) that began on line \(begin.line))" : " (\(context))"
    }
    var result = YAMLProblem(message, at: place)
    result.isSyntax = true
    return result
  }

  /// A string of libyaml's.
  private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
    // SAFETY: `problem` and `context` are nil or string literals of the library.
    unsafe pointer.map { unsafe String(cString: $0) }
  }

  /// libyaml counts from zero.
  private static func position(_ mark: yaml_mark_t) -> FilePosition {
    FilePosition(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
  }
}
