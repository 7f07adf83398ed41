/// Where the admin interface is: metrics, health, the dashboard.
///
///     admin: off
///     admin: 127.0.0.1:11312
///     admin: {address: "unix:/run/ringroad/admin.sock", mode: 0660, token: {file: /etc/ringroad.token}}
package struct AdminSettings: Equatable, Sendable {
  /// The port of an address without one.
  package static let port: UInt16 = 11312
  /// Where it is if neither file nor flags say anything.
  package static let usual = ListenerSettings(.tcp(host: "127.0.0.1", port: port))

  /// Its listener; nil: there is none.
  package var listener: ListenerSettings? = usual
  /// The file whose first line is the token that requests which change something need; nil: they are refused.
  package var tokenFile: String? = nil
  /// Names by which clients may reach it, besides numeric addresses, localhost and the name of its own address.
  package var hosts: [String] = []

  /// Whether file or flags name it. It makes no other settings: the default may be written.
  package var isWritten = false

  package init() {}

  /// Whether the proxy does not start without it. One that is there by default may be missing.
  package var isRequired: Bool { listener != nil && isWritten }

  package static func == (a: AdminSettings, b: AdminSettings) -> Bool {
    a.listener == b.listener && a.tokenFile == b.tokenFile && a.hosts == b.hosts
  }

  /// The address, in the form of the file.
  var written: String { listener?.endpoint.description ?? "off" }
}

extension SettingsDecoder {
  /// Decodes `off`, an address, or a mapping.
  mutating func admin(_ node: YAMLNode) -> AdminSettings {
    var admin = AdminSettings()
    admin.isWritten = true
    guard case .mapping = node.content else {
      guard let text = text(node, "admin", expected: "off, or an address such as 127.0.0.1:11312") else {
        return admin
      }
      do throws(Complaint) {
        admin.listener = try AdminSettings.listener(text)
      } catch {
        refuse(node.position, error, about: "admin")
      }
      return admin
    }
    let errorsBefore = errors.count
    var isThere = false
    for (key, _, value) in fields(of: node, "admin", as: AdminKey.self) {
      switch key {
      case .address: isThere = true
      case .token: admin.tokenFile = tokenFile(value)
      case .hosts: admin.hosts = hosts(value)
      case .mode, .owner: break
      }
    }
    guard errors.count == errorsBefore else { return admin }
    guard isThere else {
      refuse(node.position, "admin without \"address\"", hint: "such as {address: 127.0.0.1:11312}")
      return admin
    }
    // What is left is a listener's.
    let own = [AdminKey.token.rawValue, AdminKey.hosts.rawValue]
    let rest = node.entries?.filter { $0.key.scalar.map { !own.contains($0) } ?? true } ?? []
    admin.listener =
      listener(YAMLNode(content: .mapping(rest), position: node.position), port: AdminSettings.port)
    return admin
  }

  private mutating func hosts(_ node: YAMLNode) -> [String] {
    let nodes =
      node.scalar == nil
      ? items(of: node, "hosts", most: 64, hint: "such as [ringroad.example]") ?? [] : [node]
    return nodes.compactMap { node in
      guard let name = text(node, "hosts") else { return nil }
      guard name.utf8.allSatisfy({ $0 > 32 && $0 < 127 && !"/:@".utf8.contains($0) }) else {
        refuse(
          node.position, .expected("the name of a host, without a port", found: quoted(name)), about: "hosts")
        return nil
      }
      return name
    }
  }

  private mutating func tokenFile(_ node: YAMLNode) -> String? {
    guard case .mapping = node.content else {
      // A token in a file that many may read is none.
      refuse(
        node.position, .expected("a mapping", found: node.found, hint: "such as {file: /etc/ringroad.token}"),
        about: "token")
      return nil
    }
    let errorsBefore = errors.count
    var path: String?
    for (key, _, value) in fields(of: node, "token", as: TokenKey.self) {
      switch key {
      case .file:
        read(value, key, into: &path) { text throws(Complaint) in
          guard text.hasPrefix("/"), text.utf8.count < 4096 else {
            throw .expected("the absolute path of a file", found: quoted(text))
          }
          return text
        }
      }
    }
    if path == nil, errors.count == errorsBefore {
      refuse(node.position, "token without \"file\"", hint: "such as {file: /etc/ringroad.token}")
    }
    return path
  }
}

extension AdminSettings {
  /// The listener that a word of the file or of `--admin` names; nil for `off`.
  static func listener(_ text: String) throws(Complaint) -> ListenerSettings? {
    switch text {
    case "off": return nil
    case "on", "true", "yes", "enabled":
      throw .expected("off, or an address", found: quoted(text), hint: "write \(usual.endpoint)")
    case "false", "no", "none", "disabled":
      throw .expected("off, or an address", found: quoted(text), hint: "write off")
    default: break
    }
    return ListenerSettings(try Endpoint.parse(text, for: .listener(defaultPort: port)))
  }
}
