/// Files that are valid YAML but refused, each with all errors that it must give.
///
///     ## what is wrong
///     | a line of the file
///     > line:column: message; hint
let badFiles = #"""
  ## an unknown key near a known one
  | listne: 127.0.0.1:11311
  | servers: [a]
  > 1:1: unknown key "listne" in the file; did you mean "listen"?
  ## an unknown key near nothing
  | servers: [a]
  | zzzzzzzz: 1
  > 2:1: unknown key "zzzzzzzz" in the file; expected one of listen, threads, pin_threads, pools, policies, routes, limits, log, admin, drain_timeout, servers, placement, hash, hash_tag, connect_timeout, request_timeout, failures, probe_interval, probe_max, on_failure, reads_on_failure, writes_on_failure, rejoin, on_join, floor, connections
  ## an unknown key with a dash
  | servers: [a]
  | connect-timeout: 1s
  > 2:1: unknown key "connect-timeout" in the file; did you mean "connect_timeout"?
  ## a key of twemproxy
  | servers: [a]
  | auto_eject_hosts: true
  | timeout: 400
  > 2:1: unknown key "auto_eject_hosts" in the file; write on_failure: eject
  > 3:1: unknown key "timeout" in the file; write request_timeout: 400ms
  ## an unknown key in a pool
  | pools:
  |   main:
  |     server: [a]
  > 3:5: unknown key "server" in pool "main"; write servers: [a]
  ## an unknown key in limits and log
  | servers: [a]
  | limits: {client: 5}
  | log: {levle: info}
  > 2:10: unknown key "client" in limits; did you mean "clients"?
  > 3:7: unknown key "levle" in log; did you mean "level"?
  ## an unknown key of a server
  | servers:
  |   - {address: a, wieght: 2}
  > 2:18: unknown key "wieght" in a server; did you mean "weight"?
  ## a duplicate key
  | servers: [a]
  | threads: 2
  | threads: 3
  > 3:1: duplicate key "threads", first on line 2
  ## a duplicate key in a pool
  | pools:
  |   main:
  |     servers: [a]
  |     floor: 10%
  |     floor: 20%
  > 5:5: duplicate key "floor", first on line 4
  ## a duplicate pool
  | pools:
  |   main: {servers: [a]}
  |   main: {servers: [b]}
  > 3:3: duplicate pool "main", first on line 2
  ## no servers at all
  | threads: 2
  > 1:1: no servers; add a line such as servers: [10.0.0.1:11211]
  ## a key without a value
  | servers:
  | threads:
  > 1:9: servers: expected a list, found nothing; such as [10.0.0.1:11211, 10.0.0.2:11211]
  > 2:9: threads: expected a value, found nothing; the default is auto
  ## servers as a scalar
  | servers: 10.0.0.1:11211
  > 1:10: servers: expected a list, found "10.0.0.1:11211"; write [10.0.0.1:11211]
  ## servers as a mapping
  | servers: {a: 1}
  > 1:10: servers: expected a list, found a mapping; write [{address: a, weight: 1}]
  ## no server in the list
  | servers: []
  > 1:10: servers: expected at least one item, found an empty list
  ## a pool without servers
  | pools:
  |   main:
  |     floor: 10%
  > 2:3: pool "main" has no "servers"
  ## no pool in the mapping
  | pools: {}
  > 1:8: pools: expected at least one pool, found an empty mapping
  ## pools as a list
  | pools: [main]
  > 1:8: pools: expected a mapping of names to pools, found a list; such as {main: {servers: [10.0.0.1:11211]}}
  ## a pool that is a list
  | pools:
  |   main: [a, b]
  > 2:9: pool "main": expected a mapping with "servers", found a list; write {servers: [a, b]}
  ## a pool of nothing
  | pools:
  |   main:
  > 2:8: pool "main": expected a mapping with "servers", found nothing; such as {servers: [10.0.0.1:11211]}
  ## a pool's name with a space
  | pools:
  |   "my pool": {servers: [a]}
  > 2:3: pool name: space or control byte in the name "my pool"
  ## both forms at once
  | servers: [a]
  | floor: 10%
  | pools:
  |   main: {servers: [b]}
  > 1:1: "servers" at the top level of a file that has "pools"; move it into the pool it is meant for
  > 2:1: "floor" at the top level of a file that has "pools"; move it into the pool it is meant for
  ## a port of zero
  | servers: [10.0.0.1:0]
  > 1:11: servers: expected a port from 1 to 65535, found "0" in "10.0.0.1:0"; did you mean "10.0.0.1:11211"?
  ## a port that is too large
  | servers: [10.0.0.1:11211, 10.0.0.2:70000]
  > 1:27: servers: expected a port from 1 to 65535, found "70000" in "10.0.0.2:70000"; did you mean "10.0.0.2:11211"?
  ## a port that is no number
  | servers: [10.0.0.1:memcached]
  > 1:11: servers: expected a port from 1 to 65535, found "memcached" in "10.0.0.1:memcached"; did you mean "10.0.0.1:11211"?
  ## an empty port
  | servers: ["10.0.0.1:"]
  > 1:11: servers: expected a port from 1 to 65535, found "" in "10.0.0.1:"; did you mean "10.0.0.1"?
  ## an address of twemproxy
  | servers:
  |   - 10.0.0.1:11211:1
  |   - 10.0.0.2:11211:1 cache-b
  > 2:5: servers: "10.0.0.1:11211:1" is host:port followed by something else; write {address: 10.0.0.1:11211, weight: 1}
  > 3:5: servers: "10.0.0.2:11211:1 cache-b" is host:port followed by something else; write {address: 10.0.0.2:11211, weight: 1, name: cache-b}
  ## an IPv6 address without brackets
  | servers: ["fd00::11", "::1:11211"]
  > 1:11: servers: IPv6 address without brackets: "fd00::11"; did you mean "[fd00::11]:11211"?
  > 1:23: servers: too many colons in "::1:11211"; did you mean "[::1]:11211"?
  ## brackets around no IPv6 address
  | servers: ["[fd00::11::]:11211", "[10.0.0.1]:11211"]
  > 1:11: servers: "fd00::11::" is not an IPv6 address
  > 1:33: servers: "10.0.0.1" is not an IPv6 address; did you mean "10.0.0.1:11211"?
  ## a bracket left open in an address
  | servers: ["[::1"]
  > 1:11: servers: no closing bracket in "[::1"; did you mean "[::1]:11211"?
  ## something after the bracket
  | servers: ["[::1]11211"]
  > 1:11: servers: expected [address]:port, found "[::1]11211"; did you mean "[::1]:11211"?
  ## no IPv4 address
  | servers: [10.0.0.256, 10.0.1, 10.0.0.01]
  > 1:11: servers: "10.0.0.256" is not an IPv4 address
  > 1:23: servers: "10.0.1" is not an IPv4 address
  > 1:31: servers: "10.0.0.01" is not an IPv4 address
  ## a host with bad characters
  | servers: ["cache a:11211", "cache/a", "höst"]
  > 1:11: servers: " " in the host "cache a"; expected letters, digits, '.', '-' and '_'
  > 1:28: servers: "/" in the host "cache/a"; expected letters, digits, '.', '-' and '_'
  > 1:39: servers: "ö" in the host "höst"; expected letters, digits, '.', '-' and '_'
  ## a host that is no name
  | servers: ["-a", "a..b", ".", ":11211"]
  > 1:11: servers: "-a" is not a host name
  > 1:17: servers: "a..b" is not a host name
  > 1:25: servers: "." is not a host name
  > 1:30: servers: no host; did you mean "127.0.0.1:11211"?
  ## a star as host
  | listen: "*:11311"
  | servers: [a]
  > 1:9: listen: "*" in the host "*"; expected letters, digits, '.', '-' and '_'; did you mean "0.0.0.0:11311"?
  ## a listener without a port
  | listen: 127.0.0.1
  | servers: [a]
  > 1:9: listen: no port in "127.0.0.1"; did you mean "127.0.0.1:11311"?
  ## a listener that is a port only
  | listen: 11311
  | servers: [a]
  > 1:9: listen: no host in "11311"; did you mean "127.0.0.1:11311"?
  ## an empty listener
  | listen: ""
  | servers: [a]
  > 1:9: listen: expected an address such as 10.0.0.1:11311, found nothing
  ## no listener in the list
  | listen: []
  | servers: [a]
  > 1:9: listen: expected at least one item, found an empty list
  ## a relative socket path
  | listen: [unix:run/x.sock, "unix:", "/"]
  | servers: [a]
  > 1:10: listen: expected the absolute path of a socket, found "unix:run/x.sock"; such as unix:/run/cache.sock
  > 1:27: listen: expected the absolute path of a socket, found "unix:"; such as unix:/run/cache.sock
  > 1:36: listen: expected the absolute path of a socket, found "/"; such as unix:/run/cache.sock
  ## a socket path that is too long
  | servers: [/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]
  > 1:11: servers: the path of a Unix socket has at most 107 bytes, this one 108
  ## a control byte in a socket path
  | servers: ["/run/a\nb"]
  > 1:11: servers: control byte in the path "/run/a\nb"
  ## mode and owner of a TCP listener
  | listen:
  |   - {address: 127.0.0.1:11311, mode: "0770", owner: me}
  | servers: [a]
  > 2:32: "mode" is for Unix sockets; an address such as unix:/run/ringroad.sock
  > 2:46: "owner" is for Unix sockets; an address such as unix:/run/ringroad.sock
  ## a mode that is not octal
  | listen: {address: /run/a, mode: 0888, owner: "a:b:c"}
  | servers: [a]
  > 1:33: mode: expected permission bits in octal from 0000 to 0777, found "0888"; the default is 0700
  > 1:46: owner: expected user or user:group, found "a:b:c"
  ## a listener without an address
  | listen: {mode: 0700}
  | servers: [a]
  > 1:9: a listener without "address"
  ## a duplicate listener
  | listen: [127.0.0.1:11311, 127.0.0.1:11311]
  | servers: [a]
  > 1:27: duplicate listener 127.0.0.1:11311, first on line 1
  ## a duplicate server
  | servers:
  |   - Cache-A
  |   - cache-a:11211
  > 3:5: duplicate server cache-a:11211, first on line 2
  ## a duplicate server name
  | servers:
  |   - {address: 10.0.0.1, name: x}
  |   - {address: 10.0.0.2, name: x}
  > 3:5: duplicate server name "x", first on line 2
  ## a server name that is another's address
  | servers:
  |   - 10.0.0.1:11211
  |   - {address: 10.0.0.2, name: 10.0.0.1}
  > 3:5: duplicate server name "10.0.0.1", first on line 2
  ## a server without an address
  | servers:
  |   - {weight: 2}
  > 2:5: a server without "address"
  ## a server that is a list
  | servers:
  |   - [a]
  > 2:5: servers: expected an address such as 10.0.0.1:11211, found a list; write a
  ## weights out of range
  | servers:
  |   - {address: a, weight: 0}
  |   - {address: b, weight: 1000001}
  |   - {address: c, weight: -1}
  |   - {address: d, weight: 1.5}
  > 2:26: weight: expected a whole number from 1 to 1000000, found "0"; mark: down takes the server out; the default is 1
  > 3:26: weight: expected a whole number from 1 to 1000000, found "1000001"; the default is 1
  > 4:26: weight: expected a whole number from 1 to 1000000, found "-1"; the default is 1
  > 5:26: weight: expected a whole number from 1 to 1000000, found "1.5"; the default is 1
  ## server names with spaces and control bytes
  | servers:
  |   - {address: a, name: "x y"}
  |   - {address: b, name: "x\u0001"}
  |   - {address: c, name: ""}
  > 2:24: name: space or control byte in the name "x y"
  > 3:24: name: space or control byte in the name "x\u{1}"
  > 4:24: name: expected a name, found ""
  ## an unknown placement and hash
  | servers: [a]
  | placement: kétama
  | hash: fvn1a_64
  > 2:12: unknown placement "kétama"; did you mean "ketama"?
  > 3:7: unknown hash "fvn1a_64"; did you mean "fnv1a_64"?
  ## an unknown hash near nothing
  | servers: [a]
  | hash: blake3
  > 2:7: unknown hash "blake3"; expected one of auto, md5, fnv1a_64, fnv1_64, fnv1a_32, fnv1_32, one_at_a_time, crc16, crc32, crc32a, hsieh, murmur, murmur3, jenkins
  ## a hash tag without quotes
  | servers: [a]
  | hash_tag: {}
  > 2:11: hash_tag: expected two visible ASCII characters in quotes, found "{}"; write "{}"
  ## a hash tag of one character
  | servers: [a]
  | hash_tag: "{"
  > 2:11: hash_tag: expected two visible ASCII characters in quotes, found "{"; such as "{}"
  ## a duration without a unit
  | servers: [a]
  | connect_timeout: 200
  > 2:18: connect_timeout: no unit in "200"; write "200ms" or "200s"
  ## durations with unknown units
  | servers: [a]
  | connect_timeout: 2sec
  | request_timeout: 3weeks
  > 2:18: connect_timeout: unknown unit "sec" in "2sec"; did you mean "2s"?
  > 3:18: request_timeout: unknown unit "weeks" in "3weeks"; the units are us, ms, s, m, h
  ## durations out of range
  | servers: [a]
  | connect_timeout: 0ms
  | request_timeout: -1s
  | probe_interval: 999999999999999h
  | drain_timeout: 25h
  > 2:18: connect_timeout: expected a duration from 1ms to 24h, found "0ms"; the default is 200ms
  > 3:18: request_timeout: expected a duration from 1ms to 24h, found "-1s"; the default is 500ms
  > 4:17: probe_interval: expected a duration from 1ms to 24h, found "999999999999999h"; the default is 1s
  > 5:16: drain_timeout: expected a duration from 1ms to 24h, found "25h"; the default is 5s
  ## durations that are none
  | servers: [a]
  | connect_timeout: fast
  | request_timeout: 1.2345s
  | probe_max: 1.2.3s
  | drain_timeout: [1s]
  > 2:18: connect_timeout: expected a duration from 1ms to 24h, found "fast"; the default is 200ms
  > 3:18: request_timeout: expected a duration from 1ms to 24h, found "1.2345s"; at most three digits after the point
  > 4:12: probe_max: expected a duration from 1ms to 24h, found "1.2.3s"; the default is 30s
  > 5:16: drain_timeout: expected a value, found a list; the default is 5s
  ## a first probe after the last
  | servers: [a]
  | probe_interval: 60s
  > 2:1: probe_interval (1m) is longer than probe_max (30s)
  ## failures out of range
  | servers: [a]
  | failures: 0
  > 2:11: failures: expected a whole number from 1 to 10000, found "0"; the default is 3
  ## words that are none
  | servers: [a]
  | on_failure: ejct
  | reads_on_failure: hit
  | rejoin: as-is
  | writes_on_failure: mis
  > 2:13: unknown on_failure "ejct"; did you mean "eject"?
  > 3:19: unknown reads_on_failure "hit"; expected one of miss, error
  > 4:9: unknown rejoin "as-is"; did you mean "as_is"?
  > 5:20: unknown writes_on_failure "mis"; did you mean "miss"?
  ## a floor out of range
  | servers: [a]
  | floor: 101%
  > 2:8: floor: expected a share from 0% to 100%, found "101%"; the default is 50%
  ## a floor without its sign
  | servers: [a]
  | floor: 50
  > 2:8: floor: expected a share from 0% to 100%, found "50"; did you mean "50%"?
  ## connections out of range
  | servers: [a]
  | connections: 65
  > 2:14: connections: expected a whole number from 1 to 64, found "65"; the default is 1
  ## threads out of range
  | servers: [a]
  | threads: 0
  > 2:10: threads: expected auto or a whole number from 1 to 1024, found "0"; the default is auto
  ## too many threads
  | servers: [a]
  | threads: 1025
  > 2:10: threads: expected auto or a whole number from 1 to 1024, found "1025"; the default is auto
  ## threads pinned in other words than true and false
  | servers: [a]
  | pin_threads: yes
  > 2:14: pin_threads: expected true or false, found "yes"; did you mean "true"?
  ## threads not pinned in other words
  | pin_threads: Off
  | servers: [a]
  > 1:14: pin_threads: expected true or false, found "Off"; did you mean "false"?
  ## threads pinned with a slip
  | servers: [a]
  | pin_threads: ture
  > 2:14: pin_threads: expected true or false, found "ture"; did you mean "true"?
  ## threads pinned to processors by number
  | servers: [a]
  | pin_threads: 0-3
  > 2:14: pin_threads: expected true or false, found "0-3"; the default is false
  ## threads pinned with a list
  | servers: [a]
  | pin_threads: [0, 1]
  > 2:14: pin_threads: expected a value, found a list; the default is false
  ## threads pinned, the key with a slip
  | servers: [a]
  | pin_thread: true
  > 2:1: unknown key "pin_thread" in the file; did you mean "pin_threads"?
  ## sizes without a unit and with a wrong one
  | servers: [a]
  | limits: {clients: 0, client_output: 256, max_value: 64m, server_queue: 1TiB}
  > 2:19: clients: expected a whole number from 1 to 1000000, found "0"; the default is 10000
  > 2:37: client_output: no unit in "256"; write "256KiB" or "256MiB"
  > 2:53: max_value: unknown unit "m" in "64m"; did you mean "64MiB"?
  > 2:72: server_queue: unknown unit "TiB" in "1TiB"; the units are B, KB, KiB, MB, MiB, GB, GiB
  ## sizes out of range
  | servers: [a]
  | limits:
  |   client_output: 1B
  |   max_value: 2GiB
  |   server_queue: 0.0001KiB
  |   memory: 15MiB
  > 3:18: client_output: expected a size from 4KiB to 1GiB, found "1B"; the default is 256KiB
  > 4:14: max_value: expected a size from 1KiB to 1GiB, found "2GiB"; the default is 128MiB
  > 5:17: server_queue: expected a size from 64KiB to 64GiB, found "0.0001KiB"; at most three digits after the point
  > 6:11: memory: expected a size from 16MiB to 64GiB, found "15MiB"; the default is 48MiB
  ## limits as a list
  | servers: [a]
  | limits: [1]
  > 2:9: limits: expected a mapping, found a list; such as {clients: 10000}
  ## a log that goes nowhere
  | servers: [a]
  | log: {to: stdrr, level: verbose, format: xml}
  > 2:11: to: expected stderr, syslog, journald or the absolute path of a file, found "stdrr"; did you mean "stderr"?
  > 2:25: unknown level "verbose"; expected one of error, warning, info, debug
  > 2:42: unknown format "xml"; expected one of text, json, logfmt
  ## a truth about the log that is none
  | servers: [a]
  | log: {clients_may_set_level: yes}
  > 2:30: clients_may_set_level: expected true or false, found "yes"; did you mean "true"?
  ## a log in a relative path
  | servers: [a]
  | log: {to: ringroad.log}
  > 2:11: to: expected stderr, syslog, journald or the absolute path of a file, found "ringroad.log"; the default is stderr
  ## a route to an unknown pool
  | pools:
  |   main: {servers: [a]}
  |   sessions: {servers: [b]}
  | routes:
  |   - {prefix: "s:", pool: sesions}
  |   - {pool: main}
  > 5:26: unknown pool "sesions"; did you mean "sessions"?
  ## two routes with one prefix
  | servers: [a]
  | routes:
  |   - {prefix: "s:", pool: main}
  |   - {prefix: "s:", pool: main}
  > 4:5: duplicate prefix "s:", first on line 3
  ## two default routes
  | servers: [a]
  | routes: [{pool: main}, {prefix: "", pool: main}]
  > 2:24: duplicate default route, first on line 2
  ## a route without a pool
  | servers: [a]
  | routes: [{prefix: "s:"}]
  > 2:10: a route without "pool"
  ## a route that is a word
  | servers: [a]
  | routes: [main]
  > 2:10: routes: expected a mapping such as {prefix: "a:", pool: main}, found "main"; write {pool: main}
  ## no route in the list
  | servers: [a]
  | routes: []
  > 2:9: routes: expected at least one item, found an empty list
  ## a prefix that no key can have
  | servers: [a]
  | routes:
  |   - {prefix: "a b", pool: main}
  |   - {prefix: "\0", pool: main}
  > 3:14: prefix: space or control byte in "a b": no key can begin with it
  > 4:14: prefix: space or control byte in "\u{0}": no key can begin with it
  ## several pools without routes
  | pools:
  |   main: {servers: [a]}
  |   sessions: {servers: [b]}
  > 1:1: 2 pools and no "routes"; add a line such as routes: [{prefix: "a:", pool: sessions}, {pool: main}]
  ## all errors at once, in the order of the file
  | listen: 127.0.0.1:0
  | treads: 2
  | pools:
  |   main:
  |     servers: [a, a]
  |     floor: 200%
  | routes: [{pool: mian}]
  > 1:9: listen: expected a port from 1 to 65535, found "0" in "127.0.0.1:0"; did you mean "127.0.0.1:11311"?
  > 2:1: unknown key "treads" in the file; did you mean "threads"?
  > 5:18: duplicate server a:11211, first on line 5
  > 6:12: floor: expected a share from 0% to 100%, found "200%"; the default is 50%
  > 7:17: unknown pool "mian"; did you mean "main"?
  """#
