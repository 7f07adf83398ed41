/// The options of `ringroad plan`.
package struct PlanOptions: Equatable, Sendable {
  /// The configuration in use; nil asks the running proxy.
  package var oldPath: String?
  package var newPath = ""
  package var address = AdminAddress()
  /// A file of keys.
  package var keysPath: String?
  /// Keys to be read from each server of the old configuration.
  package var sample: Int?
  /// In percent.
  package var mostMoved: Double?
  package var mostMovedText = ""
  package var json = false

  package init() {}
}

extension Invocation {
  static func plan(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<PlanFlag>(arguments)
    if given.has(.help) { return .help(.plan) }
    var options = PlanOptions()
    for flag in given.flags {
      switch flag.flag {
      case .keys: options.keysPath = flag.argument
      case .json: options.json = true
      case .sample: options.sample = try number(flag.argument, in: 1...1_000_000, flag.written)
      case .admin:
        do throws(Complaint) {
          options.address.endpoint = try Endpoint.parse(
            flag.argument, for: .listener(defaultPort: AdminSettings.port))
        } catch {
          throw UsageError(error, about: flag.written)
        }
      case .maxMoved:
        guard let (share, text) = percent(flag.argument) else {
          throw UsageError(
            "\(flag.written): expected a share such as 10%, found \(quoted(flag.argument))", hint: nil)
        }
        (options.mostMoved, options.mostMovedText) = (share, text)
      case .help: break
      }
    }
    if options.keysPath != nil, options.sample != nil {
      throw UsageError("--keys and --sample cannot be combined")
    }
    let files = given.words + (given.rest ?? [])
    if (files + [options.keysPath ?? ""]).count(where: { $0 == "-" }) > 1 {
      throw UsageError("standard input is named twice", hint: "give one of the files by its name")
    }
    switch files.count {
    case 1: options.newPath = files[0]
    case 2:
      (options.oldPath, options.newPath) = (files[0], files[1])
      if given.has(.admin) {
        throw UsageError("two files, and --admin", hint: "ringroad plan --admin ADDR NEW")
      }
    default:
      let found = files.isEmpty ? "no file to plan for" : "\(files.count) files where two are expected"
      throw UsageError(found, hint: "ringroad plan OLD NEW")
    }
    return .plan(options)
  }

  /// A share in percent, with or without its sign.
  private static func percent(_ text: String) -> (Double, String)? {
    let digits = text.hasSuffix("%") ? String(text.dropLast()) : text
    let isPlain = digits.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
    guard isPlain, let share = Double(digits), share <= 100 else { return nil }
    return (share, "\(digits) %")
  }
}
