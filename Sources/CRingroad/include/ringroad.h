// What Swift cannot say of the C library: daemon(3), and macros.
#ifndef RINGROAD_H
#define RINGROAD_H

// Detaches from the terminal and goes to the background; the working directory stays.
// Returns 0, or errno. Must be called before any thread is started.
int ringroad_daemonize(void);

// Binds the calling thread to one CPU (modulo the number there are). Returns 0, or errno.
int ringroad_pin_thread(int cpu);

// Times a wait to the microsecond instead of 50 of them, for the calling thread.
void ringroad_fine_timers(void);

#endif
