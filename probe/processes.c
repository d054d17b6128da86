/* Attempts on other processes, and on what this one is. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

/* Harmless: it only looks. A procfs of another PID namespace than this process's shows it under
 * another number; such a one shows the processes of a namespace above. */
struct outcome try_see_host(const struct settings *s, unsigned argument) {
  char number[16] = "";
  (void)argument;
  if (s->host != 0)
    return outcome(DONE, 0);
  if (readlink("/proc/self", number, sizeof number - 1) > 0 && strtol(number, NULL, 10) != getpid())
    return outcome(DONE, 0);
  return outcome(ABSENT, 0);
}

/* Harmless: signal 0 is none. */
struct outcome try_signal_host(const struct settings *s, unsigned argument) {
  (void)argument;
  return s->host == 0 ? outcome(ABSENT, 0) : answer(kill(s->host, 0), 0);
}

/* Harmless: no program has anything at address 8, so there is nothing to be read (EFAULT). The
 * right to read another's memory is the right to trace it. */
struct outcome try_trace_host(const struct settings *s, unsigned argument) {
  char byte = 0;
  struct iovec here = {&byte, 1};
  struct iovec there = {(void *)8, 1};
  (void)argument;
  if (s->host == 0)
    return outcome(ABSENT, 0);
  return answer(process_vm_readv(s->host, &here, 1, &there, 1, 0), EFAULT);
}

/* Harmless: the child was made for it and ends with it. */
struct outcome try_trace_child(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  pid_t child = fork();
  if (child < 0)
    return outcome(BROKEN, errno);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  struct outcome seen = answer(ptrace(PTRACE_SEIZE, child, NULL, NULL), 0);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return seen;
}

/* Harmless: it is this process that changes, and it ends. */
struct outcome try_become_root(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_setuid, 0), 0);
}

/* Harmless: as above. */
struct outcome try_set_groups(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_setgroups, 0, NULL), 0);
}

/* Harmless: as above, and the root stays what it is. */
struct outcome try_change_root(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(chroot("/") < 0 || chdir("/") < 0 ? -1 : 0, 0);
}
