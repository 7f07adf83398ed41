/// Routes and trees of policies that are refused.
///
///     ## what is wrong
///     | a line of the file
///     > line:column: message; hint
let badRoutes = #"""
  ## a policy that names itself
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: x}
  | routes: [{to: x}]
  > 3:11: policies name each other in a circle: x -> x; one of them has to name a pool instead
  ## policies in a circle
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: y}
  |   y: {try: [main, z]}
  |   z: {to: x}
  | routes: [{to: x}]
  > 5:11: policies name each other in a circle: x -> y -> z -> x; one of them has to name a pool instead
  ## a chain that is too long
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   a: {to: b}
  |   b: {to: c}
  |   c: {to: d}
  |   d: {to: e}
  |   e: {to: main}
  | routes: [{to: e}]
  > 3:3: policy "a" leads through more than 4 nodes to a pool; name what is behind them
  ## a route over a chain that is too long
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   b: {to: c}
  |   c: {to: d}
  |   d: {to: e}
  |   e: {to: main}
  | routes: [{to: b, deny: set}]
  > 7:10: a route leads through more than 4 nodes to a pool; name what is behind them
  ## share within try
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [y, main]}
  |   y: {share: {main: 10%, spare: rest}}
  | routes: [{to: x}]
  > 3:13: try: policy "y" has "share", which stands above "try"; a member leads to pools and answers only
  ## a member with clauses
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, y]}
  |   y: {to: spare, ttl: {max: 1m}}
  | routes: [{to: x}]
  > 3:19: try: policy "y" has clauses, which stand above "try"; a member leads to pools and answers only
  ## a member with clauses behind to
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, z]}
  |   y: {to: spare, deny: set}
  |   z: {to: y}
  | routes: [{to: x}]
  > 3:19: try: policy "y" has clauses, which stand above "try"; a member leads to pools and answers only
  ## a member that refuses commands
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, y]}
  |   y: {commands: {reads: spare}}
  | routes: [{to: x}]
  > 3:19: try: policy "y" has "commands" without "rest"; a member leads to pools and answers only
  ## a pool twice in one tree
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, y]}
  |   y: {try: [spare, main]}
  | routes: [{to: x}]
  > 3:19: try: pool "main" is behind two members; one way has to leave it out
  ## a route whose pool is a policy
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main}
  | routes: [{pool: x}]
  > 4:11: pool: "x" is a policy; write to: x
  ## a route that is a policy's name
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main}
  | routes: [x]
  > 4:10: routes: expected a mapping such as {prefix: "a:", pool: main}, found "x"; write {to: x}
  ## a route to a policy that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   cache: {to: main}
  | routes: [{to: cahce}]
  > 4:15: unknown pool or policy "cahce"; did you mean "cache"?
  ## a route with prefix and keys
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{prefix: a, keys: [b], pool: main}, {pool: main}]
  > 2:11: "prefix" beside "keys": these are whole keys; leave it out
  ## keys as one word
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{keys: flags, pool: main}, {pool: main}]
  > 2:17: keys: expected a list, found "flags"; write [flags]
  ## keys that are empty
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{keys: [], pool: main}, {pool: main}]
  > 2:17: keys: expected at least one item, found an empty list
  ## a key that is listed twice
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{keys: [a, b], pool: main}, {keys: [c, a], pool: spare}]
  > 2:49: duplicate key "a", first on line 2
  ## a key with a space
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{keys: ["a b", ""], pool: main}, {pool: main}]
  > 2:18: keys: space or control byte in "a b": no key has one
  > 2:25: keys: expected a key, found ""
  ## a route with pool and to
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{pool: main, to: spare}]
  > 2:23: "to" beside "pool" in a route; leave it out
  ## a route with an unknown verb
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{prefix: a, replicate: [main, spare]}]
  > 2:22: unknown key "replicate" in a route; expected one of prefix, keys, pool, to, try, share, commands, answer, on, on_miss, later_ttl, deletes, salt, allow, deny, values, ttl, deadline
  ## a listener to a policy that is misspelled
  | listen: [{address: 127.0.0.1:1, to: cahce}]
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies: {cache: {to: main}}
  > 1:37: unknown pool or policy "cahce"; did you mean "cache"?
  """#
