/* The state of a launch, shared by the phases (main.c) and the operations. */
#ifndef ORLOP_LAUNCH_H
#define ORLOP_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

struct report;

struct launch {
  enum side side;          /* which process this is */
  int proc;                /* O_PATH descriptor of the host's procfs */
  int control;             /* control socket to the caller */
  int *slots;              /* descriptors, -1 where nothing is open */
  uint32_t slot_count;
  uint32_t inherited;      /* how many of the first slots the caller passed */
  struct report *report;   /* shared with the caller and between the sides */
  pid_t container;         /* host PID of the container's process; 0 before the clone */
  int pidfd;               /* of the container's process, launcher's side only */
  const char *program;     /* what find_program found */
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

/* --- paths.c: nothing resolved here leads out of `root` --- */

/* O_PATH (or other flags) descriptor of an existing path in `root`; -1 with errno. An empty path
 * is `root` itself. */
int path_open(int root, const char *path, uint64_t flags);

enum leaf { LEAF_DIRECTORY, LEAF_FILE };

/* As path_open(O_PATH), but makes what is missing: directories with `mode`, the last component of the
 * given type. Dangling symlinks are followed inside the root. */
int path_make(int root, const char *path, enum leaf leaf, mode_t mode);

/* O_PATH descriptor of the directory that holds the last component of `path` (made if missing);
 * `name` is set to that component (inside `path`). */
int path_parent(int root, const char *path, const char **name);

#endif
