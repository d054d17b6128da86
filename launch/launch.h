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
struct text;

struct launch {
  enum side side; /* which process this is */
  int proc;       /* O_PATH descriptor of the host's procfs */
  int control;    /* socket to the caller; -1 once closed and on the other sides */
  int peer;       /* socket to the process on the other side; -1 if there is none */
  int link[2];    /* sockets for the container's side, before the clone: the launcher's end
                     and the container's; else -1 */
  int *slots;     /* descriptors, -1 where nothing is open */
  bool *opened;   /* which of them an operation has opened, and not the caller passed */
  uint32_t slot_count;
  struct report *report; /* shared with the caller and between the sides */
  uint32_t report_times; /* how many operations have room for their times in it */
  struct plan plan;      /* the part of the plan that is being performed */
  uint32_t index;        /* the operation within this part */
  uint32_t first_index;  /* number of operations in the parts before */
  bool turn;             /* the next operation is this side's */
  pid_t middle;          /* PID of the middle process, 0 if there is none (any more) */
  pid_t container;       /* PID of the container's process, 0 before the clone */
  int pidfd;             /* of the container's process, launcher's side only; else -1 */
  int terminal;          /* master of the container's terminal, if the launcher keeps it; else -1 */
  int start;             /* the start connection, container's side only; else -1 */
  bool created;          /* await_start was reached */
  bool in_directory;     /* change_directory has succeeded */
  bool filtered;         /* a seccomp filter was loaded, which may refuse anything */
  const char *home;      /* "HOME=..." that find_home found, or NULL */
  const char *program;   /* what find_program found */
  bool supervised;       /* supervise was performed */
  struct text *title;    /* where the process's arguments are shown; NULL if nowhere */
  int image;             /* descriptor of the program, if use_program gave one; else -1 */
};

/* An operation returns 0, or -1 after fail(). It may leave a partial effect: after a failure the
 * whole container is torn down. */
typedef int op_fn(struct launch *l, const struct arg *arg);

/* Records which system call (or step) failed with the present errno, and on what; returns -1.
 * `path` may be NULL. */
int fail(struct launch *l, const char *call, const char *path);

/* The descriptor in a slot, or -1 with errno EBADF (recorded) where there is none. */
int slot_fd(struct launch *l, const struct arg *arg);

/* The directory in which an operation resolves its path: the slot's, or AT_FDCWD (the host's own
 * root) for NO_SLOT. -1 as slot_fd(). */
static inline int base_fd(struct launch *l, const struct arg *arg) {
  return arg->number == NO_SLOT ? AT_FDCWD : slot_fd(l, arg);
}

/* Puts a descriptor (close-on-exec) into a slot, closing what was there. */
void slot_set(struct launch *l, const struct arg *arg, int fd);

/* Gives the master of the container's terminal to the launcher, which keeps it for `resize`; on
 * the container's side it is sent over. The descriptor is used up. Returns 0, or -1 with errno. */
int keep_terminal(struct launch *l, int master);

#endif
