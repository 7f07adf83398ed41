// libevent's core: the event loop and its events.
#include <event2/event.h>
