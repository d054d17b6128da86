#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroups.h"
#include "command.h"
#include "launch.h"
#include "pollset.h"
#include "report.h"
#include "sides.h"
#include "supervise.h"

enum stage { STARTING, WAITING, EXECUTING_NOW, STARTED, ENDED, BROKEN };

static bool flag(const struct launch *l, unsigned which) { return (l->plan.flags & which) != 0; }

int shim_tell(struct launch *l, enum event event, int value) {
  struct {
    uint32_t event;
    int32_t value;
  } message = {.event = event, .value = value};
  supervise_tell(l, event, value);
  if (l->control < 0) {
    errno = ENOTCONN;
    return -1;
  }
  return send(l->control, &message, sizeof message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Whoever reads the container's output sees its end when the container closes it, so we keep no
 * copy. */
static void drop_descriptors(struct launch *l) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++)
    if (null < 0 || dup2(null, fd) < 0)
      close(fd);
  if (null > 2)
    close(null);
  for (uint32_t i = 0; i < l->slot_count; i++)
    if (l->slots[i] >= 0)
      close(l->slots[i]);
}

/* --- signals --- */

/* -1 if there is nothing to listen to. */
static int open_signals(const struct launch *l) {
  sigset_t set;
  if (flag(l, PLAN_FORWARD_SIGNALS)) {
    sigfillset(&set); /* blocked since the beginning */
  } else if (flag(l, PLAN_SUBREAPER)) {
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
  } else {
    return -1;
  }
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reaps what the container has left to us; the container's own first process is not touched. */
static void reap_orphans(const struct launch *l) {
  for (;;) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
        info.si_pid == l->container)
      return;
    waitpid(info.si_pid, NULL, 0);
  }
}

static void send_signal(const struct launch *l, int number) {
  syscall(SYS_pidfd_send_signal, l->pidfd, number, NULL, 0);
}

static void forward(const struct launch *l, const struct signalfd_siginfo *info) {
  switch ((int)info->ssi_signo) {
  case SIGCHLD:
    reap_orphans(l);
    return;
  case SIGPIPE: /* about us, not about the container */
  case SIGTTIN:
  case SIGTTOU:
    return;
  default:
    /* What the terminal sends goes to all of its foreground group; do not send it twice. */
    if (info->ssi_code == SI_KERNEL && getpgid(l->container) == getpgrp())
      return;
    send_signal(l, (int)info->ssi_signo);
  }
}

static void take_signals(const struct launch *l, int signals) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
    forward(l, &info);
}

/* --- the caller --- */

static enum stage hang_up(struct launch *l, enum stage stage) {
  close(l->control);
  l->control = -1;
  if (stage == STARTING || (stage == EXECUTING_NOW && !l->created)) {
    errno = ECONNRESET;
    fail(l, "control socket", NULL);
    return BROKEN;
  }
  if (flag(l, PLAN_KILL_ON_HANGUP))
    send_signal(l, SIGKILL);
  return stage;
}

