/// Configurations of twemproxy (`|`), what `ringroad import` prints below its first line (`=`), and its complaints (`>`),
/// errors first.
let importTable = #"""
  ## twemproxy's own example, without Redis
  | alpha:
  |   listen: 127.0.0.1:22121
  |   hash: fnv1a_64
  |   distribution: ketama
  |   auto_eject_hosts: true
  |   server_retry_timeout: 2000
  |   server_failure_limit: 1
  |   timeout: 400
  |   servers:
  |    - 127.0.0.1:11212:1
  = listen: 127.0.0.1:22121
  = servers:
  =   - 127.0.0.1:11212
  = placement: twemproxy-ketama
  = request_timeout: 400ms
  = failures: 1
  = probe_interval: 2s
  ## every key
  | alpha:
  |   listen: /tmp/alpha.sock 0666
  |   hash: crc32a
  |   hash_tag: "{}"
  |   distribution: modula
  |   timeout: 60000
  |   backlog: 1024
  |   preconnect: true
  |   tcpkeepalive: true
  |   reuseport: true
  |   redis: false
  |   redis_db: 0
  |   auto_eject_hosts: true
  |   server_connections: 2
  |   client_connections: 512
  |   server_retry_timeout: 45000
  |   server_failure_limit: 3
  |   servers:
  |    - 10.0.0.1:11211:1
  |    - 10.0.0.2:11211:2 cache-b
  |    - /run/memcached.sock:1 local
  |    - fd00::3:11211:1
  = listen:
  =   address: unix:/tmp/alpha.sock
  =   mode: 0666
  = servers:
  =   - 10.0.0.1:11211
  =   - {address: 10.0.0.2:11211, weight: 2, name: cache-b}
  =   - {address: unix:/run/memcached.sock, name: local}
  =   - "[fd00::3]:11211"
  = placement: twemproxy-modula
  = hash: crc32a
  = hash_tag: "{}"
  = request_timeout: 1m
  = probe_interval: 45s
  = probe_max: 45s
  = connections: 2
  = limits:
  =   clients: 512
  > note: pool "alpha": redis_db: not needed, left out
  > note: pool "alpha": preconnect, backlog, tcpkeepalive, reuseport: not needed, left out
  ## values that are ringroad's defaults
  | alpha:
  |   listen: 127.0.0.1:11311
  |   auto_eject_hosts: true
  |   server_failure_limit: 3
  |   server_retry_timeout: 1000
  |   server_connections: 1
  |   client_connections: 10000
  |   timeout: 500
  |   servers: [10.0.0.1:11211:1]
  = listen: 127.0.0.1:11311
  = servers:
  =   - 10.0.0.1:11211
  = placement: twemproxy-ketama
  ## neither a timeout nor ejection
  | alpha:
  |   listen: 127.0.0.1:22121
  |   server_failure_limit: 1
  |   server_retry_timeout: 45000
  |   client_connections: 0
  |   servers: [10.0.0.1:11211:1]
  = listen: 127.0.0.1:22121
  = servers:
  =   - 10.0.0.1:11211
  = placement: twemproxy-ketama
  = on_failure: fail_fast
  > note: pool "alpha": without a timeout twemproxy waits for ever; here request_timeout is 500ms
  > note: pool "alpha": server_failure_limit, server_retry_timeout: twemproxy uses them only with auto_eject_hosts: true, left out
  > note: pool "alpha": client_connections: 0 is no limit; here limits.clients is 10000
  ## several pools
  | alpha:
  |   listen: 127.0.0.1:22121
  |   timeout: 400
  |   client_connections: 100
  |   servers:
  |    - 10.0.0.1:11211:1 a
  | "beta two":
  |   listen: 127.0.0.1:22129
  |   timeout: 400
  |   servers: [10.0.0.1:11211:1]
  | beta:
  |   listen: /run/beta.sock 0660
  |   distribution: modula
  |   auto_eject_hosts: true
  |   timeout: 400
  |   client_connections: 200
  |   servers:
  |    - 10.0.0.2:11211:1
  |    - 10.0.0.3:11211:5
  = listen:
  =   - {address: 127.0.0.1:22121, to: alpha}
  =   - {address: unix:/run/beta.sock, mode: 0660, to: beta}
  = pools:
  =   alpha:
  =     servers:
  =       - {address: 10.0.0.1:11211, name: a}
  =     placement: twemproxy-ketama
  =     request_timeout: 400ms
  =     on_failure: fail_fast
  =   beta:
  =     servers:
  =       - 10.0.0.2:11211
  =       - {address: 10.0.0.3:11211, weight: 5}
  =     placement: twemproxy-modula
  =     request_timeout: 400ms
  =     failures: 2
  = limits:
  =   clients: 300
  > 7:1: pool name: space or control byte in the name "beta two"
  > note: limits.clients is the sum of client_connections: one limit for the clients of all pools
  ## a limit of clients for one of two pools, and one listener for both
  | alpha: {listen: 127.0.0.1:22121, timeout: 400, client_connections: 5, servers: [a:1:1]}
  | beta: {listen: 127.0.0.1:22121, timeout: 400, servers: [b:1:1]}
  | beta: {listen: 127.0.0.1:22123, timeout: 400, servers: [c:1:1]}
  = listen:
  =   - {address: 127.0.0.1:22121, to: alpha}
  = pools:
  =   alpha:
  =     servers:
  =       - a:1
  =     placement: twemproxy-ketama
  =     request_timeout: 400ms
  =     on_failure: fail_fast
  =   beta:
  =     servers:
  =       - b:1
  =     placement: twemproxy-ketama
  =     request_timeout: 400ms
  =     on_failure: fail_fast
  > 1:68: client_connections: one limit is for all pools here, and pool "beta" has none; limits.clients is 10000 unless it is set
  > 2:16: duplicate listener 127.0.0.1:22121, first on line 1
  > 3:1: duplicate pool "beta"
  ## a pool of Redis servers beside another
  | alpha:
  |   listen: 127.0.0.1:22121
  |   redis: true
  |   redis_auth: secret
  |   servers: [10.0.0.1:6379:1]
  | beta:
  |   listen: 127.0.0.1:22122
  |   timeout: 400
  |   redis_auth: secret
  |   servers: [10.0.0.2:11211:1]
  = listen: 127.0.0.1:22122
  = servers:
  =   - 10.0.0.2:11211
  = placement: twemproxy-ketama
  = request_timeout: 400ms
  = on_failure: fail_fast
  > 3:10: pool "alpha" has Redis servers; ringroad speaks memcached's protocol only
  > 9:15: redis_auth: the pool has no Redis servers
  ## only Redis servers
  | alpha: {listen: 127.0.0.1:22121, redis: true, servers: [10.0.0.1:6379:1]}
  > 1:41: pool "alpha" has Redis servers; ringroad speaks memcached's protocol only
  ## keys at random, with a hash that it does not use
  | alpha:
  |   listen: 127.0.0.1:22121
  |   distribution: random
  |   hash: murmur
  |   timeout: 400
  |   servers: [10.0.0.1:11211:1]
  = listen: 127.0.0.1:22121
  = servers:
  =   - 10.0.0.1:11211
  = hash: murmur
  = request_timeout: 400ms
  = on_failure: fail_fast
  > 3:17: distribution random has no counterpart: here each key has one server; keys move, to where placement ketama has them
  ## values that twemproxy refuses too
  | alpha:
  |   listen: 127.0.0.1
  |   hash: murmur3
  |   hash_tag: none
  |   distribution: ketma
  |   auto_eject_hosts: yes
  |   timeout: 400ms
  |   timeout: 400
  |   server_connections: 0
  |   client_connections: [1]
  |   tiemout: 1
  |   read_only: true
  |   [a]: b
  |   servers:
  |    - 10.0.0.1:11211
  |    - 10.0.0.2:11211:1
  |    - 10.0.0.3:0:1
  |    - 10.0.0.256:11211:1
  |    - 10.0.0.4:11211:0
  |    - 10.0.0.2:11211:2
  |    - 10.0.0.5:11211:1 a
  |    - 10.0.0.6:11211:1 a
  |    - z
  |    - b c
  |    - {a: b}
  = servers:
  =   - 10.0.0.1:11211
  =   - 10.0.0.2:11211
  =   - {address: 10.0.0.5:11211, name: a}
  =   - z
  = placement: twemproxy-ketama
  = on_failure: fail_fast
  > 2:11: listen: no port in "127.0.0.1"; did you mean "127.0.0.1:11311"?
  > 3:9: unknown hash "murmur3"; did you mean "murmur"?
  > 4:13: hash_tag: expected two visible ASCII characters, found "none"
  > 5:17: unknown distribution "ketma"; did you mean "ketama"?
  > 6:21: auto_eject_hosts: expected true or false, found "yes"; did you mean "true"?
  > 7:12: timeout: expected a whole number from 1 to 86400000, found "400ms"
  > 8:3: duplicate key "timeout" in pool "alpha"
  > 9:23: server_connections: expected a whole number from 1 to 64, found "0"
  > 10:23: client_connections: expected a value, found a list
  > 11:3: unknown key "tiemout" in pool "alpha"; did you mean "timeout"?
  > 12:3: unknown key "read_only" in pool "alpha"; twemproxy has no such key
  > 13:3: pool "alpha": expected a word as key, found a list
  > 17:6: address: expected a port from 1 to 65535, found "0" in "10.0.0.3:0"; did you mean "10.0.0.3:11211"?
  > 18:6: address: "10.0.0.256" is not an IPv4 address
  > 19:6: weight: expected a whole number from 1 to 1000000, found "0"; mark: down takes the server out; the default is 1
  > 20:6: duplicate server 10.0.0.2:11211, first on line 16
  > 22:6: duplicate server name "a", first on line 21
  > 24:6: servers: expected host:port:weight [name] or /path:weight [name], found "b c"
  > 25:6: servers: expected host:port:weight [name] or /path:weight [name], found a mapping
  > note: pool "alpha": without a weight, which twemproxy needs: "10.0.0.1:11211" and 1 more; taken as 1
  ## limits that ringroad does not have
  | alpha:
  |   listen: 127.0.0.1:22121
  |   timeout: 90000000
  |   auto_eject_hosts: true
  |   server_failure_limit: 10001
  |   server_retry_timeout: 0
  |   server_connections: 65
  |   client_connections: 1000001
  |   servers:
  |    - 10.0.0.2:11211:1
  |    - 10.0.0.1:11211:1000001
  | beta: {listen: 127.0.0.1:22122, timeout: 400, servers: [127.0.0.1:22122:1]}
  = listen: 127.0.0.1:22121
  = servers:
  =   - 10.0.0.2:11211
  = placement: twemproxy-ketama
  > 3:12: timeout: expected a whole number from 1 to 86400000, found "90000000"
  > 5:25: server_failure_limit: expected a whole number from 1 to 10000, found "10001"
  > 6:25: server_retry_timeout: expected a whole number from 1 to 86400000, found "0"
  > 7:23: server_connections: expected a whole number from 1 to 64, found "65"
  > 8:23: client_connections: expected a whole number from 1 to 1000000, found "1000001"
  > 11:6: weight: expected a whole number from 1 to 1000000, found "1000001"; the default is 1
  > 12:1: pool "beta" is left out for the error on line 12
  > 12:57: server 127.0.0.1:22122 is the proxy itself, which listens on 127.0.0.1:22122; it belongs to a memcached, whose usual port is 11211
  ## what is no pool
  | alpha: {listen: 127.0.0.1:22121, timeout: 400, servers: [a:1:1]}
  | beta: 5
  | gamma: {listen: 127.0.0.1:22123}
  | delta: {servers: []}
  | [x]: {servers: [a:1:1]}
  = listen: 127.0.0.1:22121
  = servers:
  =   - a:1
  = placement: twemproxy-ketama
  = request_timeout: 400ms
  = on_failure: fail_fast
  > 2:1: pool "beta": expected a mapping with "servers", found "5"
  > 3:1: pool "gamma" has no "servers"
  > 4:1: pool "delta" has no "listen"
  > 4:18: pool "delta" has no servers
  > 5:1: expected the name of a pool, found a list
  """#
