// One end of a TCP connection on an epoll loop: what is still to be sent, and the unfinished line received.
#ifndef WIRE_H
#define WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 10, RECEIVE_BYTES = 256 << 10 };

struct wire {
  int fd;
  bool wants_write;  // the socket was full: EPOLLOUT is armed
  char *out;         // bytes from `sent` to `end` are still to go
  size_t sent, end, capacity;
  char *line;  // an unfinished line, LINE_MAX_BYTES once allocated
  size_t line_length;
};

static int loop = -1;  // the process's one epoll
static char scratch[LINE_MAX_BYTES + RECEIVE_BYTES];

static inline void die(const char *what) { perror(what); exit(2); }

static inline struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void watch_fd(int operation, int fd, uint32_t events, void *owner) {
  struct epoll_event event = {.events = events, .data.ptr = owner};
  if (epoll_ctl(loop, operation, fd, &event)) die("epoll_ctl");
}

static inline void send_at_once(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// Room for `size` more bytes to send. The caller fills it and adds what it used to `end`.
static inline char *reserve(struct wire *wire, size_t size) {
  if (wire->sent == wire->end) wire->sent = wire->end = 0;
  if (wire->end + size > wire->capacity) {
    size_t capacity = wire->capacity ? wire->capacity : 4096;
    while (capacity < wire->end + size) capacity *= 2;
    wire->out = realloc(wire->out, capacity);
    if (!wire->out) die("realloc");
    wire->capacity = capacity;
  }
  return wire->out + wire->end;
}

static inline void append(struct wire *wire, const char *bytes, size_t size) {
  memcpy(reserve(wire, size), bytes, size);
  wire->end += size;
}

// Sends what the socket takes; `owner` is the epoll data of the connection. False: the connection is lost.
static inline bool flush(struct wire *wire, void *owner) {
  while (wire->sent < wire->end) {
    ssize_t n = send(wire->fd, wire->out + wire->sent, wire->end - wire->sent, MSG_NOSIGNAL);
    if (n >= 0) {
      wire->sent += (size_t)n;
    } else if (errno == EAGAIN) {
      if (!wire->wants_write) watch_fd(EPOLL_CTL_MOD, wire->fd, EPOLLIN | EPOLLOUT, owner);
      wire->wants_write = true;
      return true;
    } else if (errno != EINTR) {
      return false;
    }
  }
  if (wire->wants_write) watch_fd(EPOLL_CTL_MOD, wire->fd, EPOLLIN, owner);
  wire->wants_write = false;
  return true;
}

// Receives once behind the unfinished line. Gives the length of what now stands in `scratch`, 0 where there
// was nothing to read, -1 where the connection ended.
static inline ssize_t receive(struct wire *wire) {
  if (wire->line_length) memcpy(scratch, wire->line, wire->line_length);
  ssize_t n = recv(wire->fd, scratch + wire->line_length, RECEIVE_BYTES, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) return -1;
  n += (ssize_t)wire->line_length;
  wire->line_length = 0;
  return n;
}

// Keeps an unfinished line for the next `receive`. False: no line is that long.
static inline bool keep(struct wire *wire, const char *bytes, size_t size) {
  if (size > LINE_MAX_BYTES) return false;
  if (size && !wire->line && !(wire->line = malloc(LINE_MAX_BYTES))) die("malloc");
  if (size) memcpy(wire->line, bytes, size);
  wire->line_length = size;
  return true;
}

static inline void release(struct wire *wire) {
  close(wire->fd);
  free(wire->out);
  free(wire->line);
  *wire = (struct wire){.fd = -1};
}

#endif
