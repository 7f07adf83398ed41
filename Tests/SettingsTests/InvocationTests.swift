import Foundation
import Settings
import Testing

@Suite struct InvocationTests {
  /// Splits a line without quotes into words, as a shell does.
  static func parse(_ line: String) throws(UsageError) -> Invocation {
    try Invocation.parse(line.split(separator: " ").map(String.init))
  }

  static func launch(_ line: String) throws -> LaunchOptions {
    guard case .serve(let options) = try parse(line) else { throw UsageError("not serving: \(line)") }
    return options
  }

  static func question(_ line: String) throws -> RouteQuestion {
    guard case .route(let question) = try parse(line) else { throw UsageError("not asking: \(line)") }
    return question
  }

  @Test(arguments: [
    "--config f.yml", "--config=f.yml", "-f f.yml", "-ff.yml",
  ])
  func configFlagIsAcceptedInEveryForm(_ line: String) throws {
    var options = LaunchOptions()
    options.configPath = "f.yml"
    #expect(try Self.launch(line) == options)
  }

  private static let commands =
    "the commands are check, route, placements, import, plan, adopt, top, tail, health, bench, demo and help"

  private static func files(_ file: String) -> String {
    "ringroad check \(file) checks a file, ringroad --config \(file) uses it"
  }

  @Test func everyFlagReachesTheLaunchOptions() throws {
    let options = try Self.launch("-dvv -u nobody -P/run/r.pid -t 4 --conn-limit=50 -l [::1] -p 11400 a b:1")
    #expect(options.daemon && options.user == "nobody" && options.pidFile == "/run/r.pid")
    #expect(
      options.overrides.threads == 4 && options.overrides.clients == 50 && options.overrides.verbosity == 2)
    #expect(options.overrides.listeners == [ListenerSettings(.tcp(host: "::1", port: 11400))])
    #expect(options.servers == ["a", "b:1"] && options.configPath == nil)
    #expect(try Self.launch("-v --verbose a").overrides.verbosity == 2)
    #expect(try Self.launch("-- a b").servers == ["a", "b"])
  }

  /// What a reload compares: the file's own values.
  @Test func flagsKeepWhatTheFileSaysInTheirPlace() throws {
    var file = try ProxySettingsTests.decode(
      "servers: [a]\nthreads: 3\nlimits: {clients: 99}\nlog: {level: error}\nlisten: [10.0.0.1:1, /run/r]")
    let flags = try Self.launch("-t 4 -c 50 -vv -p 7 a").overrides
    let settings = flags.applied(to: file)
    #expect(settings.threads == 4 && settings.limits.clients == 50)
    #expect(
      settings.hidden == [
        HiddenSetting(key: "listen", text: "10.0.0.1:1,unix:/run/r", flag: "-l 127.0.0.1:7"),
        HiddenSetting(key: "threads", text: "3", flag: "-t 4"),
        HiddenSetting(key: "limits.clients", text: "99", flag: "-c 50"),
        HiddenSetting(key: "log.level", text: "error", flag: "-vv"),
      ])
    #expect(SettingsOverrides().applied(to: file).hidden == [])
    file.threads = nil
    #expect(
      SettingsChange.compare(settings, flags.applied(to: file)).map(\.description)
        == ["threads: changed from 3 to auto in the file; the flag -t 4 stays in force"])
  }

  @Test(arguments: [
    ("-l 10.0.0.1", ["10.0.0.1:11311"]),
    ("-l 10.0.0.1,10.0.0.2:5", ["10.0.0.1:11311", "10.0.0.2:5"]),
    ("-l 10.0.0.1 -p 7 -l 10.0.0.2:5", ["10.0.0.1:7", "10.0.0.2:5"]),
    ("-p 7", ["127.0.0.1:7"]),
    ("-s /run/r", ["unix:/run/r"]),
    ("-s /run/r -p 7", ["unix:/run/r", "127.0.0.1:7"]),
    ("--listen=unix:/run/r", ["unix:/run/r"]),
  ])
  func listenerFlagsWorkAsInMemcached(_ flags: String, _ listeners: [String]) throws {
    #expect(try Self.launch("\(flags) a").overrides.listeners?.map(\.endpoint.description) == listeners)
  }

  @Test func unixMaskAppliesToUnixSocketsOnly() throws {
    let listeners = try Self.launch("-s /run/r -a 0770 -p 7 a").overrides.listeners
    #expect(listeners?.map(\.mode) == [0o770, nil])
  }

  @Test(arguments: [
    ("", "no configuration and no servers given; ringroad --config FILE, or ringroad --help"),
    ("-v", "no configuration and no servers given; ringroad --config FILE, or ringroad --help"),
    ("--lisen a", #"unknown option "--lisen"; did you mean "--listen"?"#),
    ("--xyzzy", #"unknown option "--xyzzy""#),
    ("-listen=a", #"unknown option "-listen"; did you mean "--listen"?"#),
    ("-T 4 a", #"unknown option "-T"; did you mean "-t"?"#),
    ("-m 64 a", #"unknown option "-m"; a memcached flag without a meaning for a proxy"#),
    ("-X a", #"unknown option "-X"; a memcached flag without a meaning for a proxy"#),
    ("-Y f a", #"unknown option "-Y"; ringroad asks its clients for no password"#),
    ("-Z a", #"unknown option "-Z"; ringroad does not speak TLS"#),
    (
      "127.0.0.1:11311",
      #"argument "127.0.0.1:11311": server 127.0.0.1:11311 is the proxy itself, which listens on 127.0.0.1:11311; it belongs to a memcached, whose usual port is 11211"#
    ),
    (
      "-p 11211 localhost",
      #"argument "localhost": server localhost:11211 is the proxy itself, which listens on 127.0.0.1:11211; it belongs to a memcached, whose usual port is 11211"#
    ),
    ("-f", "-f needs an argument; -f FILE"),
    ("--config=", "--config needs an argument; --config FILE"),
    ("--daemon=yes a", "--daemon takes no argument"),
    ("-t 0 a", #"-t: expected a whole number from 1 to 1024, found "0""#),
    ("--threads many a", #"--threads: expected a whole number from 1 to 1024, found "many""#),
    ("-p 70000 a", #"-p: expected a whole number from 1 to 65535, found "70000""#),
    ("-c 0 a", #"-c: expected a whole number from 1 to 1000000, found "0""#),
    (
      "-l * a",
      #"-l: "*" in the host "*"; expected letters, digits, '.', '-' and '_'; did you mean "0.0.0.0:11311"?"#
    ),
    (
      "-s run/r a",
      #"-s: expected the absolute path of a socket, found "unix:run/r"; such as unix:/run/cache.sock"#
    ),
    ("-s /run/r -a 888 a", #"-a: expected permission bits in octal from 0000 to 0777, found "888""#),
    ("-a 0700 a", "-a without a Unix socket; -s PATH names one"),
    ("-p 5 -l 127.0.0.1 -l 127.0.0.1:5 a", "listener 127.0.0.1:5 is given twice"),
    ("-f a.yml -f b.yml", "-f is given twice"),
    ("-f a.yml b", #""b" with --config a.yml: put servers in the file or on the command line, not both"#),
    (
      "a b:0",
      #"argument "b:0": servers: expected a port from 1 to 65535, found "0" in "b:0"; did you mean "b:11211"?"#
    ),
    ("a a", #"argument "a": duplicate server a:11211"#),
    ("ringroad.yml", #""ringroad.yml" is not a server; a file is given as --config ringroad.yml"#),
    ("mcrouter.json", #""mcrouter.json" is not a server; a file is given as --config mcrouter.json"#),
    ("a,b", #"commas between servers: "a,b"; write a b"#),
    ("-l :: -p 5 a", #"-l: IPv6 address without brackets: "::"; did you mean "[::]:5"?"#),
    (
      "10.0.0.1:1:2",
      #"argument "10.0.0.1:1:2": servers: "10.0.0.1:1:2" is host:port followed by something else; did you mean "10.0.0.1:1"?"#
    ),
    ("status", #"unknown command "status"; ringroad top shows a running proxy; \#(commands)"#),
    ("-v stats", #"unknown command "stats"; ringroad top shows a running proxy; \#(commands)"#),
    ("version", #"unknown command "version"; ringroad --version prints the version; \#(commands)"#),
    ("reload", #"unknown command "reload"; SIGHUP reloads the file (kill -HUP PID); \#(commands)"#),
    ("-f r.yml reload", #"unknown command "reload"; SIGHUP reloads the file (kill -HUP PID); \#(commands)"#),
    ("stop", #"unknown command "stop"; SIGTERM stops the proxy (kill PID); \#(commands)"#),
    ("start", #"unknown command "start"; ringroad --config FILE runs the proxy; \#(commands)"#),
    ("configtest", #"unknown command "configtest"; ringroad check FILE checks a file; \#(commands)"#),
    ("memcached b:1", #"unknown command "memcached"; \#(commands); a server is written memcached:11211"#),
    ("-t r.yml", #"-t is a number here, not a file; \#(files("r.yml"))"#),
    ("-c /etc/nutcracker", #"-c is a number here, not a file; \#(files("/etc/nutcracker"))"#),
    ("-c -f r.yml", #"-c is a number here, not a file; \#(files("FILE"))"#),
    ("--test r.yml", #"unknown option "--test"; ringroad check FILE checks a file"#),
    ("--conf-file=r.yml", #"unknown option "--conf-file"; a file is given as --config FILE"#),
    ("--check", "no file to check; ringroad check FILE"),
    ("--check -f a.yml b.yml", "2 files where one is expected; ringroad check FILE"),
    ("chekc f", #"unknown command "chekc"; did you mean "check"?"#),
    ("check", "no file to check; ringroad check FILE"),
    ("check a b", "2 files where one is expected; ringroad check FILE"),
    ("check --json a", #"unknown option "--json""#),
    ("route", "no configuration and no servers given; ringroad route --config FILE KEY"),
    ("route -- a", "no configuration and no servers given; ringroad route --config FILE KEY"),
    ("route -f -", "standard input cannot be both the configuration and the keys; ringroad route -f - KEY"),
    ("plan - -", "standard input is named twice; give one of the files by its name"),
    ("plan a - --keys -", "standard input is named twice; give one of the files by its name"),
    ("-f -", "-f -: the proxy reads its file again when it changes; give it a name"),
    ("route -f f --servers a k", "--config and --servers cannot be combined"),
    (
      "route --servers a,b:x k",
      #"argument "b:x": servers: expected a port from 1 to 65535, found "x" in "b:x"; did you mean "b:11211"?"#
    ),
    ("route --command ste -f f k", #"unknown command "ste"; did you mean "set"?"#),
    (
      "route --command stats -f f k",
      #"unknown command "stats"; expected one of get, gets, set, add, replace, cas, append, prepend, incr, decr, delete, touch, gat, gats"#
    ),
    ("route f.yml -- k", #""f.yml" is not a server; a file is given as --config f.yml"#),
    ("demo -n 0", #"-n: expected a whole number from 1 to 32, found "0""#),
    ("demo a", #"unexpected argument "a"; ringroad demo -n 3"#),
    ("bench", "no address to measure; ringroad bench 127.0.0.1:11311"),
    ("bench a b", "2 addresses where one is expected; ringroad bench 127.0.0.1:11311"),
    ("bench a:x", #"address: expected a port from 1 to 65535, found "x" in "a:x"; did you mean "a:11211"?"#),
    ("bench -c 0 a", #"-c: expected a whole number from 1 to 10000, found "0""#),
    ("bench -s 0 a", #"-s: expected a size from 1B to 64MiB, found "0""#),
    ("bench -s 9-5 a", "-s: the range 9-5 is empty; did you mean \"5-9\"?"),
    ("bench -s 1k a", #"-s: unknown unit "k" in "1k"; did you mean "1KiB"?"#),
    ("bench -w 10 a", #"-w: expected a share from 0% to 100%, found "10"; did you mean "10%"?"#),
    ("bench -z -1 a", #"-z: expected a number from 0 to 10, such as 0.99, found "-1""#),
    ("bench -z nan a", #"-z: expected a number from 0 to 10, such as 0.99, found "nan""#),
    ("bench -k 5 -m 6 a", "-m: 6 keys in a get, of 5 keys in all"),
    (
      "bench -c 10000 -d 1000 a", "10000 connections of depth 1000: at most 1000000 requests may be in flight"
    ),
    ("bench --rat 5 a", #"unknown option "--rat"; did you mean "--rate"?"#),
    ("help me", #"no help on "me"; ringroad --help"#),
  ])
  func commandLineErrorIsReportedInOneLine(_ line: String, _ message: String) {
    let error = #expect(throws: UsageError.self) { try Self.parse(line) }
    #expect(error?.description == message)
  }

  @Test func commandIsTheFirstWord() throws {
    #expect(try Self.parse("check f") == .check(file: "f"))
    #expect(try Self.parse("check -- -f") == .check(file: "-f"))
    #expect(try Self.parse("check -") == .check(file: "-"))
    #expect(try Self.launch("-p 11211 127.0.0.1:11311").servers == ["127.0.0.1:11311"])
    #expect(try Self.parse("--check -f -") == .check(file: "-"))
    for line in ["check -f f", "check --config=f", "--check f", "--check -f f", "-f f -v --check"] {
      #expect(try Self.parse(line) == .check(file: "f"), "\(line)")
    }
    #expect(try Self.parse("--version") == .version)
    #expect(try Self.parse("-V") == .version)
    var demo = DemoOptions()
    #expect(try Self.parse("demo") == .demo(demo))
    (demo.servers, demo.once) = (5, true)
    #expect(try Self.parse("demo --once -n5") == .demo(demo))
    // A host may have such a name; an address is never taken for a mistyped command.
    #expect(try Self.launch("check1.example").servers == ["check1.example"])
    for server in ["localhost", "cache-a", "cache1", "status:11211", "/run/status"] {
      #expect(try Self.launch(server).servers == [server])
    }
    #expect(try Self.launch("-- status").servers == ["status"])
  }

  @Test func benchFlagsReachItsOptions() throws {
    #expect(
      try Self.parse("bench 10.0.0.1") == .bench(BenchOptions(target: .tcp(host: "10.0.0.1", port: 11211))))
    var options = BenchOptions(target: .unix(path: "/run/cache.sock"))
    (options.connections, options.depth, options.rate, options.keys) = (8, 16, 5000, 77)
    (options.sizes, options.writes, options.zipf) = (100...4096, 30, 0.99)
    (options.multiget, options.seconds, options.json) = (24, 60, true)
    let short = "bench -c 8 -d16 -r 5000 -k 77 -s 100-4KiB -w 30% -z 0.99 -m 24 -t 60 --json /run/cache.sock"
    let long =
      "bench unix:/run/cache.sock --connections=8 --depth 16 --rate 5000 --keys 77 --size 100-4KiB --writes 30% "
      + "--zipf .99 --multiget 24 --seconds 60 --json"
    for line in [short, long] { #expect(try Self.parse(line) == .bench(options)) }
  }

  @Test(
    arguments: [
      ("--help", .ringroad), ("-h", .ringroad), ("help", .ringroad), ("-f x --help", .ringroad),
      ("check --help", .check), ("route -h", .route), ("demo --help", .demo), ("bench -h", .bench),
      ("help route", .route),
    ] as [(String, HelpTopic)])
  func helpFlagAndCommandSelectTheHelpTopic(_ line: String, _ topic: HelpTopic) throws {
    #expect(try Self.parse(line) == .help(topic))
  }

  @Test func routeWordsAreSplitIntoServersAndKeys() throws {
    let file = try Self.question("route --json -f f.yml k1 k2 -- -k3")
    #expect(
      file.configPath == "f.yml" && file.keys == ["k1", "k2", "-k3"] && file.json && file.servers.isEmpty)
    let listed = try Self.question("route --servers a:1,b --servers c k1")
    #expect(listed.servers == ["a:1", "b", "c"] && listed.keys == ["k1"] && !listed.json)
    let dashed = try Self.question("route a:1 b -- k1 k2")
    #expect(dashed.servers == ["a:1", "b"] && dashed.keys == ["k1", "k2"])
    let command = try Self.question("route --command delete --pool cache -f f.yml k")
    #expect(command.command == .delete && command.pool == "cache" && file.command == .get)
    let streamed = try Self.question("route a:1 b")
    #expect(streamed.servers == ["a:1", "b"] && streamed.keys.isEmpty)
  }

  @Test func everyFlagIsInTheHelpAndTheManPage() throws {
    let page = try ProxySettingsTests.text("docs/ringroad.1")
    func check<Flag: CommandFlag>(_ flags: Flag.Type, _ topic: HelpTopic) {
      for flag in Flag.allCases {
        #expect(topic.text.contains("--\(flag.rawValue)"))
        #expect(page.contains("Fl -\(flag.rawValue)"), "\(flag.rawValue)")
        if let short = flag.short { #expect(page.contains("Fl \(short)"), "-\(short)") }
      }
      let shorts = Flag.allCases.compactMap(\.short)
      #expect(Set(shorts).count == shorts.count)
    }
    check(ServeFlag.self, .ringroad)
    check(RouteFlag.self, .route)
    check(CheckFlag.self, .check)
    check(BenchFlag.self, .bench)
    check(DemoFlag.self, .demo)
    check(AdoptFlag.self, .adopt)
    check(TopFlag.self, .top)
    check(HealthFlag.self, .health)
    for topic in HelpTopic.allCases {
      #expect(topic.text.split(separator: "\n").allSatisfy { $0.count <= 105 }, "\(topic)")
      #expect(topic.text.hasSuffix("\n"))
    }
  }

  @Test func flagsOverrideTheFileAtEveryReload() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "ringroad-\(UUID().uuidString).yml")
    defer { try? FileManager.default.removeItem(at: path) }
    func write(_ text: String) throws { try Data(text.utf8).write(to: path) }
    try write("servers: [a]\nthreads: 2\nlimits: {clients: 5, max_value: 1MiB}\nlog: {level: error}\n")
    let options = try Self.launch("-f \(path.path()) -t 4 -c 7 -p 7 -v")
    let settings = try options.settings()
    #expect(settings.threads == 4 && settings.limits.clients == 7 && settings.limits.maxValue == 1 << 20)
    #expect(settings.listeners == [ListenerSettings(.tcp(host: "127.0.0.1", port: 7))])
    #expect(settings.log.level == .info)
    try write("servers: [b]\nthreads: 8\nlog: {level: debug}\n")
    let next = try options.settings()
    #expect(next.pools[0].servers.map(\.address) == ["b"] && next.threads == 4 && next.log.level == .debug)
    let plain = try Self.launch("-f \(path.path())").settings()
    #expect(plain.threads == 8 && plain.limits.clients == 10_000)
    try write("servers: []\n")
    #expect(throws: ConfigFailure.self) { try options.settings() }
  }

  @Test func daemonKeepsItsPathsAfterChangingDirectory() throws {
    let options = try Self.launch("-f r.yml -P /run/r.pid").anchored(in: "/etc")
    #expect(options.configPath == "/etc/r.yml" && options.pidFile == "/run/r.pid")
    #expect(try Self.launch("-f r.yml -P p").anchored(in: "/").pidFile == "/p")
  }
}
