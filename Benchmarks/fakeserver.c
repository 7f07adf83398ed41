// fakeserver: a memcached that stores nothing and answers at once, so that the proxy in front of it is what
// limits a benchmark.
//
//   get bench:00001234   the value every load generator expects for that key
//   set bench:00001234   STORED, if the bytes are that value; SERVER_ERROR if they are not
//   --canned N           any line: one fixed reply with N values of key 0. One recv and one send per
//                        batch and no parsing: the floor below which no proxy can be
//   --fault KIND:N       every Nth chance, one fault of that kind; the load generator must notice each
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <sys/prctl.h>

#include "wire.h"
#include "workload.h"

// ---- Faults ------------------------------------------------------------------------------------------------

enum fault { NONE, BYTE, KEY, LENGTH, FLAG, SWAP, DROP, EXTRA, ERROR, SILENT, CLOSE, UNSTORED, FAULTS };
static const char *const fault_names[FAULTS] = {
  "none", "byte", "key", "length", "flag", "swap", "drop", "extra", "error", "silent", "close", "unstored"};
static enum fault armed = NONE;
static unsigned long fault_every = 1, chances;

static bool strikes(enum fault kind) { return kind == armed && ++chances % fault_every == 0; }

static bool arm(const char *text) {
  const char *colon = strchr(text, ':');
  if (!colon || !(fault_every = strtoul(colon + 1, NULL, 10))) return false;
  for (int kind = BYTE; kind < FAULTS; kind++)
    if (strlen(fault_names[kind]) == (size_t)(colon - text) && !strncmp(text, fault_names[kind], (size_t)(colon - text)))
      armed = (enum fault)kind;
  return armed != NONE;
}

// ---- Connections -------------------------------------------------------------------------------------------

struct client {
  struct wire wire;
  bool is_listener;
  size_t body_left, body_at;  // a value being received, with its line end
  int64_t body_id;            // whose it must be; -1: anybody's
  bool body_is_good;
  bool is_quiet;       // noreply
  char success[1024];  // what to say when it has arrived
};

static size_t value_bytes = 100;
static char *canned;
static size_t canned_length;

struct token {
  const char *at;
  size_t length;
};

static struct token next_token(const char **at, const char *end) {
  while (*at < end && **at == ' ') ++*at;
  const char *space = memchr(*at, ' ', (size_t)(end - *at));
  struct token token = {*at, (size_t)((space ? space : end) - *at)};
  *at += token.length;
  return token;
}

static bool is(struct token token, const char *word) {
  return token.length == strlen(word) && memcmp(token.at, word, token.length) == 0;
}

static void say(struct client *client, const char *text) { append(&client->wire, text, strlen(text)); }

// ---- get gets gat gats -------------------------------------------------------------------------------------

// The rest of a VALUE line behind the key: " 7 100\r\n", or with a cas " 7 100 1\r\n".
struct text {
  char at[64];
  size_t length;
};
static struct text plain_tail, cas_tail;

static struct text tail(const char *flags, size_t length, bool with_cas) {
  struct text text;
  text.length = (size_t)snprintf(text.at, sizeof text.at, " %s %zu%s\r\n", flags, length, with_cas ? " 1" : "");
  return text;
}

static void say_value(struct client *client, uint32_t id, bool with_cas) {
  char *start = reserve(&client->wire, value_bytes + 128), *to = start;
  struct text wrong;
  const struct text *rest = with_cas ? &cas_tail : &plain_tail;
  size_t length = value_bytes;
  if (strikes(FLAG)) wrong = tail("8", length, with_cas), rest = &wrong;
  if (length && strikes(LENGTH)) wrong = tail(FLAGS, --length, with_cas), rest = &wrong;
  memcpy(to, "VALUE ", 6);
  write_key(to + 6, strikes(KEY) ? id + 1 : id);
  to += 6 + KEY_BYTES;
  memcpy(to, rest->at, rest->length);
  to += rest->length;
  memcpy(to, value_of(id), length);
  if (length && strikes(BYTE)) to[length / 2] ^= 1;
  to += length;
  memcpy(to, "\r\n", 2);
  client->wire.end += (size_t)(to + 2 - start);
}

static bool answer_get(struct client *client, const char *at, const char *end, bool with_cas) {
  if (strikes(CLOSE)) return false;
  if (strikes(SILENT)) return true;
  if (strikes(ERROR)) return say(client, "SERVER_ERROR injected\r\n"), true;
  int64_t held_back = -1;
  for (struct token key; (key = next_token(&at, end)).length;) {
    const int64_t id = read_key(key.at, key.length);
    if (id < 0 || strikes(DROP)) continue;
    if (held_back < 0 && at < end && strikes(SWAP)) { held_back = id; continue; }
    say_value(client, (uint32_t)id, with_cas);
    if (held_back >= 0) say_value(client, (uint32_t)held_back, with_cas);
    held_back = -1;
  }
  if (held_back >= 0) say_value(client, (uint32_t)held_back, with_cas);
  say(client, strikes(EXTRA) ? "END\r\nEND\r\n" : "END\r\n");
  return true;
}

