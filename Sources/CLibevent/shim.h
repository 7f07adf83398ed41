// libevent's core: the event loop and its events, whose memory is the caller's own.
// First, as the rest of the program has it: libevent's own headers switch on more of the C library.
#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>
