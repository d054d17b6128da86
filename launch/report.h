/* The report: memory shared with the caller and between the sides (docs/launch-plan.md). */
#ifndef ORLOP_REPORT_H
#define ORLOP_REPORT_H

#include <stdint.h>
#include <sys/types.h>

#define REPORT_MAGIC 0x524c524fU /* "ORLR" */
#define REPORT_VERSION 1
#define NO_OPERATION UINT32_MAX
#define SETUP_FAILED 0xfffffffeU
#define REPORT_FAILURE_SIZE 512 /* what goes over a start connection: the first part */
#define TIMED_OUT 1000
#define REPORT_COUNTERS 4

enum phase { PREPARING, CREATED, RUNNING, FAILED, EXITED };

struct times {
  uint64_t before_ns;
  uint64_t after_ns;
};

struct report {
  uint32_t magic;
  uint32_t version;
  uint32_t phase;
  int32_t pid;
  uint32_t failed;
  int32_t error;
  uint32_t detail;
  uint32_t cgroups_left; /* of those to be removed at the end */
  char call[32];
  char path[448];
  int32_t status;
  uint32_t reserved_too;
  uint64_t ended_realtime_ns;
  uint64_t user_us;
  uint64_t system_us;
  uint64_t max_rss_kib;
  uint64_t began_ns;
  uint64_t running_ns;
  /* Between the sides only. */
  _Atomic uint32_t current;        /* operation that is being performed, counted over all parts */
  _Atomic int32_t listener;        /* seccomp listener + 1, of the container's process */
  _Atomic uint32_t listener_taken; /* the launcher has sent it */
  _Atomic uint32_t alive;          /* thread id of the launcher; FUTEX_OWNER_DIED once it is dead */
  char output[408];                /* the end of what a hook or helper that failed has written */
  /* Of a supervised container that has ended: its control group's. All ones: nobody says. */
  uint64_t counters[4];
  struct times times[];
};

_Static_assert(sizeof(struct report) == 1024, "layout of the report");
_Static_assert(__builtin_offsetof(struct report, call) == 32, "layout of the report");
_Static_assert(__builtin_offsetof(struct report, path) == 64, "layout of the report");
_Static_assert(__builtin_offsetof(struct report, status) == 512, "layout of the report");
_Static_assert(__builtin_offsetof(struct report, running_ns) == 560, "layout of the report");
_Static_assert(__builtin_offsetof(struct report, output) == 584, "layout of the report");
_Static_assert(__builtin_offsetof(struct report, counters) == 992, "layout of the report");

struct launch;

/* Maps the report that is open as `fd`, as large as it is now; -1 with errno. */
int report_map(struct launch *l, int fd);

/* Empties a failure that an operation has recorded and then dealt with. */
void report_forget(struct launch *l);

/* Time on CLOCK_MONOTONIC as the launcher's first process sees it, in ns, in every process and
 * every time namespace. */
uint64_t report_now(void);

/* Marks the present operation as begun or as done. */
void report_begin(struct launch *l);
void report_done(struct launch *l);

#endif
