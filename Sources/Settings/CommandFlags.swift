// The flags of each command: one table, shared by the parser, the help and the tests of the man page.

/// The flags of one command; the raw value is the long name without its dashes.
package protocol CommandFlag: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
  var short: Character? { get }
  /// The argument's name in the help; nil if the flag takes no argument.
  var argument: String? { get }
  var help: String { get }
}

/// Flags of running the proxy. They are memcached's flags where memcached has one for the same purpose.
package enum ServeFlag: String, CommandFlag {
  case config, listen, port
  case unixSocket = "unix-socket"
  case unixMask = "unix-mask"
  case threads
  case connectionLimit = "conn-limit"
  case admin
  case user, daemon, pidfile, verbose, check, help, version

  package var short: Character? {
    switch self {
    case .config: "f"
    case .listen: "l"
    case .port: "p"
    case .unixSocket: "s"
    case .unixMask: "a"
    case .threads: "t"
    case .connectionLimit: "c"
    case .user: "u"
    case .daemon: "d"
    case .pidfile: "P"
    case .verbose: "v"
    case .help: "h"
    case .version: "V"
    case .check, .admin: nil
    }
  }

  package var argument: String? {
    switch self {
    case .config, .pidfile: "FILE"
    case .listen, .admin: "ADDR"
    case .port, .threads, .connectionLimit: "N"
    case .unixSocket: "PATH"
    case .unixMask: "MODE"
    case .user: "NAME"
    case .daemon, .verbose, .check, .help, .version: nil
    }
  }

  package var help: String {
    switch self {
    case .config: "the configuration file; flags override it"
    case .listen: "listen here: host, host:port or unix:/path; may be repeated"
    case .port: "port of addresses without one, or of 127.0.0.1 (\(Endpoint.listenerPort))"
    case .unixSocket: "listen on a Unix socket"
    case .unixMask: "permission bits of Unix sockets, in octal (0700)"
    case .threads: "worker threads (one for each processor that it may use)"
    case .connectionLimit: "limit of client connections (10000)"
    case .admin: "metrics, health and dashboard here (127.0.0.1:\(AdminSettings.port)), or off"
    case .user: "switch to this user once the ports are open"
    case .daemon: "run in the background"
    case .pidfile: "write the process number to this file"
    case .verbose: "log at least at level info; -vv: debug, about servers and names"
    case .check: "only check the file, as ringroad check does"
    case .help: "print this text"
    case .version: "print the version"
    }
  }
}

