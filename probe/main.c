/* orlop-probe NAME=VALUE...: makes the attempts, each in a process of its own, so that one that is
 * killed tells that; a line "NAME WORD NUMBER" on standard output for each, when it is over. */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* The longest attempts are those at limits, under the limits. */
enum { PATIENCE_S = 20 };

static const char *const words[] = {
    [BROKEN] = "broken", [DONE] = "done",   [REFUSED] = "refused", [ABSENT] = "absent",
    [KILLED] = "killed", [STUCK] = "stuck", [LIMITED] = "limited",
};

/* --- what the attempts share --- */

struct outcome answer(long result, int granted) {
  if (result >= 0 || (granted != 0 && errno == granted))
    return outcome(DONE, 0);
  return outcome(REFUSED, errno);
}

struct outcome answer_to_nonsense(long result) {
  bool refused = result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS);
  return refused ? answer(result, 0) : outcome(DONE, 0);
}

struct outcome answer_if_there(long result) {
  if (result < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENXIO || errno == ENODEV))
    return outcome(ABSENT, 0);
  return answer(result, 0);
}

int open_path(const char *path, int flags) {
  return openat(AT_FDCWD, path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* --- one attempt --- */

static struct outcome ending(int status, const struct outcome *told) {
  if (!WIFSIGNALED(status))
    return *told;
  return WTERMSIG(status) == SIGALRM ? outcome(STUCK, 0) : outcome(KILLED, WTERMSIG(status));
}

/* `told` is memory that the process of the attempt shares with this one. */
static struct outcome attempt(attempt_fn *try, unsigned argument, const struct settings *s,
                              struct outcome *told) {
  int status = 0;
  *told = outcome(BROKEN, 0);
  pid_t child = fork();
  if (child < 0)
    return outcome(BROKEN, errno);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(PATIENCE_S);
    *told = try(s, argument);
    _exit(0);
  }
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return outcome(BROKEN, errno);
  return ending(status, told);
}

static void tell(const char *name, struct outcome o) {
  char line[96];
  int length = snprintf(line, sizeof line, "%s %s %d\n", name, words[o.word], o.number);
  if (write(STDOUT_FILENO, line, (size_t)length) != length)
    _exit(98); /* nobody listens any more */
}

/* --- all --- */

static bool set(struct settings *s, const char *word) {
  const struct {
    const char *name;
    const char **text;
    uint64_t *number;
  } known[] = {
      {"canary=", &s->canary, NULL},
      {"socket=", &s->socket, NULL},
      {"node=", &s->node, NULL},
      {"memory=", NULL, &s->memory},
      {"tasks=", NULL, &s->tasks},
      {"cpu=", NULL, &s->cpu},
      {"cpu-period=", NULL, &s->cpu_period},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    size_t length = strlen(known[i].name);
    if (strncmp(word, known[i].name, length) != 0)
      continue;
    if (known[i].text != NULL)
      *known[i].text = word + length;
    else
      *known[i].number = strtoull(word + length, NULL, 10);
    return true;
  }
  return false;
}

static int make_attempts(const struct settings *s) {
  struct outcome *told =
      mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (told == MAP_FAILED)
    return 97;
#define MAKE(name, try, argument, condition)                                                       \
  if (condition)                                                                                   \
    tell(#name, attempt(try, (unsigned)(argument), s, told));
  ATTEMPTS(MAKE)
#undef MAKE
  return 0;
}

static int list_attempts(void) {
#define LIST(name, try, argument, condition) puts(#name);
  ATTEMPTS(LIST)
#undef LIST
  return 0;
}

int main(int argc, char **argv) {
  /* Whoever has started this is the launcher, a process of the host. From inside a PID namespace
   * of its own it is not to be seen, and has the number 0. */
  struct settings s = {.host = getppid()};
  if (argc == 2 && strcmp(argv[1], "--attempts") == 0)
    return list_attempts();
  for (int i = 1; i < argc; i++)
    if (!set(&s, argv[i]))
      return 99;
  return make_attempts(&s);
}
