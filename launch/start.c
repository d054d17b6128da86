/* The last operations: where the program is, waiting for the start, and execve(2). */

#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch.h"
#include "report.h"
#include "sides.h"
#include "text.h"

#define IF_PERMITTED 1

/* A working directory such as /proc/self/fd/7 leads out of the root as long as 7 is a directory of
 * the host (CVE-2024-21626). The kernel then says "(unreachable)", which libc hides. */
int op_change_directory(struct launch *l, const struct arg *arg) {
  char where[4096];
  if (l->in_directory)
    return 0;
  if (chdir(arg[0].bytes) < 0) {
    bool later = errno == EACCES && (arg[1].number & IF_PERMITTED) != 0;
    return later ? 0 : fail(l, "chdir", arg[0].bytes);
  }
  if (syscall(SYS_getcwd, where, sizeof where) < 0)
    return fail(l, "getcwd", arg[0].bytes);
  if (where[0] != '/') {
    errno = EXDEV;
    return fail(l, "directory outside the root", arg[0].bytes);
  }
  l->in_directory = true;
  return 0;
}

/* 0 if this can be executed, else -1 with errno. */
static int check_program(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0)
    return -1;
  if (S_ISDIR(st.st_mode)) {
    errno = EISDIR;
    return -1;
  }
  long allowed = syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS);
  if (allowed < 0 && (errno == ENOSYS || errno == EPERM))
    return 0; /* refused by a filter; execve(2) will tell */
  return (int)allowed;
}

/* As execvp(3): the first one that can be executed; EACCES if there were only others, else ENOENT.
 */
static const char *search_program(const char *name, const char *search) {
  static char found[4096];
  int error = ENOENT;
  while (*name != 0) {
    size_t length = strcspn(search, ":");
    struct text path = TEXT(found);
    char directory[sizeof found];
    if (length < sizeof directory) {
      memcpy(directory, search, length);
      directory[length] = 0;
      text_add(&path, length == 0 ? "." : directory);
      text_add(&path, "/");
      text_add(&path, name);
      if (!path.cut && check_program(found) == 0)
        return found;
      if (!path.cut && (errno == EACCES || errno == EISDIR))
        error = EACCES;
    }
    if (search[length] == 0)
      break;
    search += length + 1;
  }
  errno = error;
  return NULL;
}

int op_find_program(struct launch *l, const struct arg *arg) {
  const char *name = arg[0].bytes;
  l->program = name;
  if (strchr(name, '/') == NULL)
    l->program = search_program(name, arg[1].bytes);
  else if (check_program(name) < 0)
    l->program = NULL;
  return l->program == NULL ? fail(l, "find", name) : 0;
}

/* A copy, which nothing that is moved or closed before the program runs can be in the way of. */
int op_use_program(struct launch *l, const struct arg *arg) {
  int fd = slot_fd(l, &arg[0]);
  if (fd < 0)
    return -1;
  l->image = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return l->image < 0 ? fail(l, "fcntl DUPFD", NULL) : 0;
}

/* What was opened on the way here leads to the host: its procfs, its root, the container's control
 * groups. Who waits may wait for long, perhaps in a PID namespace with others that may trace it. */
static void let_go_of_host(struct launch *l) {
  for (uint32_t i = 0; i < l->slot_count; i++) {
    if (!l->opened[i] || l->slots[i] < 0)
      continue;
    close(l->slots[i]);
    l->slots[i] = -1;
  }
  close(l->proc);
  l->proc = -1;
}

/* Who waits may be process 1 of a PID namespace, and so get the orphans of others that run there:
 * the kernel reaps them when nobody wants to know. A filter that is in force may stop this call. */
static void ignore_children(const struct launch *l, bool ignored) {
  if (!l->filtered)
    signal(SIGCHLD, ignored ? SIG_IGN : SIG_DFL);
}

