// loadgen: asks a memcached for values, checks every byte that comes back, and measures.
//
//   closed loop   --connections C --depth D: each connection keeps D requests in flight
//   open loop     --rate R: R requests a second whatever the server does; a request's latency runs from
//                 the moment it was due, so a stall counts against all that should have been sent in it
//
// A reply is right when it is, byte for byte, what memcached says: every value asked for, in the order
// asked, with its key, flags, length and bytes, and one END. One that is not is a failure, as are a miss,
// an error line, a closed connection, bytes nobody asked for, and no reply.
// Prints one JSON object. Exit status: 0, or 1 if anything failed, or 2 if it could not be run.
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "latency.h"
#include "usage.h"
#include "wire.h"
#include "workload.h"

// ---- What was asked for ------------------------------------------------------------------------------------

static struct {
  int port, connections, depth, get_share, keys_per_get;
  uint32_t keys;
  size_t value_bytes;
  double seconds, warmup, rate;
  double patience;     // without any reply for so many seconds, the run has failed
  uint64_t requests;   // stop after so many; 0: after `seconds`
  bool in_sequence;    // every key once, not keys at random
  bool holds;          // when all is answered, stay connected and silent for `seconds`
  pid_t watched;       // whose CPU time and memory to report
  uint64_t seed;
} ask = {.connections = 50, .depth = 1, .get_share = 100, .keys_per_get = 1, .keys = 10000, .value_bytes = 100,
         .seconds = 2, .warmup = 0.3, .patience = 10, .seed = 1};

enum { SECOND = 1000000000, SHOWN = 5 };

// ---- What was seen -----------------------------------------------------------------------------------------

static struct {
  uint64_t mismatches;  // wrong bytes
  uint64_t errors;      // error lines
  uint64_t misses;      // keys without a value
  uint64_t unanswered;  // requests
  uint64_t lost;        // connections that ended, or that were given up
  uint64_t refused;     // connections
} failed;

static enum { WARMING, COUNTING, DRAINING } phase;
static int alive;  // connections
static uint64_t issued, answered, counted, window_start, window_end, last_answer;
static double window_seconds;
static struct latency latency;
static struct usage used_before, used_after, used_at_start;
static struct rusage self_before, self_after;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void begin_window(uint64_t now) {
  phase = COUNTING;
  window_start = now;
  if (!ask.requests) window_end = now + (uint64_t)(ask.seconds * SECOND);
  if (ask.watched) used_before = usage_of(ask.watched);
  getrusage(RUSAGE_SELF, &self_before);
}

static void end_window(uint64_t now) {
  phase = DRAINING;
  window_end = now;
  window_seconds = (double)(now - window_start) / SECOND;
  if (ask.watched) used_after = usage_of(ask.watched);
  getrusage(RUSAGE_SELF, &self_after);
}

// ---- Connections -------------------------------------------------------------------------------------------

struct request {
  uint64_t due;
  uint32_t first;  // a get asks for `keys_per_get` keys from here on, wrapping past the last
  bool is_get;
};

struct connection {
  struct wire wire;
  struct request *queue;  // sent and not yet answered, oldest at `head`; capacity a power of two
  uint32_t head, waiting, capacity;
  int next_key;       // of the oldest request's keys, the one whose value is due
  size_t value_left;  // of the value being received, line end included
  size_t value_at;
};

static struct connection *connections;

__attribute__((format(printf, 3, 4)))
static void complain(const struct connection *connection, uint64_t *counter, const char *format, ...) {
  static int shown;
  (*counter)++;
  if (shown++ >= SHOWN) return;
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "loadgen: connection %ld: ", (long)(connection - connections));
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
}

// Gives up on a connection whose stream can no longer be followed.
static void give_up(struct connection *connection, const char *why) {
  if (connection->wire.fd < 0) return;
  complain(connection, &failed.lost, "%s with %u requests unanswered", why, connection->waiting);
  failed.unanswered += connection->waiting;
  answered += connection->waiting;  // nothing more will come
  connection->waiting = 0;
  release(&connection->wire);
  alive--;
}

// ---- Asking ------------------------------------------------------------------------------------------------

static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(((random_state >> 32) * bound) >> 32);
}

static uint32_t key_of(const struct request *request, int index) {
  const uint32_t id = request->first + (uint32_t)index;
  return id < ask.keys ? id : id % ask.keys;
}

