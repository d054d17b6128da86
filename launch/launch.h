/* The state of a launch, shared by the phases (main.c) and the operations. */
#ifndef ORLOP_LAUNCH_H
#define ORLOP_LAUNCH_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ops.h"
#include "paths.h"
#include "plan.h"

struct report;

struct launch {
  enum side side; /* which process this is */
  int proc;       /* O_PATH descriptor of the host's procfs */
  int control;    /* control socket to the caller; -1 on the other sides and once closed */
  int peer;       /* socket to the other side (between the launcher and the other process) */
  int *slots;     /* descriptors, -1 where nothing is open */
  uint32_t slot_count;
  struct report *report; /* shared with the caller and between the sides */
  uint32_t report_times; /* how many operations have room for their times in it */
  struct plan plan;      /* the part of the plan that is being performed */
  uint32_t index;        /* the operation within this part */
  uint32_t first_index;  /* number of operations in the parts before */
  pid_t process;         /* PID of the container's process, or of the middle one before the clone,
                            in the launcher's PID namespace; 0: there is none */
  int pidfd;             /* of that process, launcher's side only; else -1 */
  int terminal;          /* master of the container's terminal, if the launcher keeps it; else -1 */
  int start;             /* the start connection, container's side only; else -1 */
  bool created;          /* await_start was reached */
  const char *program;   /* what find_program found */
};

/* An operation returns 0, or -1 after fail(). It may leave a partial effect: after a failure the
 * whole container is torn down. */
typedef int op_fn(struct launch *l, const struct arg *arg);

/* Records which system call (or step) failed with the present errno, and on what; returns -1.
 * `path` may be NULL. */
int fail(struct launch *l, const char *call, const char *path);

/* The descriptor in a slot, or -1 with errno EBADF (recorded) where there is none. */
int slot_fd(struct launch *l, const struct arg *arg);

/* Puts a descriptor (close-on-exec) into a slot, closing what was there. */
void slot_set(struct launch *l, const struct arg *arg, int fd);

/* Gives the master of the container's terminal to the launcher, which keeps it for `resize`; on
 * the container's side it is sent over. The descriptor is used up. Returns 0, or -1 with errno. */
int keep_terminal(struct launch *l, int master);

/* The directory in which an operation resolves its path: the slot's, or AT_FDCWD (the host's own
 * root) for NO_SLOT. -1 as slot_fd(). */
static inline int base_fd(struct launch *l, const struct arg *arg) {
  return arg->number == NO_SLOT ? AT_FDCWD : slot_fd(l, arg);
}

#endif
