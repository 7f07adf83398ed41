// storm: connects, asks, hangs up, as fast as it can: storm PORT CONNECTIONS THREADS
// Prints how many were answered and how many were not. Source addresses are taken in turn, so that ports do not run out.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static int port;
static atomic_long left, answered, failed;

static int once(long number) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) return 0;
  const struct timeval patience = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)(number % 200) * 256)};
  struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  char answer[4];
  const int ok = !bind(fd, (struct sockaddr *)&from, sizeof from) && !connect(fd, (struct sockaddr *)&to, sizeof to) &&
                 send(fd, "mn\r\n", 4, MSG_NOSIGNAL) == 4 && recv(fd, answer, 4, MSG_WAITALL) == 4 && !memcmp(answer, "MN\r\n", 4);
  close(fd);
  return ok;
}

static void *run(void *unused) {
  for (long number; (number = atomic_fetch_sub(&left, 1)) > 0;) atomic_fetch_add(once(number) ? &answered : &failed, 1);
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 4) return fprintf(stderr, "usage: storm PORT CONNECTIONS THREADS\n"), 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  port = atoi(argv[1]);
  left = atol(argv[2]);
  const int count = atoi(argv[3]) < 64 ? atoi(argv[3]) : 64;
  pthread_t threads[64];
  for (int i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, run, NULL)) return 2;
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  printf("%ld %ld\n", answered, failed);
  return 0;
}
