// What a process has used so far, read from /proc: CPU time of all its threads, and its memory.
#ifndef USAGE_H
#define USAGE_H

#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

struct usage {
  uint64_t run_ns;                  // on a CPU, all threads, from the scheduler: exact
  uint64_t user_ticks, system_ticks;  // sampled at clock ticks: good for the split only
  uint64_t resident_kb;
};

static inline struct usage usage_of(pid_t pid) {
  struct usage used = {0};
  char path[320], text[4096];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *tasks = opendir(path);
  for (struct dirent *task; tasks && (task = readdir(tasks));) {
    if (!isdigit((unsigned char)task->d_name[0])) continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, task->d_name);
    FILE *file = fopen(path, "r");
    unsigned long long ns = 0;
    if (file && fscanf(file, "%llu", &ns) == 1) used.run_ns += ns;
    if (file) fclose(file);
  }
  if (tasks) closedir(tasks);

  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (file && fgets(text, sizeof text, file)) {
    unsigned long user = 0, system = 0;
    const char *after_name = strrchr(text, ')');  // the name may hold anything, so count from behind it
    if (after_name && sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2) {
      used.user_ticks = user;
      used.system_ticks = system;
    }
  }
  if (file) fclose(file);

  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  file = fopen(path, "r");
  unsigned long kb;
  while (file && fgets(text, sizeof text, file))
    if (sscanf(text, "VmRSS: %lu", &kb) == 1) used.resident_kb = kb;
  if (file) fclose(file);
  return used;
}

#endif
