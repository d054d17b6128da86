#include "process.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "sides.h"
#include "supervise.h"
#include "text.h"

pid_t process_clone(uint64_t flags, int cgroup, int *pidfd, int *pid_out) {
  struct clone_args args = {
      .flags = flags,
      /* With CLONE_PARENT the kernel demands 0 and takes the exit signal of the caller. */
      .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD,
  };
  if (pidfd != NULL) {
    args.flags |= (uint64_t)CLONE_PIDFD;
    args.pidfd = (uintptr_t)pidfd;
  }
  if (pid_out != NULL) {
    args.flags |= CLONE_PARENT_SETTID;
    args.parent_tid = (uintptr_t)pid_out;
  }
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (__u64)cgroup;
  }
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

void process_reset_signals(void) {
  /* The kernel's own struct: libc keeps some signals to itself, but a disposition of "ignore" that
   * the caller left there would be inherited all the same. */
  static const struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } by_default;
  uint64_t none = 0;
  for (int n = 1; n <= 64; n++)
    if (n != SIGKILL && n != SIGSTOP)
      syscall(SYS_rt_sigaction, n, &by_default, NULL, sizeof none);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

int process_end(pid_t pid) {
  int status = 0;
  kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

pid_t process_host_pid(const struct launch *l) {
  char link[16];
  ssize_t length = readlinkat(l->proc, "self", link, sizeof link - 1);
  if (length < 0)
    return -1;
  link[length] = 0;
  return text_parse_pid(link);
}

static void add_part(struct state *s, const char *bytes, size_t length) {
  s->parts[s->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
  s->size += length;
}

int process_state(struct launch *l, const struct arg *list, struct state *s) {
  struct text pid = TEXT(s->pid);
  text_number(&pid, (uint64_t)l->container);
  s->count = 0;
  s->size = 0;
  if (2 * (size_t)list->length > sizeof s->parts / sizeof *s->parts) {
    errno = E2BIG;
    return fail(l, "state", NULL);
  }
  for (uint32_t i = 0; i < list->length; i++) {
    if (i > 0)
      add_part(s, s->pid, pid.length);
    add_part(s, list->list[i], strlen(list->list[i]));
  }
  return 0;
}

static void close_end(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

void process_become_container(struct launch *l) {
  uint64_t none = 0;
  l->side = SIDE_CONTAINER;
  supervise_let_go(l);
  close_end(&l->control);
  close_end(&l->link[0]);
  close_end(&l->peer); /* the middle's */
  close_end(&l->pidfd);
  l->peer = l->link[1];
  l->link[1] = -1;
  l->container = process_host_pid(l);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  if (sides_die_with_launcher(l) < 0)
    _exit(1);
}

int process_start_middle(struct launch *l) {
  int ends[2];
  if (sides_pair(l->link) < 0 || sides_pair(ends) < 0)
    return fail(l, "socketpair", NULL);
  pid_t pid = process_clone(0, -1, NULL, NULL);
  if (pid < 0)
    return fail(l, "clone3", NULL);
  if (pid > 0) {
    close(ends[1]);
    l->peer = ends[0];
    l->middle = pid;
    l->turn = false;
    return 0;
  }
  l->side = SIDE_MIDDLE;
  l->turn = true;
  supervise_let_go(l);
  close(ends[0]);
  close_end(&l->control);
  close_end(&l->link[0]);
  l->peer = ends[1];
  return sides_die_with_launcher(l);
}
