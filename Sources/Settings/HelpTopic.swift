/// The help texts: one for each command, examples first.
package enum HelpTopic: String, CaseIterable, Sendable {
  case ringroad, check, route, placements
  case importing = "import"
  case plan, adopt, top, tail, health, bench, demo

  package var text: String {
    switch self {
    case .ringroad: Self.ringroadText + Self.options(ServeFlag.self)
    case .check: Self.checkText + Self.options(CheckFlag.self)
    case .route: Self.routeText + Self.options(RouteFlag.self)
    case .placements: Self.placementsText + Self.options(PlacementsFlag.self)
    case .importing: Self.importText + Self.options(ImportFlag.self)
    case .plan: Self.planText + Self.options(PlanFlag.self)
    case .adopt: Self.adoptText + Self.options(AdoptFlag.self)
    case .top: Self.topText + Self.options(TopFlag.self)
    case .tail: Self.tailText + Self.options(TailFlag.self)
    case .health: Self.healthText + Self.options(HealthFlag.self)
    case .bench: Self.benchText + Self.options(BenchFlag.self)
    case .demo: Self.demoText + Self.options(DemoFlag.self)
    }
  }

  private static let ringroadText = """
    ringroad makes several memcacheds look like one to their clients.

      ringroad --config /etc/ringroad.yml               from a file (SIGHUP or a change reloads it)
      ringroad 10.0.0.1:11211 10.0.0.2:11211            from servers, on 127.0.0.1:11311
      ringroad -l 0.0.0.0 -p 11211 10.0.0.1 10.0.0.2    on all interfaces, as a memcached would be

      ringroad check FILE                               check a file; exit 0 or 1
      ringroad route --config FILE KEY...               print the server of each key
      ringroad placements                               list the ways to place keys, and whose each is
      ringroad import nutcracker.yml                    print a twemproxy configuration as one of ringroad's
      ringroad plan OLD NEW                             what a change of the file moves, before it is made
      ringroad adopt 10.0.0.1 10.0.0.2                  find out which placement running memcacheds have
      ringroad top                                      watch a running proxy in the terminal
      ringroad tail                                     print its requests as they are answered
      ringroad health                                   exit 0 if a running proxy is well, else 1
      ringroad bench 127.0.0.1:11311                    measure a proxy or a server, and check every value
      ringroad demo                                     show it at work on this machine
      ringroad help COMMAND                             help on one of these

    A FILE of - is standard input, but for the proxy itself, which reads its file again when that changes.


    """

  private static let checkText = """
    ringroad check reads a configuration exactly as the running proxy does.

      ringroad check ringroad.yml        "ringroad.yml: ok: 1 pool, ..." and exit 0,
                                         or every error as file:line:column and exit 1


    """

  private static let routeText = """
    ringroad route prints the server of each key, one "key<TAB>server" per line. It sends nothing.

      ringroad route --config ringroad.yml user:1 user:2
      ringroad route --servers 10.0.0.1:11211,10.0.0.2:11211 user:1
      ringroad route 10.0.0.1:11211 10.0.0.2:11211 -- user:1
      ringroad route --json --config ringroad.yml < keys.txt
      ringroad route --command set --config ringroad.yml user:1

    Without keys on the command line they are read from standard input, one per line.
    Without --config and --servers the words before -- are servers and those after it are keys.
    The answer is for a pool in which no server is out, but for those that the pool marks down. Where a
    policy decides, the line has all that may be asked, and when: "10.0.0.1 → when it is out 10.0.9.1".
    A key that cannot be placed is reported on stderr, the others are answered, and the exit code is 1.


    """

  private static let placementsText = """
    ringroad placements lists the words for "placement:" in a configuration: which hash each uses for keys,
    what finding a server costs, and whose keys are placed so.

      ringroad placements
      ringroad placements --json          with the options of each, and what happens when a server fails


    """

  private static let importText = """
    ringroad import reads a configuration of twemproxy, and prints one of ringroad that places every key on
    the same server.

      ringroad import nutcracker.yml > ringroad.yml
      ringroad import - < nutcracker.yml

    What cannot be carried over is listed on stderr as file:line:column, and in comments at the head of what
    is printed: the rest.
    Exit codes: 0 all was carried over, 1 the file is unreadable or not twemproxy's, 2 something is missing.


    """

  private static let planText = """
    ringroad plan says what a change of the configuration moves: which share of each pool's keys, from which
    server to which. It changes nothing.

      ringroad plan ringroad.yml new.yml
      ringroad plan new.yml                            against the running proxy of this machine
      ringroad plan ringroad.yml new.yml --keys keys.txt
      ringroad plan ringroad.yml new.yml --sample 10000
      ringroad plan ringroad.yml new.yml --max-moved 12%   for scripts: exit code 2 if more moves

    A line of --keys is a key, a key and its bytes after a tab, or a line of memcached's
    "lru_crawler metadump". The shares are of all possible keys, counted exactly where old and new hash keys
    alike, else tried with up to 200000 keys and called "about".


    """

  private static let adoptText = """
    ringroad adopt reads keys of running memcacheds, finds out which placement put them there, and prints a
    configuration with it. It lists keys only: no item is changed or fetched, and no key is printed.

      ringroad adopt 10.0.0.1:11211 10.0.0.2:11211 > ringroad.yml
      ringroad adopt -f servers.yml -o ringroad.yml       weights and names are those of the file
      ringroad adopt --json 10.0.0.1 10.0.0.2             every placement that comes near, and its share

    Give all servers of the cluster, each as its clients have it. Findings are printed on stderr.
    Exit codes: 0 a placement explains every key, 1 none does or there are no keys, 2 a wrong command line,
    3 one explains only a part of them.


    """

  private static let topText = """
    ringroad top shows a running proxy in the terminal: rates, latencies, pools, servers, events.

      ringroad top                        the proxy of this machine, 127.0.0.1:\(AdminSettings.port)
      ringroad top unix:/run/ringroad/admin.sock
      ringroad top --once                 one look as plain text, as without a terminal
      ringroad top --json                 status, pools and servers as one JSON object

    The address is that of the proxy's admin interface: host, host:port or unix:/path.
    A letter sorts the servers by a column, the same letter again turns the order. Arrows and page keys
    scroll, q quits.


    """

  private static let tailText = """
    ringroad tail prints the requests of a running proxy as they are answered, a line for each:

      ringroad tail --key-prefix user: --token-file /etc/ringroad.token
      ringroad tail --server 10.0.0.1:11211 --sample 100 -f /etc/ringroad.yml

      TIME COMMAND KEY RESULT TOOK BYTES POOL SERVER, and keys=N for a server's share of a multi-get

    Keys are clients' data, so this needs the token of the proxy's admin interface, admin.token in its
    configuration. At most two tails are open at once, and each shows at most 1000 requests a second; a
    line says how many were left out. Ctrl-C ends it.


    """

  private static let healthText = """
    ringroad health asks a running proxy whether it is well and prints the answer: for probes of containers.

      ringroad health                     the proxy of this machine, 127.0.0.1:\(AdminSettings.port)
      ringroad health --ready -f /etc/ringroad.yml

    The address is that of the proxy's admin interface: host, host:port or unix:/path.
    Exit codes: 0 it is well, 1 it is not or does not answer, 2 the command line or the file is wrong.


    """

  private static let benchText = """
    ringroad bench sends requests to ringroad, a memcached or another proxy, checks every byte of the
    values it gets, and prints requests per second and latencies.

      ringroad bench 127.0.0.1:11311                         for 10 s, as fast as 50 connections can
      ringroad bench --depth 16 --writes 0% 127.0.0.1:11311  pipelined, only reads
      ringroad bench --rate 5000 unix:/run/cache.sock        5000 requests a second, however slow it is

    Its keys begin with "ringroad-bench:" and a random number, and expire ten minutes after the run. It
    touches no other keys, but memcached may evict some to make room.
    Exit codes: 0 no reply was wrong, 1 some were, 2 a wrong command line, 3 a connection failed.


    """

  private static let demoText = """
    ringroad demo starts memcacheds and a proxy on this machine, and shows what happens when a server dies.

      ringroad demo              runs until ctrl-C
      ringroad demo -n 5 --once


    """

  /// One line for each flag of the table.
  private static func options<Flag: CommandFlag>(_ type: Flag.Type) -> String {
    let rows = Flag.allCases.map { flag in
      let short = flag.short.map { "-\($0), " } ?? "    "
      return (short + "--\(flag.rawValue)" + (flag.argument.map { " \($0)" } ?? ""), flag.help)
    }
    let width = rows.map(\.0.count).max() ?? 0
    let lines = rows.map { "  \($0)\(String(repeating: " ", count: width - $0.count + 3))\($1)\n" }
    return "Options:\n" + lines.joined()
  }
}