static struct request *queue_request(struct connection *connection) {
  if (connection->waiting == connection->capacity) {
    const uint32_t capacity = connection->capacity ? 2 * connection->capacity : 16;
    struct request *queue = malloc(capacity * sizeof *queue);
    if (!queue) die("malloc");
    for (uint32_t i = 0; i < connection->waiting; i++)
      queue[i] = connection->queue[(connection->head + i) & (connection->capacity - 1)];
    free(connection->queue);
    connection->queue = queue;
    connection->capacity = capacity;
    connection->head = 0;
  }
  return &connection->queue[(connection->head + connection->waiting++) & (connection->capacity - 1)];
}

static void write_get(struct wire *wire, const struct request *request) {
  char *start = reserve(wire, (size_t)ask.keys_per_get * (KEY_BYTES + 1) + 8), *to = start;
  memcpy(to, "get", 3);
  to += 3;
  for (int i = 0; i < ask.keys_per_get; i++) {
    *to++ = ' ';
    write_key(to, key_of(request, i));
    to += KEY_BYTES;
  }
  memcpy(to, "\r\n", 2);
  wire->end += (size_t)(to + 2 - start);
}

static void write_set(struct wire *wire, uint32_t id) {
  char *start = reserve(wire, ask.value_bytes + 128), *to = start;
  memcpy(to, "set ", 4);
  write_key(to + 4, id);
  to += 4 + KEY_BYTES;
  to += sprintf(to, " " FLAGS " 0 %zu\r\n", ask.value_bytes);
  memcpy(to, value_of(id), ask.value_bytes);
  to += ask.value_bytes;
  memcpy(to, "\r\n", 2);
  wire->end += (size_t)(to + 2 - start);
}

static bool all_issued(void) { return phase == DRAINING || (ask.requests && issued >= ask.requests); }

// Adds one request to the connection's output; the caller flushes.
static void issue(struct connection *connection, uint64_t due) {
  struct request *request = queue_request(connection);
  request->due = due;
  request->first = ask.in_sequence ? (uint32_t)(issued * (uint64_t)ask.keys_per_get % ask.keys) : random_below(ask.keys);
  request->is_get = ask.get_share == 100 || random_below(100) < (uint32_t)ask.get_share;
  issued++;
  if (request->is_get) write_get(&connection->wire, request);
  else write_set(&connection->wire, request->first);
}

static void send_out(struct connection *connection) {
  if (!connection->wire.wants_write && !flush(&connection->wire, connection)) give_up(connection, "closed");
}

// The next connection's only request, sent when an earlier one was answered: with a depth of 1 what a proxy
// keeps for a connection is seen, with a greater one also what it took to live through a burst.
static void issue_next_idle(uint64_t now) {
  static int next;
  while (next < ask.connections && connections[next].wire.fd < 0) next++;
  if (next == ask.connections) return;
  issue(&connections[next], now);
  send_out(&connections[next++]);
}

// ---- Checking ----------------------------------------------------------------------------------------------

static void finish(struct connection *connection, uint64_t now) {
  const struct request request = connection->queue[connection->head & (connection->capacity - 1)];
  connection->head++;
  connection->waiting--;
  connection->next_key = 0;
  answered++;
  last_answer = now;
  if (phase == COUNTING) counted++;
  // A closed loop counts what was answered in the window, an open one what was due in it.
  const bool is_counted = ask.rate > 0 ? request.due >= window_start && phase != WARMING : phase == COUNTING;
  if (is_counted) record(&latency, now - request.due);
  if (ask.holds) issue_next_idle(now);
  else if (ask.rate == 0 && !all_issued()) issue(connection, now);
}

// Tells a reply line of which more is known than that it is wrong. False: the stream is lost.
static bool take_odd_line(struct connection *connection, const struct request *request, const char *line, size_t length, uint64_t now) {
  const int shown = length > 80 ? 80 : (int)length;
  if (request->is_get && length == 5 && !memcmp(line, "END\r\n", 5)) {
    complain(connection, &failed.misses, "bench:%08u has no value", key_of(request, connection->next_key));
    failed.misses += (uint64_t)(ask.keys_per_get - connection->next_key - 1);
  } else if (length > 12 && (!memcmp(line, "SERVER_ERROR", 12) || !memcmp(line, "CLIENT_ERROR", 12))) {
    complain(connection, &failed.errors, "%.*s", shown, line);
  } else if (!request->is_get && length == 12 && !memcmp(line, "NOT_STORED\r\n", 12)) {
    complain(connection, &failed.errors, "%.*s", shown, line);
  } else {
    complain(connection, &failed.mismatches, "a %s of bench:%08u was answered: %.*s", request->is_get ? "get" : "set",
             key_of(request, connection->next_key), shown, line);
    return false;
  }
  finish(connection, now);
  return true;
}