static enum stage take_command(struct launch *l, enum stage stage) {
  uint32_t command[3];
  ssize_t got = recv(l->control, command, sizeof command, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return stage;
  if (got <= 0)
    return hang_up(l, stage);
  if (got < (ssize_t)sizeof command)
    return stage;
  if (command[0] == COMMAND_SIGNAL)
    send_signal(l, (int)command[1]);
  if (command[0] == COMMAND_RESIZE && l->terminal >= 0) {
    struct winsize size = {.ws_row = (unsigned short)command[1],
                           .ws_col = (unsigned short)command[2]};
    ioctl(l->terminal, TIOCSWINSZ, &size);
  }
  return stage;
}

/* --- the container's process --- */

static enum stage take_created(struct launch *l) {
  l->created = true;
  l->report->phase = CREATED;
  if (shim_tell(l, EVENT_CREATED, l->container) < 0) {
    l->created = false;
    fail(l, "control socket", NULL);
    return BROKEN;
  }
  /* Until it hears this, the container's process goes down with us. */
  sides_send(l->peer, AWAITING, 0, NULL, 0);
  return WAITING;
}

/* The container's process has closed its end: by execve(2), or by its death. */
static enum stage take_end_of_file(struct launch *l, enum stage stage) {
  close(l->peer);
  l->peer = -1;
  if (l->report->failed != NO_OPERATION)
    return BROKEN;
  if (stage != EXECUTING_NOW)
    return l->created ? STARTED : BROKEN; /* killed while it waited: an end like any other */
  if (shim_tell(l, EVENT_RUNNING, l->container) < 0 && !l->created) {
    fail(l, "control socket", NULL);
    return BROKEN;
  }
  return STARTED;
}

static enum stage take_message(struct launch *l, enum stage stage) {
  struct message m;
  int fd = -1;
  unsigned count = 1;
  int got = sides_receive(l->peer, &m, sizeof m, &fd, &count);
  if (got < 0)
    return stage;
  if (got == 0)
    return take_end_of_file(l, stage);
  switch (m.what) {
  case AWAITING:
    return take_created(l);
  case EXECUTING:
    return EXECUTING_NOW;
  case KILL_LAUNCHER:
    kill(getpid(), SIGKILL);
    return stage;
  case TERMINAL:
    if (count == 1)
      keep_terminal(l, fd);
    return stage;
  default:
    return stage;
  }
}

static uint64_t microseconds(struct timeval t) {
  return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_usec;
}

/* Whoever this container belongs to may want to read what its control groups have counted. */
static void await_hang_up(struct launch *l) {
  struct pollfd p = {.fd = l->control};
  while (flag(l, PLAN_LINGER) && l->control >= 0 && (p.revents & POLLHUP) == 0)
    if (poll(&p, 1, -1) < 0 && errno != EINTR)
      return;
}

static int record_end(struct launch *l) {
  struct report *r = l->report;
  struct rusage use = {0};
  struct timespec now;
  int status = 0;
  while (wait4(l->container, &status, 0, &use) < 0 && errno == EINTR)
    ;
  clock_gettime(CLOCK_REALTIME, &now);
  r->status = status;
  r->ended_realtime_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
  r->user_us = microseconds(use.ru_utime);
  r->system_us = microseconds(use.ru_stime);
  r->max_rss_kib = (uint64_t)use.ru_maxrss;
  supervise_count(l);
  r->phase = EXITED;
  supervise_drain(l);
  supervise_leave(l);
  shim_tell(l, EVENT_EXITED, status);
  supervise_close(l);
  reap_orphans(l);
  await_hang_up(l);
  r->cgroups_left = cgroups_remove();
  supervise_flush(l);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int shim_follow(struct launch *l) {
  bool stay = flag(l, PLAN_STAY);
  enum stage stage = STARTING;
  int signals = -1;
  struct pollset set = {0};
  if (stay) {
    drop_descriptors(l);
    signals = open_signals(l);
    supervise_begin(l);
  }
  while (stage != ENDED) {
    /* poll(2) passes over negative descriptors. Signals wait until there is a program to get them:
     * before, they would end the start. */
    bool ready = stage == STARTED || l->created;
    set.count = 0;
    size_t peer = pollset_add(&set, l->peer, POLLIN);
    size_t end = pollset_add(&set, stage == STARTED ? l->pidfd : -1, POLLIN);
    size_t control = pollset_add(&set, l->control, POLLIN);
    size_t signal = pollset_add(&set, ready ? signals : -1, POLLIN);
    int most = supervise_poll(l, &set);
    int found = poll(set.at, (nfds_t)set.count, most);
    if (found < 0)
      continue;
    if (pollset_ready(&set, signal) != 0)
      take_signals(l, signals);
    if (pollset_ready(&set, control) != 0)
      stage = take_command(l, stage);
    if (pollset_ready(&set, peer) != 0 && stage != BROKEN)
      stage = take_message(l, stage);
    supervise_take(l, &set, found == 0);
    if (pollset_ready(&set, end) != 0)
      stage = ENDED;
    if (stage == BROKEN)
      return -1;
    if (!stay && (stage == WAITING || stage == STARTED))
      return 0;
  }
  return record_end(l);
}
