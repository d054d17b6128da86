/* Making and ending processes. */
#ifndef ORLOP_PROCESS_H
#define ORLOP_PROCESS_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct arg;
struct launch;

/* clone3(2) without a new stack: returns twice, as fork(2). `cgroup` -1: none. With `pid_out` the
 * kernel writes the new PID there before the process runs. */
pid_t process_clone(uint64_t flags, int cgroup, int *pidfd, int *pid_out);

/* Resets what a program inherits: every signal has its default disposition and none is blocked. */
void process_reset_signals(void);

/* Kills a child and waits for its end; its wait status. */
int process_end(pid_t pid);

/* PID of the calling process as the launcher's procfs has it, whatever namespace it is in. */
pid_t process_host_pid(const struct launch *l);

/* A container's state as hooks and seccomp agents get it: the strings of a list, joined by the PID
 * of the container's process on the host. */
struct state {
  char pid[16];
  struct iovec parts[64];
  unsigned count;
  size_t size;
};

/* Puts it together; -1 after fail(). The parts point into `state` and into the list. */
int process_state(struct launch *l, const struct arg *list, struct state *state);

/* Turns the calling process, just cloned by the launcher or the middle one, into the container's.
 */
void process_become_container(struct launch *l);

/* Forks the middle process; returns in both. -1 after fail(). */
int process_start_middle(struct launch *l);

#endif
