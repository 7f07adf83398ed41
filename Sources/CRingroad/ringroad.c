#define _GNU_SOURCE
#include "ringroad.h"

#include <errno.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

int ringroad_daemonize(void) { return daemon(1, 0) == 0 ? 0 : errno; }

int ringroad_accept(int listener, struct sockaddr *peer, socklen_t *length) {
  return accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int ringroad_set_ids(uid_t user, gid_t group) {
  if (setresgid(group, group, group) != 0) return errno;
  return setresuid(user, user, user) == 0 ? 0 : errno;
}

void ringroad_fine_timers(void) { prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); }

void ringroad_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL); }

void ringroad_trim_memory(void) { malloc_trim(0); }

void ringroad_map_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 128 * 1024); }
