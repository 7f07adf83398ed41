// A histogram of latencies, within 1 % at any size: 64 buckets for every power of two of nanoseconds.
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

enum { FINE_BITS = 6, FINE = 1 << FINE_BITS, BUCKETS = (64 - FINE_BITS + 1) * FINE };

struct latency {
  uint64_t count, longest, bucket[BUCKETS];
  double sum;
};

static inline void record(struct latency *all, uint64_t ns) {
  // Below 2 * FINE the bucket is the value; above it, the value's top FINE_BITS + 1 bits and their shift.
  unsigned shift = 63 - (unsigned)__builtin_clzll(ns | (2 * FINE - 1)) - FINE_BITS;
  all->bucket[(shift << FINE_BITS) + (ns >> shift)]++;
  all->count++;
  all->sum += (double)ns;
  if (ns > all->longest) all->longest = ns;
}

// The latency, in microseconds, that `share` (0...1) of the requests did not exceed.
static inline double quantile(const struct latency *all, double share) {
  uint64_t wanted = (uint64_t)(share * (double)all->count), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += all->bucket[i];
    if (seen <= wanted) continue;
    if (i < 2 * FINE) return i / 1e3;
    unsigned shift = (i >> FINE_BITS) - 1;
    return ((double)((uint64_t)(i - (shift << FINE_BITS)) << shift) + (double)(1ull << shift) / 2) / 1e3;
  }
  return (double)all->longest / 1e3;
}

#endif
