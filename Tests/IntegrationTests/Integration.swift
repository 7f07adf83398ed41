import Testing

/// Real servers, the real proxy, real clients. The tests run one after the other, because each starts threads and
/// processes, and they measure time.
@Suite(.serialized, .timeLimit(.minutes(1)))
enum Integration {}