static char expected[64];  // a VALUE line; the key is filled in
static size_t expected_length;

// Takes one reply line, its line end included. False: the stream is lost.
static bool take_line(struct connection *connection, const char *line, size_t length, uint64_t now) {
  if (!connection->waiting) {
    complain(connection, &failed.mismatches, "bytes that nobody asked for: %.*s", length > 80 ? 80 : (int)length, line);
    return false;
  }
  const struct request *request = &connection->queue[connection->head & (connection->capacity - 1)];
  if (!request->is_get) {
    if (length != 8 || memcmp(line, "STORED\r\n", 8)) return take_odd_line(connection, request, line, length, now);
    finish(connection, now);
    return true;
  }
  if (connection->next_key < ask.keys_per_get) {
    write_key(expected + 6, key_of(request, connection->next_key));
    if (length != expected_length || memcmp(line, expected, length))
      return take_odd_line(connection, request, line, length, now);
    connection->value_left = ask.value_bytes + 2;
    connection->value_at = 0;
    return true;
  }
  if (length != 5 || memcmp(line, "END\r\n", 5)) return take_odd_line(connection, request, line, length, now);
  finish(connection, now);
  return true;
}

// Takes `size` bytes of a value and its line end.
static bool take_value(struct connection *connection, const char *bytes, size_t size) {
  const uint32_t id = key_of(&connection->queue[connection->head & (connection->capacity - 1)], connection->next_key);
  const size_t left = ask.value_bytes - (connection->value_at < ask.value_bytes ? connection->value_at : ask.value_bytes);
  const size_t in_value = size < left ? size : left;
  bool is_right = !memcmp(bytes, value_of(id) + connection->value_at, in_value);
  for (size_t i = in_value; i < size; i++) is_right &= bytes[i] == "\r\n"[connection->value_at + i - ask.value_bytes];
  connection->value_at += size;
  connection->value_left -= size;
  if (!connection->value_left) connection->next_key++;
  if (!is_right) complain(connection, &failed.mismatches, "wrong bytes in the value of bench:%08u", id);
  return is_right;
}

// Takes replies. False: the stream is lost.
static bool consume(struct connection *connection, const char *at, const char *end, uint64_t now) {
  while (at < end) {
    if (connection->value_left) {
      const size_t here = (size_t)(end - at) < connection->value_left ? (size_t)(end - at) : connection->value_left;
      if (!take_value(connection, at, here)) return false;
      at += here;
      continue;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline) break;
    if (!take_line(connection, at, (size_t)(newline + 1 - at), now)) return false;
    at = newline + 1;
  }
  return keep(&connection->wire, at, (size_t)(end - at));
}

// ---- The loop ----------------------------------------------------------------------------------------------

static void attend(struct connection *connection, uint32_t events) {
  if (connection->wire.fd < 0) return;
  if (events & EPOLLOUT && !flush(&connection->wire, connection)) return give_up(connection, "closed");
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  const ssize_t n = receive(&connection->wire);
  if (n < 0) return give_up(connection, "closed");
  if (n && !consume(connection, scratch, scratch + n, now_ns())) return give_up(connection, "out of step");
  send_out(connection);
}

static void connect_all(void) {
  connections = calloc((size_t)ask.connections, sizeof *connections);
  if (!connections) die("calloc");
  const struct sockaddr_in address = loopback(ask.port);
  for (int i = 0; i < ask.connections; i++) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    connections[i].wire.fd = fd;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address)) {
      complain(&connections[i], &failed.refused, "connect: %s", strerror(errno));
      release(&connections[i].wire);
      continue;
    }
    alive++;
    send_at_once(fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    watch_fd(EPOLL_CTL_ADD, fd, EPOLLIN, &connections[i]);
  }
}

static void issue_first(void) {
  for (int n = 0; n < ask.depth && ask.holds; n++) issue_next_idle(now_ns());
  if (ask.holds) return;
  for (int i = 0; i < ask.connections; i++) {
    if (connections[i].wire.fd < 0) continue;
    for (int n = 0; n < ask.depth && !all_issued(); n++) issue(&connections[i], now_ns());
    send_out(&connections[i]);
  }
}

