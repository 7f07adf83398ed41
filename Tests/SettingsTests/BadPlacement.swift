/// Placements that are refused, in the format of `badFiles`.
let badPlacement = #"""
  ## a placement of another name
  | servers: [a]
  | placement: dali
  > 2:12: unknown placement "dali"; did you mean "dalli"?
  ## a placement that is near no other
  | servers: [a]
  | placement: zzzzzzzzzzzz
  > 2:12: unknown placement "zzzzzzzzzzzz"; "ringroad placements" lists them
  ## a placement without a scheme
  | servers: [a]
  | placement: {seed: blue}
  > 2:12: placement without "scheme"; such as {scheme: mcproxy-jump, seed: blue}
  ## a placement's option that it does not have
  | servers: [a]
  | placement: {scheme: dalli, seed: blue}
  > 2:28: placement dalli has no "seed", but weights, names, add_prefix, skip_prefix; leave it out
  ## a placement's option that no placement has
  | servers: [a]
  | placement: {scheme: dalli, sed: blue}
  > 2:28: unknown key "sed" in placement; did you mean "seed"?
  > 2:28: placement dalli has no "seed", but weights, names, add_prefix, skip_prefix; leave it out
  ## an option beside its placement
  | servers: [a]
  | placement: mcproxy-jump
  | seed: blue
  > 3:1: unknown key "seed" in the file; move it into "placement", as placement: {scheme: mcproxy-jump, seed: blue}
  ## options beside a placement that has one
  | pools:
  |   main:
  |     servers: [a]
  |     filter_stop: "|"
  |     placement: {scheme: mcproxy-ring, seed: blue}
  |     points: 40
  | routes: [{pool: main}]
  > 4:5: unknown key "filter_stop" in pool "main"; move it into "placement", as placement: {scheme: mcproxy-ring, seed: blue, filter_stop: "|", points: 40}
  > 6:5: unknown key "points" in pool "main"; move it into "placement", as placement: {scheme: mcproxy-ring, seed: blue, filter_stop: "|", points: 40}
  ## an option without its placement
  | servers: [a]
  | salt: blue
  > 2:1: unknown key "salt" in the file; it belongs to a placement that has it; such as placement: {scheme: mcrouter-ch3, salt: blue}
  ## an option of the default placement
  | servers: [a]
  | add_prefix: "a:"
  > 2:1: unknown key "add_prefix" in the file; write placement: {scheme: ketama, add_prefix: "a:"}
  ## an option that its placement does not have
  | servers: [a]
  | placement: dalli
  | order: sorted
  > 3:1: unknown key "order" in the file; leave it out: placement dalli has no "order"
  ## an option beside and in its placement
  | servers: [a]
  | placement: {scheme: dalli, skip_prefix: x}
  | skip_prefix: x
  > 3:1: unknown key "skip_prefix" in the file; leave it out: "placement" has it already
  ## a kind of keys that only some placements have
  | servers: [a]
  | keys: whole
  > 2:1: unknown key "keys" in the file; it belongs to a placement that has it; such as placement: {scheme: mcrouter-ch3, keys: whole}
  ## an option beside the pools
  | pools: {a: {servers: [x]}}
  | filter_tags: "{}"
  > 2:1: unknown key "filter_tags" in the file; move it into the placement of the pool it is meant for
  ## a scheme beside nothing
  | servers: [a]
  | scheme: dalli
  > 2:1: unknown key "scheme" in the file; write placement: dalli
  ## weights and names beside the servers
  | servers: [a, b]
  | weights: [1, 2]
  | names: [x, y]
  > 2:1: unknown key "weights" in the file; it belongs to a server: {address: 10.0.0.1:11211, weight: 2}
  > 3:1: unknown key "names" in the file; it belongs to a server: {address: 10.0.0.1:11211, name: cache-a}
  ## a server's label
  | servers: [{address: a, label: x}]
  > 1:24: unknown key "label" in a server; did you mean "name"?
  ## a listener's pool
  | listen: {address: 127.0.0.1:1, pool: main}
  | servers: [a]
  > 1:32: unknown key "pool" in a listener; did you mean "to"?
  ## a pool for all listeners
  | to: main
  | servers: [a]
  > 1:1: unknown key "to" in the file; it belongs to a listener: {address: 127.0.0.1:11311, to: main}, or to a route: {prefix: "user:", to: main}
  ## the log's destination at the top level
  | to: syslog
  | servers: [a]
  > 1:1: unknown key "to" in the file; write log: {to: syslog}
  ## points that are no whole digests
  | servers: [a]
  | placement: {scheme: mcproxy-ring-ketama, points: 42}
  > 2:50: points: expected a multiple of 4, found "42"
  ## too many points
  | servers: [a]
  | placement: {scheme: mcproxy-ring, points: 100000}
  > 2:43: points: expected a whole number from 1 to 10000, found "100000"
  ## keys of another client
  | servers: [a]
  | placement: {scheme: pymemcache, keys: whole}
  > 2:39: unknown keys "whole"; expected one of text, bytes
  ## an order that is none
  | servers: [a]
  | placement: {scheme: php-default, order: sort}
  > 2:41: unknown order "sort"; did you mean "sorted"?
  ## weights that are numbers
  | servers: [a]
  | placement: {scheme: ketama, weights: 1}
  > 2:38: unknown weights "1"; expected one of used, ignored
  ## a hash that the placement does not have
  | servers: [a]
  | placement: dalli
  | hash: md5
  > 3:7: hash: placement dalli does not hash keys by md5; expected one of auto, crc32a
  ## a hash above its placement
  | hash: java
  | placement: ketama
  | servers: [a]
  > 1:7: hash: placement ketama does not hash keys by java; expected one of auto, md5, fnv1a_64, fnv1_64, fnv1a_32, fnv1_32, one_at_a_time, crc16, crc32, crc32a, hsieh, murmur, murmur3, jenkins
  ## a socket in memcached's proxy
  | servers: [/run/a.sock]
  | placement: mcproxy-jump
  > 1:11: server unix:/run/a.sock: placement mcproxy-jump has no unix sockets
  ## a name without its address
  | servers: [cache-a]
  | placement: spymemcached-ketama
  > 1:11: server cache-a:11211: placement spymemcached-ketama hashes the address that a name resolved to: write "resolved: 10.0.0.1" with it
  ## an address that is not in numbers
  | servers: [{address: cache-a, resolved: cache-b}]
  > 1:40: resolved: expected a numeric address without a port, such as 10.0.0.1, found "cache-b"
  ## an address with a port
  | servers: [{address: cache-a, resolved: "10.0.0.1:11211"}]
  > 1:40: resolved: expected a numeric address without a port, such as 10.0.0.1, found "10.0.0.1:11211"
  ## an address longer than ketama keeps
  | servers: ["[fd00:1:2:3:4:5:6:7]:11211"]
  | placement: rj-ketama
  > 1:11: server [fd00:1:2:3:4:5:6:7]:11211: placement rj-ketama keeps 21 bytes of an address
  ## weights that make a list of millions
  | servers: [{address: a, weight: 1000000}, {address: b, weight: 1000000}, {address: c, weight: 1000000}, {address: d, weight: 1000000}, {address: e, weight: 1}]
  | placement: python-memcached
  > 1:11: the weights of pool "main" add up to 4000001: with placement python-memcached at most 4000000; divide all weights by the same number; keys move unless the clients' weights change too
  ## an empty salt
  | servers: [a]
  | placement: {scheme: mcrouter-ch3, salt: ""}
  > 2:41: salt: expected 1 to 250 bytes, found ""
  ## tags that are one character
  | servers: [a]
  | placement: {scheme: mcproxy-jump, filter_tags: "{"}
  > 2:48: filter_tags: expected two visible ASCII characters in quotes, found "{"; such as "{}"
  ## two servers with one label
  | servers: [{address: a:1, name: x}, {address: b:1, name: x}]
  | placement: dalli
  > 1:36: duplicate server name "x", first on line 1
  ## a listener of a pool that is not there
  | listen: [{address: 127.0.0.1:1, to: b}]
  | pools: {a: {servers: [x]}}
  > 1:37: unknown pool "b"; expected one of a
  ## a listener of a pool that is nearly there
  | listen: {address: 127.0.0.1:1, to: sesions}
  | pools: {sessions: {servers: [x]}}
  > 1:36: unknown pool "sesions"; did you mean "sessions"?
  ## a listener without a pool, and no routes
  | listen: [{address: 127.0.0.1:1, to: a}, 127.0.0.1:2]
  | pools: {a: {servers: [x]}, b: {servers: [y]}}
  > 2:1: 2 pools and no "routes"; add a line such as routes: [{prefix: "a:", pool: b}, {pool: a}]
  """#
