/// Files with words and forms that other programs have, in the format of `badFiles`.
let badHabits = #"""
  ## addresses with a scheme
  | listen: tcp://0.0.0.0:11311
  | servers:
  |   - tcp://10.0.0.1:11211
  |   - memcached://10.0.0.2:11211/
  |   - memcache://cache-c
  > 1:9: listen: "tcp://" in "tcp://0.0.0.0:11311": an address has no scheme; did you mean "0.0.0.0:11311"?
  > 3:5: servers: "tcp://" in "tcp://10.0.0.1:11211": an address has no scheme; did you mean "10.0.0.1:11211"?
  > 4:5: servers: "memcached://" in "memcached://10.0.0.2:11211/": an address has no scheme; did you mean "10.0.0.2:11211"?
  > 5:5: servers: "memcache://" in "memcache://cache-c": an address has no scheme; did you mean "cache-c"?
  ## several servers in one text
  | servers: 10.0.0.1:11211,10.0.0.2:11211
  > 1:10: servers: expected a list, found "10.0.0.1:11211,10.0.0.2:11211"; write [10.0.0.1:11211, 10.0.0.2:11211]
  ## several servers in one text with spaces
  | servers: 10.0.0.1:11211 10.0.0.2:11211
  > 1:10: servers: expected a list, found "10.0.0.1:11211 10.0.0.2:11211"; write [10.0.0.1:11211, 10.0.0.2:11211]
  ## several servers in one item
  | servers:
  |   - 10.0.0.1:11211, 10.0.0.2:11211
  > 2:5: servers: several servers in one item: "10.0.0.1:11211, 10.0.0.2:11211"; put each on a line of its own: - 10.0.0.1:11211, - 10.0.0.2:11211
  ## several servers in one quoted text of a list
  | servers: ["10.0.0.1:11211,10.0.0.2:11211"]
  > 1:11: servers: several servers in one item: "10.0.0.1:11211,10.0.0.2:11211"; write 10.0.0.1:11211, 10.0.0.2:11211
  ## servers in brackets without commas
  | servers: [10.0.0.1:11211 10.0.0.2:11211]
  > 1:11: servers: several servers in one item: "10.0.0.1:11211 10.0.0.2:11211"; write 10.0.0.1:11211, 10.0.0.2:11211
  ## commas at the end of items
  | servers:
  |   - 10.0.0.1:11211,
  |   - 10.0.0.2:11211
  > 2:5: servers: expected a port from 1 to 65535, found "11211," in "10.0.0.1:11211,"; did you mean "10.0.0.1:11211"?
  ## a server's path
  | servers: [10.0.0.1:11211/0, 10.0.0.0/24]
  > 1:11: servers: expected a port from 1 to 65535, found "11211/0" in "10.0.0.1:11211/0"; did you mean "10.0.0.1:11211"?
  > 1:29: servers: "/" in the host "10.0.0.0/24"; expected letters, digits, '.', '-' and '_'; did you mean "10.0.0.0"?
  ## a port after a space
  | listen: 127.0.0.1 11311
  | servers: ["10.0.0.1 11212"]
  > 1:9: listen: " " in the host "127.0.0.1 11311"; expected letters, digits, '.', '-' and '_'; did you mean "127.0.0.1:11311"?
  > 2:11: servers: " " in the host "10.0.0.1 11212"; expected letters, digits, '.', '-' and '_'; did you mean "10.0.0.1:11212"?
  ## a space after the colon of a server
  | servers:
  |   - 10.0.0.1: 11211
  |   - 10.0.0.2: 11211
  > 2:5: a server without "address"; write 10.0.0.1:11211
  > 3:5: a server without "address"; write 10.0.0.2:11211
  ## a colon at the end of a server
  | servers:
  |   - cache-a:11211:
  |   - cache-b:
  > 2:5: a server without "address"; write cache-a:11211
  > 3:5: a server without "address"; write cache-b
  ## servers as a mapping of addresses to ports
  | servers:
  |   10.0.0.1: 11211
  |   10.0.0.2: 11211
  > 2:3: servers: expected a list, found a mapping; write [10.0.0.1:11211, 10.0.0.2:11211]
  ## servers as a mapping of names to addresses
  | servers:
  |   cache-a: 10.0.0.1:11211
  |   cache-b: 10.0.0.2:11211
  > 2:3: servers: expected a list, found a mapping; write [{address: 10.0.0.1:11211, name: cache-a}, {address: 10.0.0.2:11211, name: cache-b}]
  ## servers as one mapping
  | servers: {host: 10.0.0.1, port: 11211}
  > 1:10: servers: expected a list, found a mapping; write [10.0.0.1:11211]
  ## a server of host and port
  | servers:
  |   - host: 10.0.0.1
  |     port: 11211
  |   - {host: 10.0.0.2, port: 11211, weight: 3}
  > 2:5: a server without "address"; write 10.0.0.1:11211
  > 4:5: a server without "address"; write {address: 10.0.0.2:11211, weight: 3}
  ## a server with its name as key
  | servers:
  |   - cache-a:
  |     weight: 2
  > 2:5: a server without "address"; write {address: cache-a, weight: 2}
  ## a weight as in HAProxy
  | servers:
  |   - 10.0.0.1:11211 weight=2
  > 2:5: servers: expected a port from 1 to 65535, found "11211 weight=2" in "10.0.0.1:11211 weight=2"; write {address: 10.0.0.1:11211, weight: 2}
  ## a weight after the address
  | servers:
  |   - {address: 10.0.0.1:11211:2}
  > 2:15: address: "10.0.0.1:11211:2" is host:port followed by something else; did you mean "10.0.0.1:11211"?
  ## typographic quotes
  | listen: “127.0.0.1:11311”
  | servers: [“10.0.0.1”, ‘10.0.0.2’]
  > 1:9: listen: typographic quotes around "127.0.0.1:11311"; write "127.0.0.1:11311"
  > 2:11: servers: typographic quotes around "10.0.0.1"; write "10.0.0.1"
  > 2:23: servers: typographic quotes around "10.0.0.2"; write "10.0.0.2"
  ## typographic quotes around keys
  | “servers”: [a]
  > 1:1: unknown key "“servers”" in the file; did you mean "servers"?
  ## a list in typographic quotes
  | servers: “10.0.0.1:11211”
  > 1:10: servers: expected a list, found "“10.0.0.1:11211”"; write [10.0.0.1:11211]
  ## a hostname with an underscore, a dot at the end and a port of zero
  | servers: [cache_a.example.com.:0]
  > 1:11: servers: expected a port from 1 to 65535, found "0" in "cache_a.example.com.:0"; did you mean "cache_a.example.com.:11211"?
  ## a port in a range
  | listen: 127.0.0.1:11311-11314
  | servers: [10.0.0.1:11211-11214]
  > 1:9: listen: expected a port from 1 to 65535, found "11311-11314" in "127.0.0.1:11311-11314"; did you mean "127.0.0.1:11311"?
  > 2:11: servers: expected a port from 1 to 65535, found "11211-11214" in "10.0.0.1:11211-11214"; did you mean "10.0.0.1:11211"?
  ## a port of HTTP's kind
  | servers: [10.0.0.1:65536]
  | listen: 0.0.0.0:-1
  > 1:11: servers: expected a port from 1 to 65535, found "65536" in "10.0.0.1:65536"; did you mean "10.0.0.1:11211"?
  > 2:9: listen: expected a port from 1 to 65535, found "-1" in "0.0.0.0:-1"; did you mean "0.0.0.0:11311"?
  ## a list of one IPv6 address
  | servers:
  |   - ["::1"]
  > 2:5: servers: expected an address such as 10.0.0.1:11211, found a list; write "[::1]:11211"
  ## a listener that is a port with a colon
  | listen: ":11311"
  | servers: [a]
  > 1:9: listen: no host; did you mean "0.0.0.0:11311"?
  ## a listener in IPv6 without a port
  | listen: "::"
  | servers: [a]
  > 1:9: listen: IPv6 address without brackets: "::"; did you mean "[::]:11311"?
  ## a listener of host and port
  | listen: {host: 127.0.0.1, port: 11311}
  | servers: [a]
  > 1:9: a listener without "address"; write 127.0.0.1:11311
  ## a port beside the listener
  | listen: 0.0.0.0
  | port: 11211
  | servers: [a]
  > 1:9: listen: no port in "0.0.0.0"; did you mean "0.0.0.0:11311"?
  > 2:1: unknown key "port" in the file; leave it out: the file has "listen" already
  ## a port alone
  | port: 11211
  | servers: [a]
  > 1:1: unknown key "port" in the file; write listen: 127.0.0.1:11211
  ## zero for no timeout
  | servers: [a]
  | request_timeout: 0
  | connect_timeout: 0s
  | drain_timeout: 0
  > 2:18: request_timeout: expected a duration from 1ms to 24h, found "0"; the default is 500ms
  > 3:18: connect_timeout: expected a duration from 1ms to 24h, found "0s"; the default is 200ms
  > 4:16: drain_timeout: expected a duration from 1ms to 24h, found "0"; the default is 5s
  ## minus one for no limit
  | servers: [a]
  | request_timeout: -1
  | limits: {clients: -1, memory: -1}
  > 2:18: request_timeout: expected a duration from 1ms to 24h, found "-1"; the default is 500ms
  > 3:19: clients: expected a whole number from 1 to 1000000, found "-1"; the default is 10000
  > 3:31: memory: expected a size from 16MiB to 64GiB, found "-1"; the default is 48MiB
  ## words for no limit
  | servers: [a]
  | limits: {clients: unlimited}
  | request_timeout: none
  > 2:19: clients: expected a whole number from 1 to 1000000, found "unlimited"; the default is 10000
  > 3:18: request_timeout: expected a duration from 1ms to 24h, found "none"; the default is 500ms
  ## numbers with separators
  | servers: [a]
  | limits: {clients: 10_000}
  | failures: "1,000"
  > 2:19: clients: expected a whole number from 1 to 1000000, found "10_000"; did you mean "10000"?
  > 3:11: failures: expected a whole number from 1 to 10000, found "1,000"; did you mean "1000"?
  ## a comma as decimal point
  | servers: [a]
  | request_timeout: 1,5s
  > 2:18: request_timeout: expected a duration from 1ms to 24h, found "1,5s"; did you mean "1.5s"?
  ## numbers without units that are too large for one unit
  | servers: [a]
  | probe_max: 100000
  | limits: {max_value: 1048576, memory: 64}
  > 2:12: probe_max: no unit in "100000"; write "100000ms"
  > 3:21: max_value: no unit in "1048576"; write "1048576B" or "1048576KiB"
  > 3:38: memory: no unit in "64"; write "64MiB"
  ## units in other letters
  | servers: [a]
  | request_timeout: 500MS
  | limits: {max_value: 1mb, memory: 64M, client_output: 256kb}
  > 2:18: request_timeout: unknown unit "MS" in "500MS"; did you mean "500ms"?
  > 3:21: max_value: unknown unit "mb" in "1mb"; did you mean "1MB"?
  > 3:34: memory: unknown unit "M" in "64M"; did you mean "64MiB"?
  > 3:54: client_output: unknown unit "kb" in "256kb"; did you mean "256KB"?
  ## units in full
  | servers: [a]
  | request_timeout: 2 seconds
  | probe_max: 1 minute
  > 2:18: request_timeout: unknown unit "seconds" in "2 seconds"; did you mean "2s"?
  > 3:12: probe_max: unknown unit "minute" in "1 minute"; did you mean "1m"?
  ## days and milliseconds
  | servers: [a]
  | probe_max: 1d
  | request_timeout: 1000msec
  > 2:12: probe_max: unknown unit "d" in "1d"; the units are us, ms, s, m, h
  > 3:18: request_timeout: unknown unit "msec" in "1000msec"; did you mean "1000ms"?
  ## shares in other forms
  | servers: [a]
  | floor: 0.5
  > 2:8: floor: expected a share from 0% to 100%, found "0.5"; did you mean "50%"?
  ## a share with a space
  | servers: [a]
  | floor: 50 %
  > 2:8: floor: expected a share from 0% to 100%, found "50 %"; did you mean "50%"?
  ## a share below zero
  | servers: [a]
  | floor: -10%
  > 2:8: floor: expected a share from 0% to 100%, found "-10%"; the default is 50%
  ## commas and semicolons after values
  | servers: [a]
  | threads: 2,
  | request_timeout: 1s;
  | hash_tag: none,
  | log: {level: info;}
  > 2:10: threads: expected auto or a whole number from 1 to 1024, found "2,"; did you mean "2"?
  > 3:18: request_timeout: unknown unit "s;" in "1s;"; did you mean "1s"?
  > 4:11: hash_tag: expected two visible ASCII characters in quotes, found "none,"; did you mean "none"?
  > 5:14: unknown level "info;"; did you mean "info"?
  ## a number with a point
  | servers: [a]
  | threads: 4.0
  > 2:10: threads: expected auto or a whole number from 1 to 1024, found "4.0"; the default is auto
  ## threads in words
  | servers: [a]
  | threads: Auto
  | pin_threads: on
  > 2:10: threads: expected auto or a whole number from 1 to 1024, found "Auto"; the default is auto
  > 3:14: pin_threads: expected true or false, found "on"; did you mean "true"?
  ## a word in capitals
  | servers: [a]
  | on_failure: EJECT
  | rejoin: Flush
  | placement: Ketama
  > 2:13: unknown on_failure "EJECT"; did you mean "eject"?
  > 3:9: unknown rejoin "Flush"; did you mean "flush"?
  > 4:12: unknown placement "Ketama"; did you mean "ketama"?
  ## true and false for a word
  | servers: [a]
  | on_failure: true
  | rejoin: no
  > 2:13: unknown on_failure "true"; expected one of eject, fail_fast
  > 3:9: unknown rejoin "no"; expected one of invalidate, flush, as_is
  ## keys in capitals
  | Servers: [a]
  | Listen: 127.0.0.1:11311
  > 1:1: unknown key "Servers" in the file; did you mean "servers"?
  > 2:1: unknown key "Listen" in the file; did you mean "listen"?
  ## keys with dashes and camels
  | servers: [a]
  | request-timeout: 1s
  | connectTimeout: 1s
  > 2:1: unknown key "request-timeout" in the file; did you mean "request_timeout"?
  > 3:1: unknown key "connectTimeout" in the file; did you mean "connect_timeout"?
  ## a key of the file in a pool
  | pools:
  |   main:
  |     servers: [a]
  |     listen: 127.0.0.1:11311
  |     log: {level: debug}
  > 4:5: unknown key "listen" in pool "main"; write listen: 127.0.0.1:11311 at the top level
  > 5:5: unknown key "log" in pool "main"; write log: {level: debug} at the top level
  ## a key of limits and log at the top
  | servers: [a]
  | clients: 500
  | level: debug
  > 2:1: unknown key "clients" in the file; write limits: {clients: 500}
  > 3:1: unknown key "level" in the file; write log: {level: debug}
  ## a pool that is not indented
  | pools:
  | main:
  |   servers: [a]
  > 1:7: pools: expected a mapping of names to pools, found nothing; such as {main: {servers: [10.0.0.1:11211]}}
  > 2:1: "main" is not part of "pools": it is not indented; put 2 spaces before it and the lines below it
  ## limits that are not indented
  | servers: [a]
  | limits:
  | clients: 500
  > 2:8: limits: expected a mapping, found nothing; such as {clients: 10000}
  > 3:1: "clients" is not part of "limits": it is not indented; put 2 spaces before it
  ## a key of a server beside the servers
  | servers: [a]
  | weight: 2
  > 2:1: unknown key "weight" in the file; it belongs to a server: {address: 10.0.0.1:11211, weight: 2}
  ## pools as a list with names
  | pools:
  |   - name: main
  |     servers: [a]
  > 2:3: pools: expected a mapping of names to pools, found a list; write {main: {servers: [a]}}
  ## pools as the name of one
  | pools: main
  | servers: [a]
  > 1:8: pools: expected a mapping of names to pools, found "main"; such as {main: {servers: [10.0.0.1:11211]}}
  > 2:1: "servers" at the top level of a file that has "pools"; move it into the pool it is meant for
  ## a pool that is its servers
  | pools:
  |   main:
  |     - 10.0.0.1
  |     - 10.0.0.2
  > 3:5: pool "main": expected a mapping with "servers", found a list; write {servers: [10.0.0.1, 10.0.0.2]}
  ## routes as a mapping
  | servers: [a]
  | routes:
  |   "user:": main
  |   "": main
  > 3:3: routes: expected a list, found a mapping; write [{prefix: "user:", pool: main}, {prefix: "", pool: main}]
  ## routes as one pool
  | servers: [a]
  | routes: main
  > 2:9: routes: expected a list, found "main"; write [{pool: main}]
  ## routes as one route
  | servers: [a]
  | routes: {prefix: "user:", pool: main}
  > 2:9: routes: expected a list, found a mapping; write [{prefix: "user:", pool: main}]
  ## a route with a star
  | servers: [a]
  | routes:
  |   - {prefix: *, pool: main}
  > 3:14: "*" cannot begin a text without quotes; write "*"
  ## a log that is a level
  | servers: [a]
  | log: debug
  > 2:6: log: expected a mapping, found "debug"; write {level: debug}
  ## a log that is a file
  | servers: [a]
  | log: /var/log/ringroad.log
  > 2:6: log: expected a mapping, found "/var/log/ringroad.log"; write {to: /var/log/ringroad.log}
  ## a log to standard output
  | servers: [a]
  | log: {to: stdout, level: warn}
  > 2:11: to: expected stderr, syslog, journald or the absolute path of a file, found "stdout"; the default is stderr
  > 2:26: unknown level "warn"; did you mean "warning"?
  ## limits that are a number
  | servers: [a]
  | limits: 1024
  > 2:9: limits: expected a mapping, found "1024"; write {clients: 1024}
  ## keys of twemproxy in the short form
  | listen: 127.0.0.1:22121
  | hash: fnv1a_64
  | distribution: ketama
  | timeout: 400
  | backlog: 1024
  | preconnect: true
  | auto_eject_hosts: false
  | server_connections: 2
  | server_retry_timeout: 2000
  | server_failure_limit: 1
  | client_connections: 512
  | servers:
  |   - 10.0.0.1:11211:1
  > 3:1: unknown key "distribution" in the file; write placement: twemproxy-ketama
  > 4:1: unknown key "timeout" in the file; write request_timeout: 400ms
  > 5:1: unknown key "backlog" in the file; leave it out: ringroad has no such setting
  > 6:1: unknown key "preconnect" in the file; leave it out: ringroad has no such setting
  > 7:1: unknown key "auto_eject_hosts" in the file; write on_failure: fail_fast
  > 8:1: unknown key "server_connections" in the file; write connections: 2
  > 9:1: unknown key "server_retry_timeout" in the file; write probe_interval: 2000ms
  > 10:1: unknown key "server_failure_limit" in the file; write failures: 1
  > 11:1: unknown key "client_connections" in the file; write limits: {clients: 512}
  > 13:5: servers: "10.0.0.1:11211:1" is host:port followed by something else; write {address: 10.0.0.1:11211, weight: 1}
  ## a timeout of twemproxy without an end
  | servers: [a]
  | timeout: -1
  > 2:1: unknown key "timeout" in the file; write request_timeout: 500ms
  ## a distribution that is not offered
  | servers: [a]
  | distribution: random
  > 2:1: unknown key "distribution" in the file; write placement: ketama
  ## twemproxy's other distribution
  | servers: [a]
  | distribution: modula
  > 2:1: unknown key "distribution" in the file; write placement: twemproxy-modula
  ## Redis
  | servers: [a]
  | redis: true
  > 2:1: unknown key "redis" in the file; ringroad speaks memcached's protocol only
  ## keys of HAProxy
  | bind: "*:11211"
  | maxconn: 1024
  | timeout connect: 5000
  | timeout server: 50s
  | balance: roundrobin
  | server: 10.0.0.1:11211
  > 1:1: unknown key "bind" in the file; write listen: 0.0.0.0:11211
  > 2:1: unknown key "maxconn" in the file; write limits: {clients: 1024}
  > 3:1: unknown key "timeout connect" in the file; write connect_timeout: 5000ms
  > 4:1: unknown key "timeout server" in the file; write request_timeout: 50s
  > 5:1: unknown key "balance" in the file; write placement: ketama
  > 6:1: unknown key "server" in the file; write servers: [10.0.0.1:11211]
  ## keys of mcrouter
  | servers: [a]
  | port: 5000
  | num_proxies: 4
  | server_timeout_ms: 250
  | probe_timeout_initial: 3000
  > 2:1: unknown key "port" in the file; write listen: 127.0.0.1:5000
  > 3:1: unknown key "num_proxies" in the file; write threads: 4
  > 4:1: unknown key "server_timeout_ms" in the file; write request_timeout: 250ms
  > 5:1: unknown key "probe_timeout_initial" in the file; write probe_interval: 3000ms
  ## keys of nginx
  | worker_processes: 4
  | upstream: [10.0.0.1, 10.0.0.2]
  | max_fails: 3
  | fail_timeout: 10s
  > 1:1: unknown key "worker_processes" in the file; write threads: 4
  > 2:1: unknown key "upstream" in the file; write servers: [10.0.0.1, 10.0.0.2]
  > 3:1: unknown key "max_fails" in the file; write failures: 3
  > 4:1: unknown key "fail_timeout" in the file; write probe_interval: 10s
  ## flags of memcached
  | servers: [a]
  | port: 11211
  | conn-limit: 1024
  | memory-limit: 64
  | max-item-size: 2MiB
  | user: memcache
  | daemonize: yes
  | pidfile: /run/ringroad.pid
  | verbosity: debug
  > 2:1: unknown key "port" in the file; write listen: 127.0.0.1:11211
  > 3:1: unknown key "conn-limit" in the file; write limits: {clients: 1024}
  > 4:1: unknown key "memory-limit" in the file; leave it out: ringroad has no such setting
  > 5:1: unknown key "max-item-size" in the file; move it into "limits", as max_value: 2MiB
  > 6:1: unknown key "user" in the file; leave it out: the user is given as ringroad -u NAME
  > 7:1: unknown key "daemonize" in the file; leave it out: ringroad -d runs in the background
  > 8:1: unknown key "pidfile" in the file; leave it out: the file is given as ringroad -P FILE
  > 9:1: unknown key "verbosity" in the file; write log: {level: debug}
  ## words for servers
  | hosts:
  |   - {host: 10.0.0.1, port: 11211}
  |   - 10.0.0.2:11211:1 cache-b
  > 1:1: unknown key "hosts" in the file; write servers: [10.0.0.1:11211, {address: 10.0.0.2:11211, weight: 1, name: cache-b}]
  ## a second word for servers
  | servers: [a]
  | server: [b]
  > 2:1: unknown key "server" in the file; leave it out: the file has "servers" already
  ## a key of another program for limits that are there
  | servers: [a]
  | limits: {memory: 64MiB}
  | maxconn: 1024
  > 3:1: unknown key "maxconn" in the file; move it into "limits", as clients: 1024
  ## a key of another program beside pools
  | pools:
  |   main: {servers: [a]}
  | timeout: 400
  > 3:1: unknown key "timeout" in the file; move it into the pool it is meant for, as request_timeout: 400ms
  """#