// Sends what is due by now; gives the moment at which the next is.
static uint64_t issue_due(uint64_t start, uint64_t now) {
  static uint64_t sent;
  for (;; sent++) {
    const uint64_t due = start + (uint64_t)((double)sent / ask.rate * SECOND);
    if (due > now) return due;
    struct connection *connection = &connections[sent % (uint64_t)ask.connections];
    if (connection->wire.fd < 0) { failed.unanswered++; continue; }
    issue(connection, due);
    send_out(connection);
  }
}

static void wait_and_attend(uint64_t now, uint64_t wake) {
  const uint64_t rest = wake > now ? wake - now : 0;
  const struct timespec timeout = {(time_t)(rest / SECOND), (long)(rest % SECOND)};
  struct epoll_event events[256];
  const int n = epoll_pwait2(loop, events, 256, &timeout, NULL);
  for (int i = 0; i < n; i++) attend(events[i].data.ptr, events[i].events);
}

static void run(void) {
  const uint64_t start = last_answer = now_ns(), warm = start + (uint64_t)(ask.warmup * SECOND);
  if (ask.requests) begin_window(start);
  if (ask.rate == 0) issue_first();
  for (;;) {
    uint64_t now = now_ns();
    const bool is_idle = answered == issued && all_issued();
    if (phase == WARMING && now >= warm) begin_window(now);
    if (phase == COUNTING && ask.requests && is_idle && !ask.holds) end_window(now);
    if (phase == COUNTING && ask.holds && now >= last_answer + (uint64_t)(ask.seconds * SECOND) && is_idle) end_window(now);
    if (phase == COUNTING && !ask.requests && now >= window_end) end_window(now);
    if (phase == DRAINING && answered == issued) return;
    if (!alive || (answered < issued && now > last_answer + (uint64_t)(ask.patience * SECOND))) break;

    uint64_t wake = now + SECOND / 50;
    if (phase == WARMING && warm < wake) wake = warm;
    if (phase == COUNTING && !ask.requests && window_end < wake) wake = window_end;
    if (ask.rate > 0 && !all_issued()) {
      const uint64_t due = issue_due(start, now);
      if (due < wake) wake = due;
      now = now_ns();
    }
    wait_and_attend(now, wake);
  }
  if (phase != DRAINING) end_window(now_ns());
  for (int i = 0; i < ask.connections; i++)
    if (connections[i].waiting) give_up(&connections[i], "no reply in time");
}

// ---- The report --------------------------------------------------------------------------------------------

