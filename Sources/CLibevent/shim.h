// libevent's event loop, whose memory is the caller's own, and its HTTP server.
// First, as the rest of the program has it: libevent's own headers switch on more of the C library.
#include <sys/types.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/http.h>
#include <event2/listener.h>
