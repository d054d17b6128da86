/* Operation 69, become_init: the container's process stays as an init, and its child goes on with
 * the plan. It is the launcher's own code, so nothing of the host is executed inside, and nothing
 * of the container's has to be there. */

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "report.h"
#include "text.h"

/* --- the child --- */

/* A group of its own, in the terminal's foreground: what is typed there reaches the program, and is
 * not passed on to it once more. */
static void take_foreground(void) {
  int own = 0;
  if (setpgid(0, 0) < 0)
    return;
  own = getpid();
  signal(SIGTTOU, SIG_IGN);
  ioctl(STDIN_FILENO, TIOCSPGRP, &own);
  signal(SIGTTOU, SIG_DFL);
}

/* --- the init --- */

/* What it has of the host: the report, which the launcher believes, sockets, slots. The plan is a
 * sealed file that nobody can write to. A filter may refuse close_range(2). */
static void let_go(struct launch *l) {
  munmap(l->report, sizeof(struct report) + l->report_times * sizeof(struct times));
  l->report = NULL;
  if (syscall(SYS_close_range, 3, ~0U, 0) < 0)
    for (int fd = 3; fd < 4096; fd++)
      close(fd);
}

static void show_name(const struct launch *l) {
  prctl(PR_SET_NAME, "orlop-init");
  if (l->title != NULL) {
    *l->title = (struct text){.start = l->title->start, .room = l->title->room};
    text_add(l->title, "orlop-init");
    for (size_t i = l->title->length; i < l->title->room; i++)
      l->title->start[i] = 0;
  }
}

/* Reaps all that has ended; true if the program is among it, with its status. */
static bool reap(pid_t program, int *status) {
  bool ended = false;
  for (;;) {
    int of_this = 0;
    pid_t pid = waitpid(-1, &of_this, WNOHANG);
    if (pid < 0 && errno == EINTR)
      continue;
    if (pid <= 0)
      return ended;
    if (pid == program) {
      ended = true;
      *status = of_this;
    }
  }
}

/* As process 1 it gets what is sent to the container. SIGTTIN and SIGTTOU are about itself. */
static _Noreturn void be_init(pid_t program, const uint64_t *signals) {
  siginfo_t info;
  int status = 0;
  for (;;) {
    int number = (int)syscall(SYS_rt_sigtimedwait, signals, &info, NULL, sizeof *signals);
    if (number > 0 && number != SIGCHLD && number != SIGTTIN && number != SIGTTOU)
      kill(program, number);
    /* Ended children are looked for each time: signals that wait are not counted. */
    if (reap(program, &status))
      _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    if (number < 0 && errno != EINTR)
      _exit(125); /* a filter refuses to let us wait */
  }
}

static uint64_t bit(int number) { return 1ULL << (number - 1); }

int op_become_init(struct launch *l, const struct arg *arg) {
  (void)arg;
  /* What the kernel sends for a fault of our own is not waited for. */
  uint64_t signals = ~(bit(SIGKILL) | bit(SIGSTOP) | bit(SIGSEGV) | bit(SIGBUS) | bit(SIGFPE) |
                       bit(SIGILL) | bit(SIGTRAP) | bit(SIGABRT) | bit(SIGSYS));
  uint64_t none = 0;
  if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &signals, NULL, sizeof signals) < 0)
    return fail(l, "rt_sigprocmask", NULL);
  pid_t init = getpid();
  /* Not clone3(2), which usual filters refuse since they cannot look into its arguments. */
  pid_t program = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (program < 0)
    return fail(l, "clone", NULL);
  if (program > 0) {
    if (init != 1)
      prctl(PR_SET_CHILD_SUBREAPER, 1);
    show_name(l);
    let_go(l);
    be_init(program, &signals);
  }
  if (init != 1 && l->supervised) { /* no PID namespace ends it with its init */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != init)
      _exit(1);
  }
  take_foreground();
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  return 0;
}