/// Flags of `ringroad route`.
package enum RouteFlag: String, CommandFlag {
  case config, servers, pool, command, json, help

  package var short: Character? {
    switch self {
    case .config: "f"
    case .help: "h"
    case .servers, .pool, .command, .json: nil
    }
  }

  package var argument: String? {
    switch self {
    case .config: "FILE"
    case .servers: "ADDR,..."
    case .pool: "NAME"
    case .command: "WORD"
    case .json, .help: nil
    }
  }

  package var help: String {
    switch self {
    case .config: "the configuration file"
    case .servers: "servers instead of a file"
    case .pool: "all keys go to this pool or policy, as on a listener that names it"
    case .command: "what the keys are for: set, delete, ... (get)"
    case .json: "print one JSON object per line"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad placements`.
package enum PlacementsFlag: String, CommandFlag {
  case json, help

  package var short: Character? { self == .help ? "h" : nil }
  package var argument: String? { nil }
  package var help: String { self == .json ? "print one JSON object per line" : "print this text" }
}

/// Flags of `ringroad plan`.
package enum PlanFlag: String, CommandFlag {
  case keys, sample
  case maxMoved = "max-moved"
  case admin, json, help

  package var short: Character? { self == .help ? "h" : nil }

  package var argument: String? {
    switch self {
    case .keys: "FILE"
    case .maxMoved: "P%"
    case .sample: "N"
    case .admin: "ADDR"
    case .json, .help: nil
    }
  }

  package var help: String {
    switch self {
    case .keys: "count these keys, one per line"
    case .sample: "count keys of the old servers themselves, at most N of each"
    case .maxMoved: "exit with 2 if more of them move, of any pool or of the keys read"
    case .admin: "the running proxy to ask, if only the new file is given (127.0.0.1:\(AdminSettings.port))"
    case .json: "print one JSON object"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad import`.
package enum ImportFlag: String, CommandFlag {
  case help

  package var short: Character? { "h" }
  package var argument: String? { nil }
  package var help: String { "print this text" }
}

/// Flags of `ringroad adopt`.
package enum AdoptFlag: String, CommandFlag {
  case config, pool, sample, output, json, help

  package var short: Character? {
    switch self {
    case .config: "f"
    case .sample: "n"
    case .output: "o"
    case .help: "h"
    case .json, .pool: nil
    }
  }

  package var argument: String? {
    switch self {
    case .config, .output: "FILE"
    case .sample: "N"
    case .pool: "NAME"
    case .json, .help: nil
    }
  }

  package var help: String {
    switch self {
    case .config: "take the servers from this configuration"
    case .pool: "those of this pool, if the configuration has several"
    case .sample: "keys that are read from each server, at most (1000)"
    case .output: "write the configuration to this file, which must not exist; - is standard output"
    case .json: "print one JSON object with placements and shares"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad check`.
package enum CheckFlag: String, CommandFlag {
  case config, help

  package var short: Character? { self == .config ? "f" : "h" }
  package var argument: String? { self == .config ? "FILE" : nil }
  package var help: String { self == .config ? "the file, as for the proxy" : "print this text" }
}

/// Flags of `ringroad bench`.
package enum BenchFlag: String, CommandFlag {
  case connections, depth, rate, keys, size, writes, zipf, multiget, seconds, json, help

  package var short: Character? {
    switch self {
    case .connections: "c"
    case .depth: "d"
    case .rate: "r"
    case .keys: "k"
    case .size: "s"
    case .writes: "w"
    case .zipf: "z"
    case .multiget: "m"
    case .seconds: "t"
    case .help: "h"
    case .json: nil
    }
  }

  package var argument: String? {
    switch self {
    case .connections, .depth, .rate, .keys, .multiget, .seconds: "N"
    case .size: "N[-N]"
    case .writes: "N%"
    case .zipf: "S"
    case .json, .help: nil
    }
  }

  package var help: String {
    switch self {
    case .connections: "connections (50)"
    case .depth: "requests in flight on each connection (1)"
    case .rate: "requests per second in all (as many as are answered)"
    case .keys: "number of keys (10000)"
    case .size: "bytes of a value, or a range such as 100-4KiB (100)"
    case .writes: "share of sets among the requests (10%)"
    case .zipf: "favour some keys by Zipf's law with this exponent, such as 0.99 (0)"
    case .multiget: "keys of a get (1)"
    case .seconds: "how long to measure (10)"
    case .json: "print one JSON object"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad demo`.
package enum DemoFlag: String, CommandFlag {
  case servers, once, help

  package var short: Character? {
    switch self {
    case .servers: "n"
    case .help: "h"
    case .once: nil
    }
  }

  package var argument: String? { self == .servers ? "N" : nil }

  package var help: String {
    switch self {
    case .servers: "number of memcacheds to start (3)"
    case .once: "end after the tour instead of waiting for ctrl-C"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad health`.
package enum HealthFlag: String, CommandFlag {
  case ready, config, timeout, help

  package var short: Character? {
    switch self {
    case .config: "f"
    case .help: "h"
    case .ready, .timeout: nil
    }
  }

  package var argument: String? {
    switch self {
    case .config: "FILE"
    case .timeout: "TIME"
    case .ready, .help: nil
    }
  }

  package var help: String {
    switch self {
    case .ready: "ask whether it is ready for clients, not only whether it lives"
    case .config: "take the address from this configuration"
    case .timeout: "how long to wait for the answer (2s)"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad top`.
package enum TopFlag: String, CommandFlag {
  case config, interval, once, json, help

  package var short: Character? {
    switch self {
    case .config: "f"
    case .interval: "i"
    case .help: "h"
    case .once, .json: nil
    }
  }

  package var argument: String? {
    switch self {
    case .config: "FILE"
    case .interval: "TIME"
    case .once, .json, .help: nil
    }
  }

  package var help: String {
    switch self {
    case .config: "take the address from this configuration"
    case .interval: "time between two looks at the proxy (1s)"
    case .once: "print one look as plain text"
    case .json: "print one JSON object: status, pools and servers"
    case .help: "print this text"
    }
  }
}

/// Flags of `ringroad tail`.
package enum TailFlag: String, CommandFlag {
  case keyPrefix = "key-prefix"
  case server, sample
  case tokenFile = "token-file"
  case config, help

  package var short: Character? {
    switch self {
    case .config: "f"
    case .help: "h"
    case .keyPrefix, .server, .sample, .tokenFile: nil
    }
  }

  package var argument: String? {
    switch self {
    case .keyPrefix: "PREFIX"
    case .server: "ADDRESS"
    case .sample: "N"
    case .tokenFile, .config: "FILE"
    case .help: nil
    }
  }

  package var help: String {
    switch self {
    case .keyPrefix: "only requests whose first key begins with this"
    case .server: "only requests to this server, by its address as configured"
    case .sample: "one of N requests (1: all)"
    case .tokenFile: "the file with the token of the admin interface, else RINGROAD_TOKEN"
    case .config: "take the address and the token's file from this configuration"
    case .help: "print this text"
    }
  }
}
