/// Policies that are refused.
///
///     ## what is wrong
///     | a line of the file
///     > line:column: message; hint
let badPolicies = #"""
  ## a policy that is a pool's name
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: main
  | routes: [{to: x}]
  > 3:6: policy "x": expected a mapping such as {try: [main, spare]}, found "main"; write {to: main}
  ## a policy that is a word without meaning
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: fast
  | routes: [{to: x}]
  > 3:6: policy "x": expected a mapping such as {try: [main, spare]}, found "fast"; such as {to: main}
  ## a policy that is a list
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: [main, spare]
  | routes: [{to: x}]
  > 3:6: policy "x": expected a mapping such as {try: [main, spare]}, found a list; such as {to: main}
  ## a policy that is empty
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {}
  | routes: [{to: x}]
  > 3:3: policy "x" without a verb; it needs one of to, try, share, commands, answer
  ## policies as a list
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies: [main]
  | routes: [{pool: main}]
  > 2:11: policies: expected a mapping of names to policies, found a list; such as {cache: {to: main}}
  ## a policy without its value
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x:
  | routes: [{pool: main}]
  > 3:5: policy "x": expected a mapping such as {try: [main, spare]}, found nothing; such as {to: main}
  ## policies that are not indented
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  | x: {to: main}
  | routes: [{pool: main}]
  > 2:10: policies: expected a mapping of names to policies, found nothing; such as {cache: {to: main}}
  > 3:1: "x" is not part of "policies": it is not indented; put 2 spaces before it and the lines below it
  ## a policy with the name of a pool
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   main: {to: spare}
  | routes: [{pool: main}]
  > 3:3: policy name: "main" is a pool; write main-policy
  ## two policies with one name
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: spare}
  |   x: {to: main}
  | routes: [{to: x}]
  > 4:3: duplicate policy "x", first on line 3
  ## a policy with a space in its name
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   "x y": {to: spare}
  | routes: [{pool: main}]
  > 3:3: policy name: space or control byte in the name "x y"
  ## a policy with a verb that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {tyr: [main, spare]}
  | routes: [{to: x}]
  > 3:7: unknown key "tyr" in policy "x"; did you mean "try"?
  ## a policy with a pool instead of to
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {pool: main}
  | routes: [{to: x}]
  > 3:7: unknown key "pool" in policy "x"; write to: main
  ## a policy with a prefix
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, prefix: a}
  | routes: [{to: x}]
  > 3:17: unknown key "prefix" in policy "x"; it belongs to a route: {prefix: "user:", pool: main}
  ## a policy with two verbs
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, share: {main: rest}}
  | routes: [{to: x}]
  > 3:17: "share" beside "to" in policy "x"; one of them needs a policy of its own
  ## a target that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: mian}
  | routes: [{to: x}]
  > 3:11: unknown pool or policy "mian"; did you mean "main"?
  ## a target that is a list
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: [main]}
  | routes: [{to: x}]
  > 3:11: to: expected the name of a pool or policy, found a list
  ## a parameter of another verb
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, on: down}
  | routes: [{to: x}]
  > 3:17: "on" is for "try"; leave it out
  ## a salt without share
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spare], salt: a}
  | routes: [{to: x}]
  > 3:27: "salt" is for "share"; leave it out
  ## try with one word
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: main}
  | routes: [{to: x}]
  > 3:12: try: expected a list of 2 to 16 members, found "main"; such as [main, spare]
  ## try with one member
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main]}
  | routes: [{to: x}]
  > 3:12: try: expected a list of 2 to 16 members, found 1; such as [main, spare]
  ## try with nothing
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: []}
  | routes: [{to: x}]
  > 3:12: try: expected a list of 2 to 16 members, found a list; such as [main, spare]
  ## try with a member twice
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spare, main]}
  | routes: [{to: x}]
  > 3:26: try: "main" is named twice; leave it out
  ## try with a mapping as member
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [{to: main}, spare]}
  | routes: [{to: x}]
  > 3:13: try: expected the name of a pool or policy, found a mapping
  ## try with a member that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spaer]}
  | routes: [{to: x}]
  > 3:19: unknown pool or policy "spaer"; did you mean "spare"?
  ## words of try that are misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spare], on: troubl, on_miss: nxt, deletes: al}
  | routes: [{to: x}]
  > 3:31: unknown on "troubl"; did you mean "trouble"?
  > 3:48: unknown on_miss "nxt"; did you mean "next"?
  > 3:62: unknown deletes "al"; did you mean "all"?
  ## a later_ttl without a unit
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spare], later_ttl: 60}
  | routes: [{to: x}]
  > 3:38: later_ttl: no unit in "60"; write "60s" or "60m"
  ## a later_ttl that is too long
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spare], later_ttl: 31d}
  | routes: [{to: x}]
  > 3:38: later_ttl: expected none or a duration of whole seconds from 1s to 30d, found "31d"; the default is 60s
  ## a later_ttl in milliseconds
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {try: [main, spare], later_ttl: 1500ms}
  | routes: [{to: x}]
  > 3:38: later_ttl: expected none or a duration of whole seconds from 1s to 30d, found "1500ms"; the default is 60s
  ## a share as a word
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: main}
  | routes: [{to: x}]
  > 3:14: share: expected a mapping of names to shares, found "main"; such as {main: rest}
  ## a share of nothing
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {}}
  | routes: [{to: x}]
  > 3:14: share: expected a mapping of names to shares, found a mapping; such as {main: rest}
  ## shares without a percent sign
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: 10, spare: rest}}
  | routes: [{to: x}]
  > 3:21: share: expected rest or a share from 0% to 100% with at most two digits after the point, found "10"; did you mean "10%"?
  ## a share as a fraction
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: 0.1, spare: rest}}
  | routes: [{to: x}]
  > 3:21: share: expected rest or a share from 0% to 100% with at most two digits after the point, found "0.1"; did you mean "10%"?
  ## a share with three digits after the point
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: 33.333%, spare: rest}}
  | routes: [{to: x}]
  > 3:21: share: expected rest or a share from 0% to 100% with at most two digits after the point, found "33.333%"
  ## shares that are too little
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: 10%, spare: 80%}}
  | routes: [{to: x}]
  > 3:33: share: the sum is 90%, not 100%; write rest
  ## shares that are too much
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: 60%, spare: 60%}}
  | routes: [{to: x}]
  > 3:21: share: the sum is 120%, not 100%; write rest
  ## shares that are too much beside the rest
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: 101%, spare: rest}}
  | routes: [{to: x}]
  > 3:21: share: expected rest or a share from 0% to 100% with at most two digits after the point, found "101%"
  ## two rests
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {main: rest, spare: rest}}
  | routes: [{to: x}]
  > 3:34: share: only one is "rest"
  ## a share of a pool that is not there
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {share: {man: 10%, spare: rest}}
  | routes: [{to: x}]
  > 3:15: unknown pool or policy "man"; did you mean "main"?
  ## commands as a word
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: main}
  | routes: [{to: x}]
  > 3:17: commands: expected a mapping of commands to names, found "main"; such as {rest: main}
  ## a command that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: {sett: main, rest: spare}}
  | routes: [{to: x}]
  > 3:18: unknown command "sett"; did you mean "set"?
  ## a command of the meta protocol
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: {mg: main, ms: main, rest: spare}}
  | routes: [{to: x}]
  > 3:18: unknown command "mg"; did you mean "reads"?
  > 3:28: unknown command "ms"; did you mean "set"?
  ## a command in capitals
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: {GET: main, rest: spare}}
  | routes: [{to: x}]
  > 3:18: unknown command "GET"; did you mean "get"?
  ## a command without a key
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: {flush_all: main, rest: spare}}
  | routes: [{to: x}]
  > 3:18: command: "flush_all" has no key, so no route has it; leave it out
  ## a command twice
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: {get: main, get: spare, rest: spare}}
  | routes: [{to: x}]
  > 3:29: duplicate command "get", first on line 3
  ## a command that goes to no pool
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {commands: {get: mani, rest: spare}}
  | routes: [{to: x}]
  > 3:23: unknown pool or policy "mani"; did you mean "main"?
  ## an answer that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {answer: nothng}
  | routes: [{to: x}]
  > 3:15: unknown answer "nothng"; did you mean "nothing"?
  ## an answer as a word without quotes
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {answer: maintenance}
  | routes: [{to: x}]
  > 3:15: unknown answer "maintenance"; write "maintenance"
  ## an answer that is not ASCII
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {answer: "müde"}
  | routes: [{to: x}]
  > 3:15: answer: expected a text of at most 200 visible ASCII characters, found "müde"
  ## an answer that is empty
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {answer: ""}
  | routes: [{to: x}]
  > 3:15: answer: expected a text of at most 200 visible ASCII characters, found ""
  ## a denied command that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, deny: write}
  | routes: [{to: x}]
  > 3:23: unknown command "write"; did you mean "writes"?
  ## a denied command in a list that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, deny: [incr, delet]}
  | routes: [{to: x}]
  > 3:30: unknown command "delet"; did you mean "delete"?
  ## a denied command without a key
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, deny: [set, stats]}
  | routes: [{to: x}]
  > 3:29: command: "stats" has no key, so no route has it; leave it out
  ## a word for quiet that is misspelled
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, deny: {writes: quitely}}
  | routes: [{to: x}]
  > 3:32: deny: expected quietly, found "quitely"; write quietly
  ## allow with a mapping
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, allow: {reads: quietly}}
  | routes: [{to: x}]
  > 3:24: allow: expected a command such as set, or reads or writes, found a mapping
  ## allow beside deny
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, allow: reads, deny: set}
  | routes: [{to: x}]
  > 3:31: "deny" beside "allow": what is not allowed is denied; leave it out
  ## values as a size
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, values: 512KiB}
  | routes: [{to: x}]
  > 3:25: values: expected a mapping such as {max: 512KiB}, found "512KiB"; write {max: 512KiB}
  ## values with a wrong word
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, values: {min: 1KiB}}
  | routes: [{to: x}]
  > 3:26: unknown key "min" in values; expected one of max
  ## a ttl as a duration
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, ttl: 7d}
  | routes: [{to: x}]
  > 3:22: ttl: expected a mapping such as {max: 1h}, found "7d"; write {max: 7d}
  ## a ttl without a unit
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, ttl: {max: 3600}}
  | routes: [{to: x}]
  > 3:28: max: no unit in "3600"; write "3600s" or "3600m"
  ## a ttl that ends before it begins
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, ttl: {min: 2h, max: 1h}}
  | routes: [{to: x}]
  > 3:28: ttl: min (2h) is longer than max (1h); write 1h
  ## a ttl that is set and bounded
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, ttl: {set: 1h, max: 2h}}
  | routes: [{to: x}]
  > 3:23: ttl: "set" beside others, which then mean nothing; leave it out
  ## a deadline without a unit
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | policies:
  |   x: {to: main, deadline: 800}
  | routes: [{to: x}]
  > 3:27: deadline: no unit in "800"; write "800ms" or "800s"
  ## a clause at the top level
  | pools: {main: {servers: [a]}, spare: {servers: [b]}}
  | routes: [{pool: main}]
  | deny: writes
  > 3:1: unknown key "deny" in the file; it belongs to a policy: policies: {cache: {try: [main, spare]}}
  ## a verb in a pool
  | pools:
  |   main: {servers: [a], try: [main]}
  > 2:24: unknown key "try" in pool "main"; it belongs to a policy: policies: {cache: {try: [main, spare]}}
  """#
