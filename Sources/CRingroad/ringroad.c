#define _GNU_SOURCE
#include "ringroad.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

// glibc passes main's arguments to constructors. Swift reads them from /proc, which a chroot may not have.
static int argument_count;
static char **argument_texts;

__attribute__((constructor)) static void keep_arguments(int count, char **texts) {
  argument_count = count;
  argument_texts = texts;
}

const char *ringroad_argument(int index) {
  return index >= 0 && index < argument_count ? argument_texts[index] : NULL;
}

int ringroad_daemonize(int *ready) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  pid_t child = fork();
  if (child < 0) {
    int reason = errno;
    close(ends[0]);
    close(ends[1]);
    return reason;
  }
  if (child > 0) {
    close(ends[1]);
    char byte;
    ssize_t count;
    do {
      count = read(ends[0], &byte, 1);
    } while (count < 0 && errno == EINTR);
    _exit(count == 1 ? 0 : 1);
  }
  close(ends[0]);
  setsid();
  *ready = ends[1];
  return 0;
}

void ringroad_detach(int ready) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    for (int stream = 0; stream <= 2; stream++) dup2(null, stream);
    if (null > 2) close(null);
  }
  char byte = 0;
  while (write(ready, &byte, 1) < 0 && errno == EINTR) {
  }
  close(ready);
}

int ringroad_accept(int listener, struct sockaddr *peer, socklen_t *length) {
  return accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int ringroad_set_ids(uid_t user, gid_t group) {
  if (setresgid(group, group, group) != 0) return errno;
  return setresuid(user, user, user) == 0 ? 0 : errno;
}

int ringroad_allowed_processors(int *numbers, int most) {
  // The kernel refuses a set that is smaller than its own, and does not report its own size.
  for (int room = CPU_SETSIZE; room <= 1 << 20; room *= 2) {
    cpu_set_t *set = CPU_ALLOC(room);
    if (set == NULL) return -1;
    size_t size = CPU_ALLOC_SIZE(room);
    int count = 0;
    int code = sched_getaffinity(0, size, set);
    int reason = errno;
    for (int i = 0; code == 0 && i < room && count < most; i++) {
      if (CPU_ISSET_S(i, size, set)) numbers[count++] = i;
    }
    CPU_FREE(set);
    if (code == 0) return count;
    errno = reason;
    if (reason != EINVAL) return -1;
  }
  return -1;
}

int ringroad_bind_thread(int processor) {
  cpu_set_t *set = CPU_ALLOC(processor + 1);
  if (set == NULL) return ENOMEM;
  size_t size = CPU_ALLOC_SIZE(processor + 1);
  CPU_ZERO_S(size, set);
  CPU_SET_S(processor, size, set);
  int reason = sched_setaffinity(0, size, set) == 0 ? 0 : errno;
  CPU_FREE(set);
  return reason;
}

void ringroad_fine_timers(void) { prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); }

void ringroad_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0UL, 0UL, 0UL); }

void ringroad_trim_memory(void) { malloc_trim(0); }

void ringroad_map_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 128 * 1024); }
