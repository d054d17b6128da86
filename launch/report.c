#include "report.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "launch.h"

int report_map(struct launch *l, int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return -1;
  if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct report)) {
    errno = EINVAL;
    return -1;
  }
  void *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED)
    return -1;
  uint64_t times = ((uint64_t)st.st_size - sizeof(struct report)) / sizeof(struct times);
  l->report = at;
  l->report_times = times < UINT32_MAX ? (uint32_t)times : UINT32_MAX;
  return 0;
}

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* CLOCK_MONOTONIC differs between time namespaces, CLOCK_REALTIME does not; both are read without
 * a system call (vDSO). So what is shared is real time, shifted by the difference at the start. */
uint64_t report_now(void) {
  static uint64_t shift;
  if (shift == 0)
    shift = clock_ns(CLOCK_MONOTONIC) - clock_ns(CLOCK_REALTIME);
  return clock_ns(CLOCK_REALTIME) + shift;
}

void report_begin(struct launch *l) {
  uint32_t n = l->first_index + l->index;
  l->report->current = n;
  if (n < l->report_times)
    l->report->times[n].before_ns = report_now();
}

void report_done(struct launch *l) {
  uint32_t n = l->first_index + l->index;
  if (n < l->report_times)
    l->report->times[n].after_ns = report_now();
}

static void put(char *field, size_t size, const char *text) {
  size_t length = text == NULL ? 0 : strnlen(text, size - 1);
  memcpy(field, text == NULL ? "" : text, length);
  memset(field + length, 0, size - length);
}

/* The first failure is the one that is told: what fails in its wake does not hide it. */
int fail(struct launch *l, const char *call, const char *path) {
  int error = errno;
  struct report *r = l->report;
  if (r->failed == NO_OPERATION) {
    r->error = error;
    put(r->call, sizeof r->call, call);
    put(r->path, sizeof r->path, path);
    r->failed = l->plan.ops == NULL ? SETUP_FAILED : l->first_index + l->index;
  }
  errno = error;
  return -1;
}

void report_forget(struct launch *l) {
  struct report *r = l->report;
  r->failed = NO_OPERATION;
  r->error = 0;
  r->detail = 0;
  put(r->call, sizeof r->call, NULL);
  put(r->path, sizeof r->path, NULL);
}

int slot_fd(struct launch *l, const struct arg *arg) {
  if (arg->number < l->slot_count && l->slots[arg->number] >= 0)
    return l->slots[arg->number];
  errno = EBADF;
  return fail(l, "slot", NULL);
}

void slot_set(struct launch *l, const struct arg *arg, int fd) {
  if (arg->number >= l->slot_count) {
    close(fd);
    return;
  }
  int *slot = &l->slots[arg->number];
  if (*slot >= 0)
    close(*slot);
  *slot = fd;
  l->opened[arg->number] = true;
}
