#include "sides.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "launch.h"
#include "report.h"

#define MAX_FDS 253 /* SCM_MAX_FD */

int sides_pair(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

#ifdef __GLIBC__
typedef size_t iov_count; /* POSIX has an int */
#else
typedef int iov_count;
#endif

union fds {
  struct cmsghdr head;
  char space[CMSG_SPACE(MAX_FDS * sizeof(int))];
};

ssize_t sides_send_fds(int socket, struct iovec *parts, unsigned part_count, const int *fds,
                       unsigned count) {
  union fds space;
  size_t size = count * sizeof *fds;
  struct msghdr h = {.msg_iov = parts,
                     .msg_iovlen = (iov_count)part_count,
                     .msg_control = &space,
                     .msg_controllen = (socklen_t)CMSG_SPACE(size)};
  memset(&space, 0, CMSG_SPACE(size));
  space.head.cmsg_level = SOL_SOCKET;
  space.head.cmsg_type = SCM_RIGHTS;
  space.head.cmsg_len = (socklen_t)CMSG_LEN(size);
  memcpy(CMSG_DATA(&space.head), fds, size);
  return sendmsg(socket, &h, MSG_NOSIGNAL);
}

int sides_send(int socket, enum what what, int value, const int *fds, unsigned count) {
  struct message m = {.what = what, .value = value};
  if (count == 0) {
    if (send(socket, &m, sizeof m, MSG_NOSIGNAL) == (ssize_t)sizeof m)
      return 0;
    /* A container's filter may refuse sendto(2) and is much less likely to refuse write(2). */
    if (errno == EPIPE)
      return -1;
    return write(socket, &m, sizeof m) == (ssize_t)sizeof m ? 0 : -1;
  }
  struct iovec part = {.iov_base = &m, .iov_len = sizeof m};
  return sides_send_fds(socket, &part, 1, fds, count) == (ssize_t)sizeof m ? 0 : -1;
}

static unsigned take_fds(const union fds *space, int *fds) {
  if (space->head.cmsg_level != SOL_SOCKET || space->head.cmsg_type != SCM_RIGHTS)
    return 0;
  size_t size = space->head.cmsg_len - CMSG_LEN(0);
  memcpy(fds, CMSG_DATA(&space->head), size);
  return (unsigned)(size / sizeof *fds);
}

int sides_receive(int socket, void *message, unsigned size, int *fds, unsigned *count) {
  unsigned room = *count;
  ssize_t got = 0;
  *count = 0;
  if (room == 0) {
    got = read(socket, message, size); /* not recvfrom(2), for the same reason */
  } else {
    /* The kernel closes what there is no room for. */
    union fds space = {0};
    struct iovec part = {.iov_base = message, .iov_len = size};
    struct msghdr h = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &space,
                       .msg_controllen = (socklen_t)CMSG_LEN(room * sizeof *fds)};
    got = recvmsg(socket, &h, MSG_CMSG_CLOEXEC);
    if (got >= 0 && h.msg_controllen > 0)
      *count = take_fds(&space, fds);
  }
  if (got < 0)
    return errno == ECONNRESET ? 0 : -1;
  if (got == 0)
    return 0;
  if ((unsigned)got == size)
    return 1;
  errno = EPROTO;
  return -1;
}

bool sides_caller_gone(const struct launch *l) {
  struct pollfd p = {.fd = l->control};
  return l->control >= 0 && poll(&p, 1, 0) > 0;
}

/* Waits until the other side has said something; -1 (recorded) if the caller hangs up before. */
static int wait_for_peer(struct launch *l) {
  struct pollfd p[] = {{.fd = l->peer, .events = POLLIN}, {.fd = l->control}};
  if (l->side != SIDE_LAUNCHER)
    return 0; /* the launcher watches the caller; a blocking read will do */
  while (poll(p, 2, -1) < 0)
    if (errno != EINTR)
      return fail(l, "poll", NULL);
  if (p[0].revents == 0) {
    errno = ECONNRESET;
    return fail(l, "control socket", NULL);
  }
  return 0;
}

int sides_expect(struct launch *l, enum what what, struct message *m, int *fds, unsigned *count) {
  struct message ignored;
  int terminal = -1;
  if (m == NULL)
    m = &ignored;
  for (;;) {
    unsigned room = count != NULL ? *count : l->side == SIDE_LAUNCHER;
    if (wait_for_peer(l) < 0)
      return -1;
    int got = sides_receive(l->peer, m, sizeof *m, count != NULL ? fds : &terminal, &room);
    if (got < 0)
      return fail(l, "receive", NULL);
    if (got == 0)
      return -1; /* it has recorded why, or died */
    if (m->what == KILL_LAUNCHER && l->side == SIDE_LAUNCHER)
      kill(getpid(), SIGKILL);
    if (m->what == TERMINAL && count == NULL && room == 1) {
      keep_terminal(l, terminal);
      continue;
    }
    if (m->what == what) {
      if (count != NULL)
        *count = room;
      return 0;
    }
    errno = EPROTO;
    return fail(l, "turn", NULL);
  }
}

int keep_terminal(struct launch *l, int master) {
  if (l->side == SIDE_LAUNCHER) {
    if (l->terminal >= 0)
      close(l->terminal);
    l->terminal = master;
    return 0;
  }
  int sent = sides_send(l->peer, TERMINAL, 0, &master, 1);
  close(master);
  return sent;
}

int sides_die_with_launcher(struct launch *l) {
  struct pollfd end = {.fd = l->peer};
  if (l->side == SIDE_LAUNCHER || ((l->created || l->filtered) && !l->supervised))
    return 0;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 && !l->filtered)
    return fail(l, "prctl PDEATHSIG", NULL);
  /* If the launcher died before that, no signal will come. getppid(2) cannot tell in a new PID
   * namespace, but the launcher's end of the socket is closed before the signal is sent. */
  if (poll(&end, 1, 0) > 0)
    _exit(1);
  return 0;
}

void sides_outlive_launcher(struct launch *l) {
  if (l->side != SIDE_LAUNCHER && !l->created && !l->filtered && !l->supervised)
    prctl(PR_SET_PDEATHSIG, 0);
}