int op_await_start(struct launch *l, const struct arg *arg) {
  int listener = slot_fd(l, &arg[0]);
  if (listener < 0)
    return -1;
  let_go_of_host(l);
  /* The answer comes when the caller was told. Without it the launcher has died, and nobody knows
   * of this process: it must not wait for ever. */
  sides_outlive_launcher(l);
  if (sides_send(l->peer, AWAITING, 0, NULL, 0) < 0)
    _exit(1);
  if (sides_expect(l, AWAITING, NULL, NULL, NULL) < 0)
    _exit(1);
  l->created = true;
  if ((l->plan.flags & PLAN_STAY) == 0) {
    close(l->peer);
    l->peer = -1;
  }
  ignore_children(l, true);
  do
    l->start = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  while (l->start < 0 && (errno == EINTR || errno == ECONNABORTED));
  ignore_children(l, false);
  if (l->start < 0)
    return fail(l, "accept", NULL);
  close(listener);
  l->slots[arg[0].number] = -1;
  return 0;
}

/* Moves the descriptors that the program is to have to 3, 4, ..., and closes or marks all others.
 * The own ones go out of the way first. */
static int arrange_descriptors(struct launch *l, uint32_t first, uint32_t count) {
  int above = 3 + (int)count;
  int *own[] = {&l->peer, &l->start, &l->image};
  if (first > l->slot_count || count > l->slot_count - first) {
    errno = EINVAL;
    return fail(l, "preserved descriptors", NULL);
  }
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (*own[i] >= 0 && *own[i] < above && (*own[i] = fcntl(*own[i], F_DUPFD_CLOEXEC, above)) < 0)
      return fail(l, "fcntl DUPFD", NULL);
  for (uint32_t i = first; i < first + count; i++)
    if (l->slots[i] < above && (l->slots[i] = fcntl(l->slots[i], F_DUPFD_CLOEXEC, above)) < 0)
      return fail(l, "preserved descriptors", NULL);
  for (uint32_t i = 0; i < count; i++)
    if (dup2(l->slots[first + i], 3 + (int)i) < 0)
      return fail(l, "dup2", NULL);
  /* All that is open was opened close-on-exec. This is a second lock, which a filter may refuse. */
  syscall(SYS_close_range, above, ~0U, CLOSE_RANGE_CLOEXEC);
  return 0;
}

void start_announce(struct launch *l) {
  struct report *r = l->report;
  if (l->start >= 0 && send(l->start, "S", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
      write(l->start, "S", 1) < 0)
    return; /* whoever asked for the start has gone; the container starts all the same */
  if (l->peer >= 0 && sides_send(l->peer, EXECUTING, 0, NULL, 0) < 0 && !l->created)
    _exit(1); /* the launcher died: this start has failed */
  report_done(l);
  r->running_ns = report_now();
  r->phase = RUNNING;
}

/* The empty "HOME=" of an environment becomes what find_home has found. */
static char *const *complete(struct launch *l, const char *const *env) {
  char **entry = (char **)(uintptr_t)env; /* in the memory that the plan was decoded to */
  for (; *entry != NULL && l->home != NULL; entry++)
    if (strcmp(*entry, "HOME=") == 0)
      *entry = (char *)(uintptr_t)l->home;
  return (char *const *)(uintptr_t)env;
}

int op_execute(struct launch *l, const struct arg *arg) {
  if ((l->program == NULL && l->image < 0) || arg[0].length == 0) {
    errno = EINVAL;
    return fail(l, "execute without a program", NULL);
  }
  if (arrange_descriptors(l, (uint32_t)arg[2].number, (uint32_t)arg[3].number) < 0)
    return -1;
  sides_outlive_launcher(l);
  start_announce(l);
  char *const *argv = (char *const *)(uintptr_t)arg[0].list;
  char *const *env = complete(l, arg[1].list);
  if (l->image >= 0) {
    syscall(SYS_execveat, l->image, "", argv, env, AT_EMPTY_PATH);
    return fail(l, "execveat", NULL);
  }
  execve(l->program, argv, env);
  return fail(l, "execve", l->program);
}
