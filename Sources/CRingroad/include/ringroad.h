// C library calls that Swift cannot make: fork(2), macros, and headers missing from its Glibc module.
#ifndef RINGROAD_H
#define RINGROAD_H

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

// An argument of main; 0 is the program's name. NULL behind the last one.
const char *ringroad_argument(int index);

// Continues in a new process with its own session; the working directory and the standard streams stay. The old
// process waits until `ringroad_detach` is called with the value of `ready`, and exits with 0, or with 1 if the new
// process ends before. Returns 0, or errno. Call it before any thread is started.
int ringroad_daemonize(int *ready);

// Redirects the standard streams to /dev/null, and reports the successful start to the waiting process.
void ringroad_detach(int ready);

// accept4(2): accepts a connection that is non-blocking and closed on exec. Returns its descriptor, or -1 and errno.
int ringroad_accept(int listener, struct sockaddr *peer, socklen_t *length);

// Sets the group and then the user (real, effective and saved) of all threads. Returns 0, or errno.
int ringroad_set_ids(uid_t user, gid_t group);

// Sets the calling thread's timer slack to 1 µs instead of the default 50 µs.
void ringroad_fine_timers(void);

// Writes the numbers of the processors that the calling thread may run on, lowest first, at most `most` of them.
// Returns the number written, or -1 and errno.
int ringroad_allowed_processors(int *numbers, int most);

// Pins the calling thread to one processor. Returns 0, or errno.
int ringroad_bind_thread(int processor);

// Sets the calling thread's name for ps and top; at most 15 bytes.
void ringroad_name_thread(const char *name);

// Returns malloc's free memory to the system, also from the middle of its heaps. The time grows with the amount of
// free memory; other threads that allocate wait for it.
void ringroad_trim_memory(void);

// Makes malloc map each block of 128 KiB or more by itself, and unmap it when it is freed. By default malloc soon
// raises this threshold and keeps such blocks, and the holes they leave, among the small ones.
void ringroad_map_large_blocks(void);

#endif
