import Bench
import Console
import Demo
import Glibc
import Net
import Runtime
import Settings

// The commands. Each returns the exit code: 0 success, 1 a bad configuration, key or reply, 2 a bad command line; of
// bench and adopt also 3, a failed connection, or keys that a placement explains only in part; of import and plan 2 if
// not all could be carried over, or too much moves.

func run(_ arguments: [String]) -> Int32 {
  let invocation: Invocation
  do throws(UsageError) {
    invocation = try Invocation.parse(arguments)
  } catch {
    StandardStreams.complain("ringroad: \(error)")
    return 2
  }
  switch invocation {
  case .help(let topic):
    StandardStreams.write(Array(topic.text.utf8))
    return 0
  case .version:
    StandardStreams.say("ringroad \(Release.version)")
    return 0
  case .check(let file): return check(file)
  case .route(let question): return route(question)
  case .placements(let json):
    let list = PlacementList()
    return StandardStreams.write(Array((json ? list.json : list.text).utf8)) ? 0 : 1
  case .importing(let file): return importing(file)
  case .adopt(let options): return adopt(options)
  case .bench(let options): return bench(options)
  case .demo(let options): return demo(options)
  case .plan(let options): return plan(options)
  case .health(let options): return health(options)
  case .top(let options): return top(options)
  case .tail(let options): return tail(options)
  case .serve(let options):
    do throws(ConfigFailure) {
      return serve(try options.settings(), options)
    } catch {
      StandardStreams.complain(error.description)
      return 1
    }
  }
}

/// Reports whether a proxy would accept a file.
private func check(_ path: String) -> Int32 {
  let file = FileBytes.name(path)
  do throws(ConfigFailure) {
    let (settings, notes) = try ProxySettings.loadWithNotes(path: path)
    for note in notes { StandardStreams.complain(note) }
    for note in settings.notes { StandardStreams.complain("\(file): note: \(note)") }
    let problems = StartCheck.problems(of: settings)
    for problem in problems { StandardStreams.complain("\(file): \(problem)") }
    guard problems.isEmpty else { return 1 }
    StandardStreams.say("\(file): ok: \(settings.summary)")
    return 0
  } catch {
    StandardStreams.complain(error.description)
    return 1
  }
}

/// Prints a configuration of twemproxy as one of ringroad.
private func importing(_ path: String) -> Int32 {
  do throws(ConfigFailure) {
    let result = try TwemproxyImport.load(path: path)
    for note in result.notes { StandardStreams.complain("\(FileBytes.name(path)): note: \(note)") }
    for error in result.errors { StandardStreams.complain(error.description) }
    guard StandardStreams.write(Array(result.text.utf8)) else { return 1 }
    return result.errors.isEmpty ? 0 : 2
  } catch {
    StandardStreams.complain(error.description)
    return 1
  }
}

/// Prints the server of each key: of the command line, or of each line of standard input as it is read.
private func route(_ question: RouteQuestion) -> Int32 {
  let settings: ProxySettings
  do throws(ConfigFailure) {
    settings = try question.settings()
  } catch {
    StandardStreams.complain(error.description)
    return 1
  }
  let target = question.pool.map(settings.target(named:)) ?? nil
  if let name = question.pool, target == nil {
    let kind = settings.policies.isEmpty ? "pool" : "pool or policy"
    StandardStreams.complain("ringroad: there is no \(kind) \(quoted(name))")
    return 2
  }
  let guide = RouteGuide(settings, json: question.json, target: target, command: question.command)
  var output: [UInt8] = []
  var code: Int32 = 0
  var count = 0
  func place(_ key: [UInt8]) {
    count += 1
    switch guide.answer(key) {
    case .line(let line): output += line
    case .refused(let reason):
      StandardStreams.complain("ringroad: \(reason)")
      code = 1
    }
  }
  func flush() -> Bool {
    defer { output.removeAll(keepingCapacity: true) }
    return StandardStreams.write(output)
  }
  guard question.keys.isEmpty else {
    for key in question.keys { place(Array(key.utf8)) }
    return flush() ? code : 1
  }
  if isatty(STDIN_FILENO) == 1 {
    StandardStreams.complain("ringroad: reading keys from the terminal, one per line")
  }
  var lines = LineSplitter(longest: 250)
  var chunk = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    let bytes = StandardStreams.read(into: &chunk)
    if bytes.isEmpty {
      lines.finish(place)
      if count == 0 {
        StandardStreams.complain(
          "ringroad: no key in the input; without --config the words before -- are servers: "
            + "ringroad route --config FILE KEY")
        code = 1
      }
      return flush() ? code : 1
    }
    lines.take(bytes, place)
    if !flush() { return 1 }
  }
}
