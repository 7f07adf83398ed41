/// The options of `ringroad bench`.
package struct BenchOptions: Equatable, Sendable {
  package var target: Endpoint
  package var connections = 50
  /// Requests in flight on each connection.
  package var depth = 1
  /// Requests per second of all connections together; nil sends each one when a reply has made room for it.
  package var rate: Int?
  package var keys = 10_000
  /// The bytes of a value, at least and at most.
  package var sizes = 100...100
  /// The share of sets among the requests, in per cent.
  package var writes = 10
  /// The exponent of Zipf's law by which keys are chosen; 0 chooses all alike.
  package var zipf = 0.0
  /// The number of keys of a get.
  package var multiget = 1
  package var seconds = 10
  package var json = false

  package init(target: Endpoint) { self.target = target }

  /// The most requests that may be in flight at a time.
  static let mostInFlight = 1_000_000
  static let sizeRange = 1...(64 << 20)
}

extension Invocation {
  static func bench(_ arguments: ArraySlice<String>) throws(UsageError) -> Invocation {
    let given = try CommandWords<BenchFlag>(arguments)
    if given.has(.help) { return .help(.bench) }
    let words = given.words + (given.rest ?? [])
    guard words.count == 1 else {
      let found = words.isEmpty ? "no address to measure" : "\(words.count) addresses where one is expected"
      throw UsageError(found, hint: "ringroad bench 127.0.0.1:\(Endpoint.listenerPort)")
    }
    var options: BenchOptions
    do throws(Complaint) {
      options = BenchOptions(target: try Endpoint.parse(words[0], for: .server))
    } catch {
      throw UsageError(error, about: "address")
    }
    for flag in given.flags { try options.take(flag) }
    if options.multiget > options.keys {
      throw UsageError("-m: \(options.multiget) keys in a get, of \(options.keys) keys in all")
    }
    if options.connections * options.depth > BenchOptions.mostInFlight {
      throw UsageError(
        "\(options.connections) connections of depth \(options.depth): "
          + "at most \(BenchOptions.mostInFlight) requests may be in flight")
    }
    return .bench(options)
  }
}

extension BenchOptions {
  fileprivate mutating func take(_ flag: CommandWords<BenchFlag>.Given) throws(UsageError) {
    let text = flag.argument
    func count(_ range: ClosedRange<Int>) throws(UsageError) -> Int {
      try Invocation.number(text, in: range, flag.written)
    }
    switch flag.flag {
    case .connections: connections = try count(1...10_000)
    case .depth: depth = try count(1...1000)
    case .rate: rate = try count(1...10_000_000)
    case .keys: keys = try count(1...10_000_000)
    case .multiget: multiget = try count(1...1000)
    case .seconds: seconds = try count(1...86_400)
    case .json: json = true
    case .help: break
    case .size, .writes, .zipf:
      do throws(Complaint) {
        switch flag.flag {
        case .size: sizes = try Self.sizes(text)
        case .writes: writes = try Quantity.percent(text)
        default: zipf = try Self.exponent(text)
        }
      } catch {
        throw UsageError(error, about: flag.written)
      }
    }
  }

  /// `100`, `4KiB`, `100-4KiB`.
  private static func sizes(_ text: String) throws(Complaint) -> ClosedRange<Int> {
    let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let low = try size(parts[0])
    guard parts.count == 2 else { return low...low }
    let high = try size(parts[1])
    guard low <= high else {
      throw .said("the range \(text) is empty", hint: "did you mean \(quoted("\(parts[1])-\(parts[0])"))?")
    }
    return low...high
  }

  /// A size; bytes need no unit.
  private static func size(_ text: String) throws(Complaint) -> Int {
    let isBare = !text.isEmpty && text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
    if isBare, let bytes = Int(text), sizeRange.contains(bytes) { return bytes }
    return try Quantity.size(text, in: sizeRange)
  }

  private static func exponent(_ text: String) throws(Complaint) -> Double {
    guard text.utf8.allSatisfy({ $0 == 46 || ($0 >= 48 && $0 <= 57) }), let value = Double(text), value <= 10
    else { throw .expected("a number from 0 to 10, such as 0.99", found: quoted(text)) }
    return value
  }
}
