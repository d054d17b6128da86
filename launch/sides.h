/* What the sides of a launch tell each other, over a pair of sockets. End of file means that the
 * other process is gone: nobody else holds its end. */
#ifndef ORLOP_SIDES_H
#define ORLOP_SIDES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launch;

enum what {
  TURN = 1,      /* the next operation is yours */
  CLONED,        /* middle to launcher: value is the PID; the middle process is about to exit */
  LOADING,       /* container to launcher: about to load a filter with a listener */
  WATCHED,       /* launcher to container: go on, you will see it if I die */
  AWAITING,      /* container to launcher: at await_start; to container: the caller knows */
  EXECUTING,     /* container to launcher: about to execute; end of file then means success */
  KILL_LAUNCHER, /* a fault for tests */
  TERMINAL,      /* container to launcher: with the master of the terminal */
  PART,          /* launcher to container: with the next part of the plan and its descriptors */
};

struct message {
  uint32_t what;
  int32_t value;
};

/* A pair of connected sockets, close-on-exec; -1 with errno. */
int sides_pair(int ends[2]);

/* Sends a message, with descriptors, which stay open here; -1 with errno. */
int sides_send(int socket, enum what what, int value, const int *fds, unsigned count);

/* One sendmsg(2) of these parts with descriptors: the bytes sent, or -1 with errno. */
struct iovec;
ssize_t sides_send_fds(int socket, struct iovec *parts, unsigned part_count, const int *fds,
                       unsigned count);

/* Receives a message with up to `*count` descriptors (close-on-exec), and sets *count to how many
 * there were. Returns 1; 0 at the end of file; -1 with errno. */
int sides_receive(int socket, void *message, unsigned size, int *fds, unsigned *count);

/* Waits for one message from the other side; whatever else happens is a failure (-1, recorded): the
 * other side's death, and on the launcher's side that the caller hangs up. */
int sides_expect(struct launch *l, enum what what, struct message *m, int *fds, unsigned *count);

/* Makes this process, if it is not the launcher, die with the launcher. To be repeated after
 * changes of credentials, which reset it. -1 after fail(). */
int sides_die_with_launcher(struct launch *l);

/* Ends that, from await_start or execute on, unless the container is supervised: nobody else would
 * see its end. */
void sides_outlive_launcher(struct launch *l);

/* Whether the caller has closed its end of the control socket. */
bool sides_caller_gone(const struct launch *l);

#endif
