// What Swift cannot say of the C library: daemon(3), macros, and headers that its Glibc module leaves out.
#ifndef RINGROAD_H
#define RINGROAD_H

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

// Detaches from the terminal and goes to the background; the working directory stays.
// Returns 0, or errno. Must be called before any thread is started.
int ringroad_daemonize(void);

// accept4(2): takes a connection that is non-blocking and closed on exec from the start.
// Returns its descriptor, or -1 and errno.
int ringroad_accept(int listener, struct sockaddr *peer, socklen_t *length);

// Sets the group and then the user, real, effective and saved alike, of all threads.
// Returns 0, or errno.
int ringroad_set_ids(uid_t user, gid_t group);

// Times a wait to the microsecond instead of 50 of them, for the calling thread.
void ringroad_fine_timers(void);

// Names the calling thread for ps and top; at most 15 bytes.
void ringroad_name_thread(const char *name);

// Gives back to the system what malloc keeps free, in the middle of its heaps as well. Takes time that goes
// with what is free; other threads that need memory wait for it.
void ringroad_trim_memory(void);

// From now on malloc gets each block of 128 KiB and more from the system by itself, and gives it back when it is
// freed. Of its own accord it would soon keep such blocks among the small ones, and the holes that they leave.
void ringroad_map_large_blocks(void);

#endif
