/// Files that are refused as YAML, in the format of `badFiles`.
let badYAML = #"""
  ## an empty file
  > 1:1: the file is empty; the smallest valid file is servers: [127.0.0.1:11211]
  ## nothing but comments
  | # servers: [a]
  | ---
  > 1:1: the file is empty; the smallest valid file is servers: [127.0.0.1:11211]
  ## an explicit nothing
  | ~
  > 1:1: the file is empty; the smallest valid file is servers: [127.0.0.1:11211]
  ## a list instead of a mapping
  | - 10.0.0.1:11211
  > 1:1: the file: expected a mapping, found a list
  ## a word instead of a mapping
  | 10.0.0.1:11211
  > 1:1: the file: expected a mapping, found "10.0.0.1:11211"
  ## a bracket left open
  | servers: [10.0.0.1:11211
  | threads: 2
  > 2:8: YAML: did not find expected ',' or ']' (while parsing a flow sequence that began on line 1)
  ## a brace closed by a bracket
  | servers:
  |   - {address: 10.0.0.1:11211]
  > 2:29: YAML: did not find expected ',' or '}' (while parsing a flow mapping)
  ## a quote left open
  | servers: ["10.0.0.1]
  > 2:1: YAML: found unexpected end of stream (while scanning a quoted scalar that began on line 1)
  ## a tab as indentation
  | pools:
  | 	main:
  > 2:1: YAML: found character that cannot start any token (while scanning for the next token); YAML indents with spaces, never tabs, and a text that begins with %, @ or ` must be in quotes
  ## lines indented in two ways
  | limits:
  |   clients: 10
  |  max_value: 1MiB
  > 3:2: YAML: did not find expected key (while parsing a block mapping that began on line 1)
  ## a key without a colon
  | servers: [a]
  | threads
  > 3:1: YAML: could not find expected ':' (while scanning a simple key that began on line 2)
  ## a text that begins with a percent sign
  | servers: [a]
  | floor: %50
  > 2:8: YAML: found character that cannot start any token (while scanning for the next token); YAML indents with spaces, never tabs, and a text that begins with %, @ or ` must be in quotes
  ## an anchor
  | servers: &all [a, b]
  > 1:10: anchors (&name) are not supported; write the value out
  ## an alias
  | servers: *all
  > 1:10: aliases (*name) are not supported; write the value out
  ## an alias as key
  | *all : x
  > 1:1: aliases (*name) are not supported; write the value out
  ## a tag
  | servers: [!!str a]
  > 1:11: tags (!name) are not supported; write the value alone
  ## a tag on a mapping
  | limits: !limits {clients: 1}
  > 1:9: tags (!name) are not supported; write the value alone
  ## a merge key
  | servers: [a]
  | <<: {threads: 2}
  > 2:1: unknown key "<<" in the file; expected one of listen, threads, pin_threads, pools, routes, limits, log, drain_timeout, servers, placement, hash, hash_tag, connect_timeout, request_timeout, failures, probe_interval, probe_max, on_failure, reads_on_failure, writes_on_failure, rejoin, on_join, floor, connections
  ## two documents
  | servers: [a]
  | ---
  | servers: [b]
  > 2:1: a second document begins here: expected one
  ## nested too deeply
  | servers: [[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]
  > 1:25: nested deeper than 16 levels
  ## a mapping as key
  | servers: [a]
  | {threads: 2}: 4
  > 2:1: the file: expected a word as key, found a mapping
  """#