static double seconds_of(struct rusage usage) {
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Gives the exit status.
static int report(void) {
  const double run_us = (double)(used_after.run_ns - used_before.run_ns) / 1e3;
  const double user = (double)(used_after.user_ticks - used_before.user_ticks);
  const double system = (double)(used_after.system_ticks - used_before.system_ticks);
  const double requests = counted ? (double)counted : 1, seconds = window_seconds > 0 ? window_seconds : 1;
  const uint64_t failures = failed.mismatches + failed.errors + failed.misses + failed.unanswered + failed.lost + failed.refused;
  printf("{\"requests\": %lu, \"seconds\": %.4f, \"rps\": %.1f", counted, window_seconds, (double)counted / seconds);
  printf(", \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"longest_us\": %.1f, \"mean_us\": %.1f",
         quantile(&latency, 0.5), quantile(&latency, 0.9), quantile(&latency, 0.99), quantile(&latency, 0.999),
         (double)latency.longest / 1e3, latency.count ? latency.sum / (double)latency.count / 1e3 : 0);
  printf(", \"loadgen_busy\": %.3f", (seconds_of(self_after) - seconds_of(self_before)) / seconds);
  if (ask.watched)
    printf(", \"cpu_us\": %.4f, \"user_share\": %.3f, \"busy\": %.3f, \"rss_start_kb\": %lu, \"rss_kb\": %lu", run_us / requests,
           user + system > 0 ? user / (user + system) : 0, run_us / 1e6 / seconds, used_at_start.resident_kb, used_after.resident_kb);
  printf(", \"mismatches\": %lu, \"errors\": %lu, \"misses\": %lu, \"unanswered\": %lu, \"lost\": %lu, \"refused\": %lu, \"failures\": %lu}\n",
         failed.mismatches, failed.errors, failed.misses, failed.unanswered, failed.lost, failed.refused, failures);
  if (!counted) fprintf(stderr, "loadgen: not one request was answered\n");
  return failures || !counted ? 1 : 0;
}

static void usage(void) {
  fprintf(stderr,
          "usage: loadgen --port P [options]        (127.0.0.1 only)\n"
          "  --connections N (50)   --depth N (1)    closed loop\n"
          "  --rate R                                open loop, requests a second\n"
          "  --gets PERCENT (100)                    the rest are sets\n"
          "  --keys-per-get N (1, at most 1000)      --value-bytes N (100)   --keys N (10000)   --seed N (1)\n"
          "  --seconds S (2)        --warmup S (0.3)      --patience S (10): how long to wait for a reply\n"
          "  --requests N                            exactly N requests, all counted, instead of a time\n"
          "  --fill | --verify                       set or get every key once\n"
          "  --idle                                  one get on each connection, --depth of them at a time,\n"
          "                                          then hold them --seconds\n"
          "  --watch PID                             report this process's CPU time per request and memory\n");
  exit(2);
}

static void parse(int argc, char **argv) {
  static const struct option options[] = {
    {"port", 1, NULL, 'p'},    {"connections", 1, NULL, 'c'}, {"depth", 1, NULL, 'd'},        {"rate", 1, NULL, 'r'},
    {"gets", 1, NULL, 'g'},    {"keys-per-get", 1, NULL, 'm'}, {"value-bytes", 1, NULL, 'v'}, {"keys", 1, NULL, 'k'},
    {"seed", 1, NULL, 's'},    {"seconds", 1, NULL, 't'},     {"warmup", 1, NULL, 'w'},       {"requests", 1, NULL, 'n'},
    {"fill", 0, NULL, 'F'},    {"verify", 0, NULL, 'V'},      {"idle", 0, NULL, 'I'},         {"watch", 1, NULL, 'W'},
    {"patience", 1, NULL, 'P'}, {NULL, 0, NULL, 0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'p': ask.port = atoi(optarg); break;
      case 'c': ask.connections = atoi(optarg); break;
      case 'd': ask.depth = atoi(optarg); break;
      case 'r': ask.rate = atof(optarg); break;
      case 'g': ask.get_share = atoi(optarg); break;
      case 'm': ask.keys_per_get = atoi(optarg); break;
      case 'v': ask.value_bytes = strtoul(optarg, NULL, 10); break;
      case 'k': ask.keys = (uint32_t)strtoul(optarg, NULL, 10); break;
      case 's': ask.seed = strtoull(optarg, NULL, 10); break;
      case 't': ask.seconds = atof(optarg); break;
      case 'w': ask.warmup = atof(optarg); break;
      case 'n': ask.requests = strtoull(optarg, NULL, 10); break;
      case 'F': ask.in_sequence = true, ask.get_share = 0; break;
      case 'V': ask.in_sequence = true, ask.get_share = 100; break;
      case 'I': ask.holds = true; break;
      case 'P': ask.patience = atof(optarg); break;
      case 'W': ask.watched = atoi(optarg); break;
      default: usage();
    }
  if (optind < argc || ask.port < 1 || ask.port > 65535 || ask.connections < 1 || ask.depth < 1 || ask.rate < 0 ||
      ask.get_share < 0 || ask.get_share > 100 || ask.keys_per_get < 1 || ask.keys_per_get > 1000 || ask.keys < 1 ||
      ask.keys > KEYS_MAX || ask.value_bytes > 1u << 30 || ask.seconds <= 0 || ask.warmup < 0)
    usage();
  if (ask.in_sequence) {
    const uint64_t per_request = ask.get_share ? (uint64_t)ask.keys_per_get : 1;
    ask.keys_per_get = (int)per_request;
    ask.requests = (ask.keys + per_request - 1) / per_request;
  }
  if (ask.holds) ask.requests = (uint64_t)ask.connections, ask.rate = 0;
}

int main(int argc, char **argv) {
  parse(argc, argv);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the benchmark that started it
  prctl(PR_SET_TIMERSLACK, 1000UL);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  random_state = (ask.seed + 1) * 0x9e3779b97f4a7c15;
  make_pattern(ask.value_bytes);
  expected_length = (size_t)snprintf(expected, sizeof expected, "VALUE bench:00000000 " FLAGS " %zu\r\n", ask.value_bytes);
  if ((loop = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
  if (ask.watched) used_at_start = usage_of(ask.watched);
  connect_all();
  if (ask.holds) ask.requests = (uint64_t)alive;
  run();
  return report();
}