// ---- Meta commands: only what a proxy needs to find its way ------------------------------------------------

// Gives back the flags that a reply repeats: k (the key), O (opaque), and the items' fixed f, s, t, c.
static void say_meta(struct client *client, const char *code, struct token key, const char *at, const char *end) {
  say(client, code);
  for (struct token flag; (flag = next_token(&at, end)).length;) {
    char *to = reserve(&client->wire, key.length + flag.length + 32);
    size_t n = 0;
    switch (flag.at[0]) {
      case 'k': n = (size_t)sprintf(to, " k%.*s", (int)key.length, key.at); break;
      case 'O': n = (size_t)sprintf(to, " %.*s", (int)flag.length, flag.at); break;
      case 'f': n = (size_t)sprintf(to, " f" FLAGS); break;
      case 's': n = (size_t)sprintf(to, " s%zu", value_bytes); break;
      case 't': n = (size_t)sprintf(to, " t-1"); break;
      case 'c': n = (size_t)sprintf(to, " c1"); break;
    }
    client->wire.end += n;
  }
  say(client, "\r\n");
}

static void answer_meta_get(struct client *client, const char *at, const char *end) {
  const struct token key = next_token(&at, end);
  const int64_t id = read_key(key.at, key.length);
  bool wants_value = false, is_quiet = false;
  const char *flags = at;
  for (struct token flag; (flag = next_token(&flags, end)).length;) {
    wants_value |= flag.at[0] == 'v';
    is_quiet |= flag.at[0] == 'q';
  }
  if (id < 0) {
    if (!is_quiet) say(client, "EN\r\n");
    return;
  }
  char code[32] = "HD";
  if (wants_value) snprintf(code, sizeof code, "VA %zu", value_bytes);
  say_meta(client, code, key, at, end);
  if (wants_value) {
    append(&client->wire, value_of((uint32_t)id), value_bytes);
    say(client, "\r\n");
  }
}

// ---- One request -------------------------------------------------------------------------------------------

static void expect_body(struct client *client, struct token key, struct token size) {
  size_t length = 0;
  for (size_t i = 0; i < size.length && size.at[i] >= '0' && size.at[i] <= '9' && length < 1u << 30; i++)
    length = length * 10 + (size_t)(size.at[i] - '0');
  client->body_id = read_key(key.at, key.length);
  client->body_is_good = client->body_id < 0 || length == value_bytes;
  client->body_left = length + 2;
  client->body_at = 0;
}

// Takes back what was said since `mark`, to say it when the body has come. False: it is too long.
static bool hold_success(struct client *client, size_t mark) {
  const size_t length = client->wire.end - mark;
  if (length >= sizeof client->success) return false;
  memcpy(client->success, client->wire.out + mark, length);
  client->success[length] = 0;
  client->wire.end = mark;
  return true;
}

static void take_body(struct client *client, const char *bytes, size_t size) {
  const size_t value_left = client->body_left > 2 ? client->body_left - 2 : 0;
  const size_t compared = size < value_left ? size : value_left;
  if (client->body_is_good && client->body_id >= 0)
    client->body_is_good = !memcmp(bytes, value_of((uint32_t)client->body_id) + client->body_at, compared);
  client->body_at += compared;
  client->body_left -= size;
  if (client->body_left || client->is_quiet) return;
  say(client, !client->body_is_good ? "SERVER_ERROR not the value of this key\r\n"
              : strikes(UNSTORED)   ? "NOT_STORED\r\n"
                                    : client->success);
}

static bool is_one_of(struct token token, const char *const *words) {
  for (; *words; words++)
    if (is(token, *words)) return true;
  return false;
}

// False: close the connection.
static bool answer(struct client *client, const char *line, const char *end) {
  static const char *const storing[] = {"set", "add", "replace", "append", "prepend", "cas", NULL};
  const char *at = line;
  const struct token verb = next_token(&at, end);
  if (is(verb, "get") || is(verb, "gets")) return answer_get(client, at, end, verb.length == 4);
  if (is(verb, "gat") || is(verb, "gats")) {
    next_token(&at, end);  // exptime
    return answer_get(client, at, end, verb.length == 4);
  }
  if (is_one_of(verb, storing)) {
    const struct token key = next_token(&at, end);
    next_token(&at, end);  // flags
    next_token(&at, end);  // exptime
    const struct token size = next_token(&at, end);
    if (is(verb, "cas")) next_token(&at, end);
    client->is_quiet = is(next_token(&at, end), "noreply");
    strcpy(client->success, "STORED\r\n");
    expect_body(client, key, size);
  } else if (is(verb, "ms")) {
    const struct token key = next_token(&at, end), size = next_token(&at, end);
    reserve(&client->wire, 1);  // may move `end`
    const size_t mark = client->wire.end;
    client->is_quiet = false;
    say_meta(client, "HD", key, at, end);
    if (!hold_success(client, mark)) return false;
    expect_body(client, key, size);
  } else if (is(verb, "mg")) {
    answer_meta_get(client, at, end);
  } else if (is(verb, "md")) {
    say_meta(client, "HD", next_token(&at, end), at, end);
  } else if (is(verb, "mn")) {
    say(client, "MN\r\n");
  } else if (is(verb, "quit")) {
    return false;
  } else if (end - line < 8 || memcmp(end - 8, " noreply", 8)) {
    say(client, is(verb, "version")                         ? "VERSION 1.6.18\r\n"
                : is(verb, "stats")                         ? "END\r\n"
                : is(verb, "delete")                        ? "DELETED\r\n"
                : is(verb, "touch")                         ? "TOUCHED\r\n"
                : is(verb, "incr") || is(verb, "decr")      ? "1\r\n"
                : is(verb, "flush_all") || is(verb, "verbosity") ? "OK\r\n"
                                                            : "ERROR\r\n");
  }
  return true;
}

