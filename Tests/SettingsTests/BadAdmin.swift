/// Files whose `admin` is refused, in the format of `badFiles`.
let badAdmin = #"""
  ## an admin address without a host
  | servers: [a]
  | admin: :99
  > 2:8: admin: no host; did you mean "0.0.0.0:99"?
  ## an admin port that is none
  | servers: [a]
  | admin: 127.0.0.1:99999
  > 2:8: admin: expected a port from 1 to 65535, found "99999" in "127.0.0.1:99999"; did you mean "127.0.0.1:11312"?
  ## an admin address that is a list
  | servers: [a]
  | admin: [127.0.0.1:1, 127.0.0.1:2]
  > 2:8: admin: expected off, or an address such as 127.0.0.1:11312, found a list
  ## an admin interface switched on
  | servers: [a]
  | admin: true
  > 2:8: admin: expected off, or an address, found "true"; write 127.0.0.1:11312
  ## an admin interface that is nothing
  | servers: [a]
  | admin:
  > 2:7: admin: expected off, or an address such as 127.0.0.1:11312, found nothing
  ## an admin address with a scheme
  | servers: [a]
  | admin: http://127.0.0.1:11312/
  > 2:8: admin: "http://" in "http://127.0.0.1:11312/": an address has no scheme; did you mean "127.0.0.1:11312"?
  ## an admin mapping without an address
  | servers: [a]
  | admin: {token: {file: /t}}
  > 2:8: admin without "address"; such as {address: 127.0.0.1:11312}
  ## an empty admin mapping
  | servers: [a]
  | admin: {}
  > 2:8: admin without "address"; such as {address: 127.0.0.1:11312}
  ## an unknown key of the admin mapping
  | servers: [a]
  | admin: {adress: 127.0.0.1}
  > 2:9: unknown key "adress" in admin; did you mean "address"?
  ## an admin key of another program
  | servers: [a]
  | admin: {address: 127.0.0.1, password: x}
  > 2:29: unknown key "password" in admin; expected one of address, mode, owner, hosts, token
  ## a token in the file
  | servers: [a]
  | admin: {address: 127.0.0.1, token: secret}
  > 2:36: token: expected a mapping, found "secret"; such as {file: /etc/ringroad.token}
  ## a token without a file
  | servers: [a]
  | admin: {address: 127.0.0.1, token: {}}
  > 2:36: token without "file"; such as {file: /etc/ringroad.token}
  ## a token of a relative file
  | servers: [a]
  | admin: {address: 127.0.0.1, token: {file: token.txt}}
  > 2:43: file: expected the absolute path of a file, found "token.txt"
  ## an unknown key of a token
  | servers: [a]
  | admin: {address: 127.0.0.1, token: {path: /t}}
  > 2:37: unknown key "path" in token; expected one of file
  ## a mode of an admin address that is no Unix socket
  | servers: [a]
  | admin: {address: 127.0.0.1, mode: 0600}
  > 2:29: "mode" is for Unix sockets; an address such as unix:/run/ringroad.sock
  ## an owner of an admin address that is no Unix socket
  | servers: [a]
  | admin: {address: 127.0.0.1, owner: root}
  > 2:29: "owner" is for Unix sockets; an address such as unix:/run/ringroad.sock
  ## a bad mode of the admin socket
  | servers: [a]
  | admin: {address: /run/a.sock, mode: 0999}
  > 2:37: mode: expected permission bits in octal from 0000 to 0777, found "0999"; the default is 0700
  ## an admin host with a port
  | servers: [a]
  | admin: {address: 127.0.0.1, hosts: [a.example:80]}
  > 2:37: hosts: expected the name of a host, without a port, found "a.example:80"
  ## an admin host that is a URL
  | servers: [a]
  | admin: {address: 127.0.0.1, hosts: "http://a.example"}
  > 2:36: hosts: expected the name of a host, without a port, found "http://a.example"
  ## an admin host that is nothing
  | servers: [a]
  | admin: {address: 127.0.0.1, hosts: [~]}
  > 2:37: hosts: expected a value, found nothing
  ## admin hosts that are a mapping
  | servers: [a]
  | admin: {address: 127.0.0.1, hosts: {a: b}}
  > 2:36: hosts: expected a list, found a mapping; such as [ringroad.example]
  ## an admin key that is there twice
  | servers: [a]
  | admin: off
  | admin: 127.0.0.1
  > 3:1: duplicate key "admin", first on line 2
  """#
