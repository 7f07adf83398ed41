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
  > 1:1: the file: expected a mapping, found a list; write servers: [10.0.0.1:11211]
  ## a word instead of a mapping
  | 10.0.0.1:11211
  > 1:1: the file: expected a mapping, found "10.0.0.1:11211"; write servers: [10.0.0.1:11211]
  ## a bracket left open
  | servers: [10.0.0.1:11211
  | threads: 2
  > 1:10: a bracket that is not closed; put ] at the end of line 1
  ## a brace closed by a bracket
  | servers:
  |   - {address: 10.0.0.1:11211]
  > 2:29: ] closes a bracket that } should close; put } instead
  ## a quote left open
  | servers: ["10.0.0.1]
  > 1:11: a quote that is not closed; write "10.0.0.1"
  ## a tab as indentation
  | pools:
  | 	main: {servers: [a]}
  > 2:1: a tab before the text of the line: YAML indents with spaces; put two spaces instead
  ## lines indented in two ways
  | limits:
  |   clients: 10
  |  max_value: 1MiB
  | servers: [a]
  > 3:2: wrong indentation: 1 space; put 2 spaces before it, as on line 2
  ## a key without a colon
  | servers: [a]
  | threads
  > 2:1: no colon after "threads"; write threads: auto
  ## a text that begins with a percent sign
  | servers: [a]
  | floor: %50
  > 2:8: "%" cannot begin a text without quotes; write 50%
  ## an anchor
  | servers: &all [a, b]
  > 1:10: anchors (&name) are not supported; leave it out, and repeat the value where it is used
  ## an alias
  | servers: *all
  > 1:10: aliases (*name) are not supported; repeat the value here
  ## an alias as key
  | *all : x
  > 1:1: aliases (*name) are not supported; repeat the value here
  ## a tag
  | servers: [!!str a]
  > 1:11: tags (!name) are not supported; leave it out
  ## a tag on a mapping
  | limits: !limits {clients: 1}
  | servers: [a]
  > 1:9: tags (!name) are not supported; leave it out
  ## a merge key
  | servers: [a]
  | <<: {threads: 2}
  > 2:1: unknown key "<<" in the file; merge keys are not supported: repeat the keys here
  ## two documents
  | servers: [a]
  | ---
  | servers: [b]
  > 2:1: a second document begins here: expected one; leave out this line and all below it
  ## nested too deeply
  | servers: [[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]
  > 1:25: nested deeper than 16 levels
  ## a mapping as key
  | servers: [a]
  | {threads: 2}: 4
  > 2:1: the file: expected a word as key, found a mapping
  ## tabs at each level
  | pools:
  | 	main:
  | 		servers: [a]
  > 2:1: a tab before the text of the line: YAML indents with spaces; put two spaces instead
  > 3:1: a tab before the text of the line: YAML indents with spaces; put two spaces instead
  ## a tab before an item
  | servers:
  |   - a
  | 	- b
  > 3:1: a tab before the text of the line: YAML indents with spaces; put two spaces instead
  ## a key without a space after the colon
  | servers: [a]
  | floor:50%
  > 2:1: no space after "floor:"; write floor: 50%
  ## the first key without a space after the colon
  | listen:127.0.0.1:11311
  | servers: [a]
  > 1:1: no space after "listen:"; write listen: 127.0.0.1:11311
  ## a list without a space after the colon
  | servers:[10.0.0.1, 10.0.0.2]
  > 1:1: no space after "servers:"; write servers: [10.0.0.1, 10.0.0.2]
  ## a key of a server without a space after the colon
  | servers:
  |   - address:10.0.0.1:11211
  |     weight: 2
  > 2:5: no space after "address:"; write address: 10.0.0.1:11211
  ## a key in braces without a space after the colon
  | servers:
  |   - {address:10.0.0.1:11211, weight: 2}
  > 2:6: unknown key "address:10.0.0.1:11211" in a server; write address: 10.0.0.1:11211
  ## a value without a colon
  | servers: [a]
  | threads 2
  | floor: 10%
  > 2:1: no colon after "threads"; write threads: 2
  ## a value after an equals sign
  | servers: [a]
  | threads = 2
  | floor=10%
  > 2:1: "=" after "threads": YAML has a colon there; write threads: 2
  > 3:1: "=" after "floor": YAML has a colon there; write floor: 10%
  ## a list key without a colon
  | listen: 127.0.0.1:11311
  | servers
  |   - 10.0.0.1
  > 2:1: no colon after "servers"; write servers:
  ## a space after the colon of an address
  | listen: 127.0.0.1: 11311
  | servers: [a]
  > 1:9: a second colon in the value "127.0.0.1: 11311"; write 127.0.0.1:11311
  ## an IPv6 listener without quotes
  | listen: [::1]:11311
  | servers: [a]
  > 1:9: an IPv6 address without quotes: "[::1]:11311"; write "[::1]:11311"
  ## an IPv6 listener without quotes and port
  | listen: [::]
  | servers: [a]
  > 1:10: an IPv6 address without quotes: "::"; write "[::]:11311"
  ## IPv6 servers without quotes
  | servers:
  |   - [::1]:11211
  |   - [fd00::12]
  > 2:5: an IPv6 address without quotes: "[::1]:11211"; write "[::1]:11211"
  > 3:5: an IPv6 address without quotes: "[fd00::12]"; write "[fd00::12]:11211"
  ## IPv6 servers without quotes in brackets
  | servers: [[fd00::11]:11211, ::1]
  > 1:11: an IPv6 address without quotes: "[fd00::11]:11211"; write "[fd00::11]:11211"
  > 1:29: an IPv6 address without quotes: "::1"; write "[::1]:11211"
  ## an IPv6 server in place of the list
  | servers: [fd00::11]:11211
  > 1:10: an IPv6 address without quotes: "[fd00::11]:11211"; write ["[fd00::11]:11211"]
  ## a star without quotes
  | listen: *:11311
  | servers: [a]
  > 1:9: a * without quotes is an alias to YAML; write "0.0.0.0:11311"
  ## a key that is indented by mistake
  | threads: 2
  |   floor: 50%
  | servers: [a]
  > 2:3: wrong indentation: 2 spaces; put no space before it, as on line 1
  ## a key that is indented below a list
  | servers:
  |   - 10.0.0.1
  |   - 10.0.0.2
  |   floor: 50%
  > 4:3: wrong indentation: 2 spaces; put no space before it, as on line 1
  ## an item that is indented less
  | servers:
  |   - 10.0.0.1
  |  - 10.0.0.2
  > 3:2: wrong indentation: 1 space; put 2 spaces before it, as on line 2
  ## an item that is indented more
  | servers:
  |   - 10.0.0.1
  |     - 10.0.0.2
  > 3:5: wrong indentation: 4 spaces; put 2 spaces before it, as on line 2
  ## a key of a server that is indented less
  | servers:
  |   - address: 10.0.0.1
  |    weight: 2
  > 3:4: wrong indentation: 3 spaces; put 4 spaces before it, as on line 2
  ## a key of a server at its dash
  | servers:
  |   - address: 10.0.0.1
  |   weight: 2
  > 3:3: wrong indentation: 2 spaces; put 4 spaces before it, as on line 2
  ## a key of a pool that is indented less
  | pools:
  |   main:
  |     servers: [a]
  |    floor: 10%
  > 4:4: wrong indentation: 3 spaces; put 4 spaces before it, as on line 3
  ## a key of the file among the pools
  | pools:
  |   main:
  |     servers: [a]
  |  listen: 127.0.0.1:11311
  > 4:2: wrong indentation: 1 space; put no space before it, as on line 1
  ## a first line that is indented
  |   listen: 127.0.0.1:11311
  | servers: [a]
  > 1:3: wrong indentation: 2 spaces; put no space before it, as on line 2
  ## servers without dashes
  | servers:
  |   10.0.0.1
  |   10.0.0.2
  > 2:3: no dash before this item; write - 10.0.0.1
  > 3:3: no dash before this item; write - 10.0.0.2
  ## a server without a dash after others
  | servers:
  |   - cache-a
  |   cache-b
  > 3:3: no dash before this item; write - cache-b
  ## dashes without a space
  | servers:
  |   -10.0.0.1
  |   -10.0.0.2
  > 2:3: no space after the dash; write - 10.0.0.1
  > 3:3: no space after the dash; write - 10.0.0.2
  ## dashes of a word processor
  | servers:
  |   – 10.0.0.1
  |   – 10.0.0.2
  > 2:3: "–" is not the dash that begins an item; write - 10.0.0.1
  > 3:3: "–" is not the dash that begins an item; write - 10.0.0.2
  ## stars as dashes
  | servers:
  |   * 10.0.0.1
  |   * 10.0.0.2
  > 2:3: "*" is not the dash that begins an item; write - 10.0.0.1
  > 3:3: "*" is not the dash that begins an item; write - 10.0.0.2
  ## a bracket left open over several lines
  | servers: [10.0.0.1,
  |   10.0.0.2
  | threads: 2
  > 1:10: a bracket that is not closed; put ] at the end of line 2
  ## a brace left open
  | limits: {clients: 5
  | servers: [a]
  > 1:9: a bracket that is not closed; put } at the end of line 1
  ## a bracket too many
  | servers: [10.0.0.1]]
  > 1:20: "]" after the closing bracket; leave it out
  ## a list after a list
  | servers: [10.0.0.1], [10.0.0.2]
  > 1:20: ", [10.0.0.2]" after the closing bracket; leave it out
  ## quoted texts without a comma between
  | servers: ["10.0.0.1" "10.0.0.2"]
  > 1:22: no comma before this; put a comma before it
  ## JSON without a comma
  | {
  |   "servers": ["10.0.0.1"]
  |   "threads": 2
  | }
  > 3:3: no comma before this; put a comma before it
  ## a quote left open in a value
  | servers: [a]
  | rejoin: "flush
  | log: {to: "syslog"}
  > 2:9: a quote that is not closed; write "flush"
  ## a single quote left open
  | servers: ['10.0.0.1, '10.0.0.2']
  > 1:11: a quote that is not closed; write "10.0.0.1"
  ## a hash tag of one brace without quotes
  | servers: [a]
  | hash_tag: {
  > 2:11: hash_tag: expected two visible ASCII characters in quotes, found "{"; write "{}"
  ## a hash tag of two percent signs without quotes
  | servers: [a]
  | hash_tag: %%
  > 2:11: hash_tag: expected two visible ASCII characters in quotes, found "%%"; write "%%"
  ## a name that begins with an at sign
  | servers:
  |   - {address: a, name: @cache}
  > 2:24: "@" cannot begin a text without quotes; write "@cache"
  ## a comma after a list
  | threads: 2
  | servers: [a],
  > 2:13: "," after the closing bracket; leave it out
  ## a semicolon after a list
  | threads: 2
  | servers: [a];
  > 2:13: ";" after the closing bracket; leave it out
  ## a shell variable in a list
  | servers: [${CACHE_HOST}:11211]
  > 1:11: "${CACHE_HOST}" is a placeholder, which ringroad does not fill in; put the value here, or fill in the file before (with envsubst, for example)
  ## a shell variable in an item
  | servers:
  |   - $CACHE_HOST:11211
  > 2:5: "$CACHE_HOST" is a placeholder, which ringroad does not fill in; put the value here, or fill in the file before (with envsubst, for example)
  ## a variable of a template
  | servers:
  |   - address: {{ cache_host }}
  |     weight: 2
  > 2:14: "{{ cache_host }}" is a placeholder, which ringroad does not fill in; put the value here, or fill in the file before (with envsubst, for example)
  ## a variable of a template in quotes
  | servers: ["{{ cache_host }}:11211"]
  > 1:12: "{{ cache_host }}" is a placeholder, which ringroad does not fill in; put the value here, or fill in the file before (with envsubst, for example)
  ## a space that is none after a colon
  | servers: [a]
  | threads: 2
  > 2:9: a character that only looks like a space (U+A0); put a plain space instead
  ## spaces that are none before an item
  | servers:
  |   - a
  > 2:1: a character that only looks like a space (U+A0); put a plain space instead
  > 2:2: a character that only looks like a space (U+A0); put a plain space instead
  ## a merge of an anchor
  | defaults: &defaults
  |   floor: 10%
  | pools:
  |   main:
  |     <<: *defaults
  |     servers: [a]
  > 1:11: anchors (&name) are not supported; leave it out, and repeat the value where it is used
  ## an anchor on a value
  | servers: [a]
  | connect_timeout: &t 200ms
  | request_timeout: *t
  > 2:18: anchors (&name) are not supported; leave it out, and repeat the value where it is used
  ## an end of documents
  | servers: [a]
  | ---
  > 2:1: a second document begins here: expected one; leave out this line and all below it
  ## commas without values
  | servers: [,10.0.0.1,,10.0.0.2]
  > 1:11: a comma without a value before it; leave this comma out
  > 1:21: a comma without a value before it; leave this comma out
  ## a prefix that ends with a colon
  | servers: [a]
  | routes:
  |   - prefix: user:
  |     pool: main
  > 3:13: a second colon in the value "user:"; write "user:"
  ## a prefix in braces that ends with a colon
  | servers: [a]
  | routes: [{prefix: user:, pool: main}]
  > 2:19: a text with a colon at its end: "user:"; write "user:"
  ## a colon at the end of a server in brackets
  | servers: [10.0.0.1:11211:, 10.0.0.2]
  > 1:11: a text with a colon at its end: "10.0.0.1:11211:"; write 10.0.0.1:11211
  ## a mapping on the line of its key
  | servers: [a]
  | log: level: debug
  > 2:6: a second colon in the value "level: debug"; write {level: debug}
  ## two keys on one line
  | listen: 127.0.0.1:11311 servers: [a]
  > 1:9: a second colon in the value "127.0.0.1:11311 servers: [a]"
  ## comments of other languages
  | // the servers
  | servers: [a]
  | ; the end
  > 1:1: a comment begins with # here; write # the servers
  > 3:1: a comment begins with # here; write # the end
  ## a line of words
  | servers: [a]
  | turn it on
  | threads: 2
  > 2:1: no colon in this line
  ## servers after an equals sign
  | servers = 10.0.0.1, 10.0.0.2
  | request_timeout = 400
  | listen 11311
  > 1:1: "=" after "servers": YAML has a colon there; write servers: [10.0.0.1, 10.0.0.2]
  > 2:1: "=" after "request_timeout": YAML has a colon there; write request_timeout: 400ms
  > 3:1: no colon after "listen"; write listen: 127.0.0.1:11311
  ## the keys of a pool beside its name
  | pools:
  |   main:
  |   servers: [a]
  > 3:3: "servers" is not part of pool "main": it is not indented; put 2 spaces before it
  ## a port beside the address
  | listen: {address: 127.0.0.1, port: 11311}
  | servers:
  |   - address: 10.0.0.1
  |     port: 11212
  > 1:9: a listener with "port" beside "address"; write 127.0.0.1:11311
  > 3:5: a server with "port" beside "address"; write 10.0.0.1:11212
  ## two names of one address
  | servers:
  |   - localhost:11211
  |   - 127.0.0.1
  |   - "[::1]"
  |   - "[0:0::1]:11211"
  |   - cache-a
  |   - cache-a.
  > 3:5: duplicate server 127.0.0.1:11211, first on line 2
  > 5:5: duplicate server [0:0::1]:11211, which is [0:0:0:0:0:0:0:1]:11211, first on line 4
  > 7:5: duplicate server cache-a.:11211, which is cache-a:11211, first on line 6
  ## the proxy itself as a server
  | listen: [0.0.0.0:11211, "unix:/run/r.sock"]
  | servers: [localhost, 10.0.0.1, "unix:/run/r.sock"]
  > 2:11: server localhost:11211 is the proxy itself, which listens on 0.0.0.0:11211; it belongs to a memcached, whose usual port is 11211
  > 2:32: server unix:/run/r.sock is the proxy itself, which listens on unix:/run/r.sock; it belongs to a memcached, whose usual port is 11211
  ## the proxy itself at its default address
  | servers: [127.0.0.1:11311]
  > 1:11: server 127.0.0.1:11311 is the proxy itself, which listens on 127.0.0.1:11311; it belongs to a memcached, whose usual port is 11211
  ## settings of a server beside and below its address
  | servers:
  |   - 10.0.0.1 mark: down
  |   - 10.0.0.2, mark: down
  |   - 10.0.0.3: {mark: down}
  > 2:5: a server without "address"; write {address: 10.0.0.1, mark: down}
  > 3:5: a server without "address"; write {address: 10.0.0.2, mark: down}
  > 4:5: a server without "address"; write {address: 10.0.0.3, mark: down}
  ## a setting below an address
  | servers:
  |   - 10.0.0.1
  |     mark: down
  > 3:5: "mark" below a server that is only an address; leave it out, and write line 2 as - {address: 10.0.0.1, mark: down}
  ## a setting of a server, and one that there is not, in the file
  | servers: [a]
  | mark: down
  | idle_timeout: 60s
  > 2:1: unknown key "mark" in the file; it belongs to a server: {address: 10.0.0.1:11211, mark: down}
  > 3:1: unknown key "idle_timeout" in the file; leave it out: an idle client is never closed
  ## a log to systemd's journal by another name
  | servers: [a]
  | log: {to: journal, format: logfmtt}
  > 2:11: to: expected stderr, syslog, journald or the absolute path of a file, found "journal"; did you mean "journald"?
  > 2:28: unknown format "logfmtt"; did you mean "logfmt"?
  ## a log in capital letters, and in a format of none
  | servers: [a]
  | log: {to: Journald, format: ""}
  > 2:11: to: expected stderr, syslog, journald or the absolute path of a file, found "Journald"; did you mean "journald"?
  > 2:29: unknown format ""; expected one of text, json, logfmt
  ## slow requests by a bare time
  | servers: [a]
  | log: {slow: 50ms}
  > 2:13: slow: expected off, or a mapping such as {over: 50ms}, found "50ms"; write {over: 50ms}
  ## slow requests without a time
  | servers: [a]
  | log: {slow: {keys: plain}}
  > 2:13: slow without "over"; such as {over: 50ms}
  ## slow requests with wrong values
  | servers: [a]
  | log:
  |   slow:
  |     over: 50
  |     keys: hashed
  > 4:11: over: no unit in "50"; write "50ms" or "50s"
  > 5:11: unknown keys "hashed"; did you mean "hash"?
  """#