// ---- The loop ----------------------------------------------------------------------------------------------

// Answers all whole requests in `at..<end`. False: close the connection.
static bool consume(struct client *client, const char *at, const char *end) {
  while (at < end) {
    if (client->body_left) {
      const size_t here = (size_t)(end - at) < client->body_left ? (size_t)(end - at) : client->body_left;
      take_body(client, at, here);
      at += here;
      continue;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    if (!newline) break;
    if (canned) append(&client->wire, canned, canned_length);
    else if (!answer(client, at, newline > at && newline[-1] == '\r' ? newline - 1 : newline)) return false;
    at = newline + 1;
  }
  return keep(&client->wire, at, (size_t)(end - at));
}

static void accept_all(int listener) {
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    struct client *client = calloc(1, sizeof *client);
    if (!client) die("calloc");
    client->wire.fd = fd;
    send_at_once(fd);
    watch_fd(EPOLL_CTL_ADD, fd, EPOLLIN, client);
  }
}

static bool serve(struct client *client, uint32_t events) {
  if (events & EPOLLOUT && !flush(&client->wire, client)) return false;
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return true;
  const ssize_t n = receive(&client->wire);
  if (n <= 0) return n == 0;
  const bool stays = consume(client, scratch, scratch + n);
  return (client->wire.wants_write || flush(&client->wire, client)) && stays;
}

// Listens on `port` of the loopback interface (0: any free one) and gives the port.
static int listen_on(int port) {
  struct client *listener = calloc(1, sizeof *listener);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in address = loopback(port);
  socklen_t length = sizeof address;
  if (!listener || fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 4096)) die("bind");
  if (getsockname(fd, (struct sockaddr *)&address, &length)) die("getsockname");
  listener->wire.fd = fd;
  listener->is_listener = true;
  watch_fd(EPOLL_CTL_ADD, fd, EPOLLIN, listener);
  return ntohs(address.sin_port);
}

static void can(long values) {
  struct client cook = {0};
  for (long i = 0; i < values; i++) say_value(&cook, 0, false);
  say(&cook, "END\r\n");
  canned = cook.wire.out;
  canned_length = cook.wire.end;
}

static void usage(void) {
  fprintf(stderr,
          "usage: fakeserver [--port P] [--ports N] [--value-bytes B] [--canned VALUES] [--fault KIND:EVERY]\n"
          "  Listens on loopback at P (0: any free ports), P+1, ...; prints the ports on one line when ready.\n"
          "  faults:");
  for (int kind = BYTE; kind < FAULTS; kind++) fprintf(stderr, " %s", fault_names[kind]);
  fprintf(stderr, "\n");
  exit(2);
}

int main(int argc, char **argv) {
  static const struct option options[] = {
    {"port", 1, NULL, 'p'},   {"ports", 1, NULL, 'n'}, {"value-bytes", 1, NULL, 'v'},
    {"canned", 1, NULL, 'c'}, {"fault", 1, NULL, 'f'}, {NULL, 0, NULL, 0}};
  int port = 0, ports = 1;
  long canned_values = 0;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'p': port = atoi(optarg); break;
      case 'n': ports = atoi(optarg); break;
      case 'v': value_bytes = strtoul(optarg, NULL, 10); break;
      case 'c': canned_values = atol(optarg); break;
      case 'f': if (!arm(optarg)) usage(); break;
      default: usage();
    }
  if (optind < argc || ports < 1) usage();
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the benchmark that started it
  signal(SIGPIPE, SIG_IGN);
  make_pattern(value_bytes);
  plain_tail = tail(FLAGS, value_bytes, false);
  cas_tail = tail(FLAGS, value_bytes, true);
  if (canned_values > 0) can(canned_values);
  if ((loop = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
  for (int i = 0; i < ports; i++) printf("%s%d", i ? " " : "", listen_on(port ? port + i : 0));
  printf("\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[256];
    const int n = epoll_wait(loop, events, 256, -1);
    for (int i = 0; i < n; i++) {
      struct client *client = events[i].data.ptr;
      if (client->is_listener) {
        accept_all(client->wire.fd);
      } else if (!serve(client, events[i].events)) {
        release(&client->wire);
        free(client);
      }
    }
  }
}
