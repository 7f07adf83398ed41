/// Configurations of other programs, in the format of `badFiles`.
let foreignFiles = #"""
  ## nutcracker.yml
  | alpha:
  |   listen: 127.0.0.1:22121
  |   hash: fnv1a_64
  |   distribution: ketama
  |   auto_eject_hosts: true
  |   redis: true
  |   server_retry_timeout: 2000
  |   server_failure_limit: 1
  |   servers:
  |    - 127.0.0.1:6379:1
  | beta:
  |   listen: 127.0.0.1:22122
  |   hash: fnv1a_64
  |   hash_tag: "{}"
  |   distribution: ketama
  |   auto_eject_hosts: false
  |   timeout: 400
  |   servers:
  |    - 127.0.0.1:11212:1 server1
  |    - 127.0.0.1:11213:1 server2
  > 1:1: this is pool "alpha" of a twemproxy configuration (nutcracker.yml), not ringroad's; it has Redis servers, and ringroad speaks memcached's protocol only
  > 11:1: this is pool "beta" of a twemproxy configuration (nutcracker.yml), not ringroad's; ringroad import FILE translates it, or write {listen: 127.0.0.1:22122, servers: [{address: 127.0.0.1:11212, name: server1}, {address: 127.0.0.1:11213, name: server2}], placement: twemproxy-ketama, hash_tag: "{}", request_timeout: 400ms, on_failure: fail_fast}
  ## nutcracker.yml with another distribution
  | gamma:
  |   listen: /tmp/gamma.sock 0666
  |   distribution: modula
  |   timeout: -1
  |   backlog: 1024
  |   client_connections: 512
  |   servers:
  |    - 10.0.0.1:11211:2
  > 1:1: this is pool "gamma" of a twemproxy configuration (nutcracker.yml), not ringroad's; ringroad import FILE translates it, or write {listen: {address: unix:/tmp/gamma.sock, mode: 0666}, servers: [{address: 10.0.0.1:11211, weight: 2}], placement: twemproxy-modula, on_failure: fail_fast, limits: {clients: 512}}
  ## nutcracker.yml with servers drawn by lot
  | gamma:
  |   listen: 127.0.0.1:22123
  |   distribution: random
  |   auto_eject_hosts: false
  |   servers:
  |    - 10.0.0.1:11211:1
  > 1:1: this is pool "gamma" of a twemproxy configuration (nutcracker.yml), not ringroad's; its distribution is not offered, so keys move; ringroad import FILE translates it, or write {listen: 127.0.0.1:22123, servers: [10.0.0.1:11211], on_failure: fail_fast}
  ## nutcracker.yml without a name for its servers
  | delta:
  |   listen: 0.0.0.0:22124
  |   timeout: 100
  |   servers: [cache-a, 10.0.0.2]
  > 1:1: this is pool "delta" of a twemproxy configuration (nutcracker.yml), not ringroad's; ringroad import FILE translates it, or write {listen: 0.0.0.0:22124, servers: [cache-a, 10.0.0.2], placement: twemproxy-ketama, request_timeout: 100ms, on_failure: fail_fast}
  ## nutcracker.yml with a server that is none
  | delta:
  |   listen: 0.0.0.0:22124
  |   distribution: ketama
  |   servers:
  |    - 10.0.0.256:11211:1
  > 1:1: this is pool "delta" of a twemproxy configuration (nutcracker.yml), not ringroad's; ringroad import FILE translates it, and lists what cannot be carried over
  ## mcrouter's JSON
  | {
  |   "pools": {
  |     "A": {
  |       "servers": ["10.0.0.1:11211", "[fd00::12]:11212", "cache-c:11211:ascii:plain"]
  |     }
  |   },
  |   "route": "PoolRoute|A"
  | }
  > 2:3: this is a configuration of mcrouter, not ringroad's; write {servers: [10.0.0.1:11211, "[fd00::12]:11212", cache-c:11211], placement: mcrouter-ch3}
  ## mcrouter's JSON with a hash function
  | {"pools": {"A": {"servers": ["10.0.0.1:11211"]}}, "route": {"type": "PoolRoute", "pool": "A", "hash": {"hash_func": "Crc32"}}}
  > 1:2: this is a configuration of mcrouter, not ringroad's; write {servers: [10.0.0.1:11211], placement: mcrouter-crc32}
  ## mcrouter's JSON with weights
  | {"pools": {"A": {"servers": ["10.0.0.1:11211"], "weights": [1.0]}}, "route": "PoolRoute|A"}
  > 1:2: this is a configuration of mcrouter, not ringroad's; add its placement, which "ringroad placements" lists; write {servers: [10.0.0.1:11211]}
  ## mcrouter's JSON with a hash function in its route
  | {"pools": {"A": {"servers": ["10.0.0.1:11211"]}}, "route": "HashRoute|PoolRoute|A|WeightedCh3"}
  > 1:2: this is a configuration of mcrouter, not ringroad's; add its placement, which "ringroad placements" lists; write {servers: [10.0.0.1:11211]}
  ## mcrouter's JSON with comments and two pools
  | /* two pools */
  | {
  |   "pools": {
  |     "A": {
  |       "servers": [
  |         // west
  |         "10.0.0.1:11211",
  |         "[fd00::12]:11212",
  |       ]
  |     }
  |   },
  |   "route": "PoolRoute|A"
  | }
  > 1:1: this is a configuration of mcrouter, not ringroad's; write {servers: [10.0.0.1:11211, "[fd00::12]:11212"], placement: mcrouter-ch3}
  ## mcrouter's JSON with routes
  | {"pools": {"A": {"servers": ["10.0.0.1:11211"]}, "B": {"servers": ["10.0.0.2:11211"]}}, "routes": [{"aliases": ["/a/b/"], "route": "PoolRoute|A"}]}
  > 1:2: this is a configuration of mcrouter, not ringroad's; add its routes; write {pools: {A: {servers: [10.0.0.1:11211], placement: mcrouter-ch3}, B: {servers: [10.0.0.2:11211], placement: mcrouter-ch3}}, routes: [{pool: A}]}
  ## mcrouter's JSON without servers
  | {"route": "NullRoute"}
  > 1:2: this is a configuration of mcrouter, not ringroad's; such as {servers: [10.0.0.1:11211]}
  ## moxi's server list
  | {"hashAlgorithm": "CRC", "numReplicas": 0, "serverList": ["10.0.0.1:11211", "10.0.0.2:11211"], "vBucketMap": [[0], [1]]}
  > 1:2: this is a configuration of moxi, not ringroad's; keys move; write {servers: [10.0.0.1:11211, 10.0.0.2:11211]}
  ## moxi's bucket
  | {"name": "default", "nodeLocator": "vbucket", "vBucketServerMap": {"serverList": ["10.0.0.1:11210"]}}
  > 1:2: this is a configuration of moxi, not ringroad's; keys move; write {servers: [10.0.0.1:11210]}
  ## moxi's settings
  | # moxi.cfg
  | port_listen=11211,
  | default_bucket_name=default,
  | downstream_max=1024,
  > 2:1: this is a configuration of moxi, not ringroad's; such as {servers: [10.0.0.1:11211]}
  ## moxi's address of a cluster
  | url=http://10.0.0.1:8091/pools/default/bucketsStreaming/default
  > 1:1: this is a configuration of moxi, not ringroad's; such as {servers: [10.0.0.1:11211]}
  ## moxi's servers
  | 11311=cache-a:11211,cache-b:11211
  > 1:1: this is a configuration of moxi, not ringroad's; write {servers: [cache-a:11211, cache-b:11211]}
  ## HAProxy's file
  | global
  |     daemon
  | defaults
  |     mode tcp
  |     timeout connect 5000ms
  | frontend mc
  |     bind *:11211
  |     default_backend servers
  | backend servers
  |     server s1 10.0.0.1:11211 maxconn 32 check
  |     server s2 10.0.0.2:11211 check
  > 1:1: this is a configuration of HAProxy, not ringroad's; write {servers: [10.0.0.1:11211, 10.0.0.2:11211]}
  ## nginx's file
  | stream {
  |     upstream mc {
  |         server 10.0.0.1:11211;
  |         server 10.0.0.2:11211;
  |     }
  | }
  > 1:1: this is a configuration of nginx, not ringroad's; write {servers: [10.0.0.1:11211, 10.0.0.2:11211]}
  ## nginx's file with a hash
  | upstream mc {
  |     hash $memcached_key consistent;
  |     server 10.0.0.1:11211 weight=2;
  |     server 10.0.0.2:11211 max_fails=2;
  | }
  > 1:1: this is a configuration of nginx, not ringroad's; write {servers: [{address: 10.0.0.1:11211, weight: 2}, 10.0.0.2:11211], placement: nginx-consistent}
  ## nginx's file with a hash that is no ring
  | http {
  |     upstream mc {
  |         hash $uri;
  |         server 10.0.0.1:11211;
  |     }
  | }
  > 1:1: this is a configuration of nginx, not ringroad's; write {servers: [10.0.0.1:11211], placement: nginx-hash}
  ## memcached.conf
  | # memcached default config file
  | -d
  | logfile /var/log/memcached.log
  | -m 64
  | -p 11211
  | -u memcache
  | -l 127.0.0.1
  > 2:1: this is a list of memcached's flags, not ringroad's; such as {servers: [10.0.0.1:11211]}
  """#
