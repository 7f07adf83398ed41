// What the load generator and the stand-in server agree on: the keys, and every byte of every value.
//
//   key 1234    "bench:00001234"
//   its value   a window into one fixed pattern, starting at byte 1234
//
// A value is therefore checked with one memcmp and no lookup, and no two keys below WINDOWS share one.
// The pattern holds all byte values and, every so often, a whole end of a reply: a proxy that looks for
// line ends inside values instead of counting bytes cannot pass.
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_PREFIX "bench:"
#define FLAGS "7"  // of every item, so that a reply with its flags lost is seen
enum {
  PREFIX_BYTES = sizeof(KEY_PREFIX) - 1,
  DIGITS = 8,
  KEY_BYTES = PREFIX_BYTES + DIGITS,
  WINDOWS = 65521,  // prime
  KEYS_MAX = 99999999,
};

static char *pattern;

// Makes the pattern: the same bytes in every process, enough for values of `longest` bytes.
static inline void make_pattern(size_t longest) {
  static const char trap[] = "\r\nEND\r\n";
  const size_t size = longest + WINDOWS;
  uint64_t state = 0x72696e67726f6164;
  pattern = malloc(size + 8);
  if (!pattern) { perror("malloc"); exit(2); }
  for (size_t i = 0; i < size; i += 8) {
    // splitmix64
    uint64_t word = state += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    memcpy(pattern + i, &word, 8);
  }
  for (size_t i = 50; i + sizeof trap <= size; i += 1009) memcpy(pattern + i, trap, sizeof trap - 1);
}

static inline const char *value_of(uint32_t id) { return pattern + id % WINDOWS; }

// Writes the key of `id`: KEY_BYTES bytes, no terminator.
static inline void write_key(char *to, uint32_t id) {
  memcpy(to, KEY_PREFIX, PREFIX_BYTES);
  for (int i = KEY_BYTES - 1; i >= PREFIX_BYTES; i--, id /= 10) to[i] = (char)('0' + id % 10);
}

// The id that a key stands for, or -1 for a key that is none of ours.
static inline int64_t read_key(const char *key, size_t length) {
  if (length != KEY_BYTES || memcmp(key, KEY_PREFIX, PREFIX_BYTES) != 0) return -1;
  int64_t id = 0;
  for (size_t i = PREFIX_BYTES; i < KEY_BYTES; i++) {
    if (key[i] < '0' || key[i] > '9') return -1;
    id = id * 10 + (key[i] - '0');
  }
  return id;
}

#endif
