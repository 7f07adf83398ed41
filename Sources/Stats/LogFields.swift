/// The fields of log lines, `name=value`, in alphabetical order: the one table of them. Their names stay as they are.
package enum LogFields {
  package static let all: [Definition] = [
    .init("address", .text, "The address on which the proxy listens"),
    .init("addresses", .text, "The addresses of a host that has several"),
    .init("after", .text, "How long all workers took to apply a server's status, in microseconds"),
    .init("again", .text, "When the proxy tries again by itself"),
    .init("alive", .text, "Whether a probe was answered: true or false"),
    .init("asked", .text, "A request that a server's reply does not fit: its command and its bytes, no data"),
    .init("bytes", .gauge, "bytes", "Buffered bytes of the client that was closed"),
    .init(
      "cause", .text, "Why a server failed: refused, unreachable, timed out, connection lost, protocol error"),
    .init("change", .text, "What a reload has changed: the pool or the section, and the setting"),
    .init("client", .text, "A client's address, where the system tells it"),
    .init(
      "clients", .gauge, "clients", "Clients connected now, or the number that descriptors are enough for"),
    .init("command", .text, "The command of a slow request"),
    .init("deleted", .gauge, "keys", "Outdated keys deleted on a server; everything if it was flushed"),
    .init("descriptors", .gauge, "descriptors", "The process's limit of open files"),
    .init(
      "do", .text, "What you can do about it; of a server that joins, what the proxy does with its items"),
    .init("failed", .text, "What a server answered wrongly before its return: flush, delete or stats"),
    .init("from", .text, "A server's address before the change"),
    .init(
      "got", .text, "The reply that does not fit: its first word if memcached has it, and its bytes, no data"),
    .init("hits", .gauge, "keys", "The keys of a slow multi-get that were hits"),
    .init("host", .text, "A host name of the configuration"),
    .init("instead", .text, "What the proxy uses meanwhile"),
    .init("items", .text, "Items that a server held when it was put back, or unknown"),
    .init(
      "key", .text,
      "The first key of a slow request: its hash, FNV-1a of 64 bits in 16 hexadecimal digits, or with log.slow.keys: plain the key"
    ),
    .init(
      "keys", .text,
      "What happens to a server's keys; or the number of keys that it cannot hold, or of a slow multi-get"),
    .init(
      "left_out", .gauge, "lines", "Lines of this kind that were left out since the last that was written"),
    .init("level", .text, "The level of the log: error, warning, info or debug"),
    .init("limit", .gauge, "clients", "The most clients that the proxy accepts"),
    .init("limits.clients", .gauge, "clients", "The setting of that name"),
    .init("limits.half_request_timeout", .text, "The setting of that name"),
    .init("limits.unread_timeout", .text, "The setting of that name"),
    .init("line", .text, "The message of the lines left out"),
    .init("lines", .gauge, "lines", "Log lines dropped because the log could not be written"),
    .init("log.to", .text, "The setting of that name"),
    .init("owners", .text, "Servers whose keys an overflowed journal held, or all"),
    .init("pool", .text, "The pool's name"),
    .init("processor", .text, "The number of the processor for a worker"),
    .init("processors", .text, "The processors of the workers, or how many the process may use"),
    .init("queue", .text, "How long a slow request waited in the proxy before its last byte was sent"),
    .init("reason", .text, "What the system, the resolver or the configuration's check reported"),
    .init("refused", .gauge, "clients", "Connections closed because there was no descriptor for them"),
    .init("rejected", .counter, "clients", "Clients rejected since the start because there were too many"),
    .init("reply", .text, "How long a slow request's server took after that to answer, or had not answered"),
    .init(
      "result", .text,
      "How a slow request ended: hit, miss, stored, deleted, server_error, timed_out and the like"),
    .init("server", .text, "The server's address as configured"),
    .init("share", .text, "The share of a pool's keys that have another server since a reload"),
    .init("to", .text, "A server's address after the change"),
    .init("took", .text, "How long a slow request took, from its arrival"),
    .init(
      "unread", .text, "How long the client of a slow request has left earlier replies unread, if it has"),
    .init("version", .text, "The proxy's version"),
    .init("waited", .text, "How long the start waited for host names"),
    .init("wanted", .gauge, "descriptors", "The limit of open files that the configuration needs"),
    .init("what", .text, "A summary of the configuration"),
    .init("why", .text, "What led to the event: a signal, a changed file, the floor, a rule"),
    .init("worker", .text, "The worker's number"),
    .init("workers", .gauge, "workers", "The number of workers"),
  ]
}
