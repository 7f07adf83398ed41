/// JSON that was received, read by libyaml: JSON is YAML. Numbers and words are kept as their text.
package indirect enum JSONDocument: Sendable, Equatable {
  case nothing
  case text(String)
  case list([JSONDocument])
  case members([Member])

  /// A member of an object.
  package struct Member: Sendable, Equatable {
    package let name: String
    package let value: JSONDocument
  }

  /// Nil if it is no JSON, or not UTF-8, or nested too deeply.
  package static func read(_ bytes: [UInt8]) -> JSONDocument? {
    guard let first = bytes.first(where: { $0 > 32 }),
      first == UInt8(ascii: "{") || first == UInt8(ascii: "["),
      let text = try? SourceText.checked(bytes), let node = try? YAMLNode.read(text.bytes, end: text.end)
    else { return nil }
    return JSONDocument(node)
  }

  private init(_ node: YAMLNode) {
    switch node.content {
    case .scalar(let text, _): self = node.isNothing ? .nothing : .text(text)
    case .list(let items): self = .list(items.map(JSONDocument.init))
    case .mapping(let entries):
      self = .members(
        entries.map { Member(name: $0.key.scalar ?? "", value: JSONDocument($0.value)) })
    }
  }

  /// The member of an object; nothing if there is none.
  package subscript(name: String) -> JSONDocument { members.first { $0.name == name }?.value ?? .nothing }

  package var members: [Member] { if case .members(let members) = self { members } else { [] } }
  package var items: [JSONDocument] { if case .list(let items) = self { items } else { [] } }
  package var text: String? { if case .text(let text) = self { text } else { nil } }
  package var number: Double? { text.flatMap(Double.init) }
}
