// What Swift cannot say of the C library: fork(2), macros, and headers that its Glibc module leaves out.
#ifndef RINGROAD_H
#define RINGROAD_H

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

// Goes on in a new process with a session of its own; the working directory and the standard streams stay. The old one
// waits until `ringroad_detach` is given what `ready` has become, and exits with 0, or with 1 if this one ends before.
// Returns 0, or errno. Must be called before any thread is started.
int ringroad_daemonize(int *ready);

// Lets go of the terminal, and tells who waits that all is well.
void ringroad_detach(int ready);

// accept4(2): takes a connection that is non-blocking and closed on exec from the start.
// Returns its descriptor, or -1 and errno.
int ringroad_accept(int listener, struct sockaddr *peer, socklen_t *length);

// Sets the group and then the user, real, effective and saved alike, of all threads.
// Returns 0, or errno.
int ringroad_set_ids(uid_t user, gid_t group);

// Times a wait to the microsecond instead of 50 of them, for the calling thread.
void ringroad_fine_timers(void);

// Writes the numbers of the processors that the calling thread may run on, lowest first and at most `most` of them.
// Returns how many it wrote, or -1 and errno.
int ringroad_allowed_processors(int *numbers, int most);

// Keeps the calling thread on one processor.
// Returns 0, or errno.
int ringroad_bind_thread(int processor);

// Names the calling thread for ps and top; at most 15 bytes.
void ringroad_name_thread(const char *name);

// Gives back to the system what malloc keeps free, in the middle of its heaps as well. Takes time that goes
// with what is free; other threads that need memory wait for it.
void ringroad_trim_memory(void);

// From now on malloc gets each block of 128 KiB and more from the system by itself, and gives it back when it is
// freed. Of its own accord it would soon keep such blocks among the small ones, and the holes that they leave.
void ringroad_map_large_blocks(void);

#endif
