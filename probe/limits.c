/* Attempts to get more than the limits allow. Harmless, for the control groups of this process are
 * its own: they have the same limits as the container's, and nobody else in them. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

static uint64_t now_us(clockid_t clock) {
  struct timespec t = {0};
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- memory --- */

/* If somebody has to be killed for memory, it shall be this process. */
static void be_first_victim(void) {
  int fd = open_path("/proc/self/oom_score_adj", O_WRONLY);
  if (fd >= 0 && write(fd, "1000", 4) < 0)
    return; /* the kernel takes the largest, and will find this one anyway */
}

struct outcome try_exceed_memory(const struct settings *s, unsigned argument) {
  enum { PAGE = 4096 };
  (void)argument;
  be_first_victim();
  char *memory = mmap(NULL, s->memory, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return answer(-1, 0);
  for (uint64_t at = 0; at < s->memory; at += PAGE)
    ((volatile char *)memory)[at] = 1;
  return outcome(DONE, 0);
}

/* --- tasks --- */

static _Noreturn void *wait_for_the_end(void *unused) {
  (void)unused;
  for (;;)
    pause();
}

/* Threads count as processes do, and all end with the one that made them, whatever happens. */
struct outcome try_exceed_tasks(const struct settings *s, unsigned argument) {
  enum { STACK = 16384 };
  pthread_attr_t small;
  pthread_t thread;
  (void)argument;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK);
  for (uint64_t made = 0; made < s->tasks; made++) {
    errno = pthread_create(&thread, &small, wait_for_the_end, NULL);
    if (errno != 0)
      return answer(-1, 0);
  }
  return outcome(DONE, 0);
}

/* --- CPU time --- */

enum { PERIODS = 8, SLACK = 50 };

static void burn(uint64_t until) {
  while (now_us(CLOCK_MONOTONIC) < until)
    ;
}

static void *burn_until(void *until) {
  burn(*(const uint64_t *)until);
  return NULL;
}

/* With two more threads than the quota has CPUs. Over n periods the kernel may give n + 1 of their
 * quotas: the last one begins within. */
struct outcome try_exceed_cpu(const struct settings *s, unsigned argument) {
  uint64_t began = now_us(CLOCK_MONOTONIC);
  uint64_t until = began + PERIODS * s->cpu_period;
  pthread_t thread;
  (void)argument;
  for (uint64_t i = 0; i <= s->cpu / 1000; i++)
    if (pthread_create(&thread, NULL, burn_until, &until) != 0)
      return outcome(BROKEN, EAGAIN);
  burn(until);
  uint64_t wall = now_us(CLOCK_MONOTONIC) - began;
  uint64_t got = now_us(CLOCK_PROCESS_CPUTIME_ID) * 1000 / wall;
  uint64_t allowed = s->cpu + s->cpu * s->cpu_period / wall + SLACK;
  return outcome(got > allowed ? DONE : LIMITED, (int)got);
}
