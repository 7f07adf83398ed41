import Testing

/// Real servers, the real proxy, real clients; one test after the other, since each has threads and
/// processes of its own and what is measured is time.
@Suite(.serialized, .timeLimit(.minutes(1)))
enum Integration {}
