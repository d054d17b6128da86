/* Operation 63, serve: socket, disk. The container's process stays, as its first one, and starts
 * programs in it when it is asked to.
 *
 * It has given up everything before: it has the rights of the programs that it starts and no
 * others, no descriptor but the socket, and nobody in the container may trace it. Each program is
 * started by a child, which performs a plan of its own; so whatever is wrong with one ends there.
 *
 * Programs run one after the other, and unless they are to be kept, the processes that one leaves
 * are killed when it ends. What is told of it then is of all its processes. */

#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "parts.h"
#include "process.h"
#include "sides.h"
#include "start.h"
#include "walk.h"

enum { MAX_FDS = 16, REPORT_SIZE = 4096, BLOCK = 512 };

struct server {
  struct launch *l;
  int socket;
  const char *disk;     /* path in the file system of which the use is told */
  pid_t child;          /* the program's process, 0 if none runs */
  bool ended;           /* it has, its status is known */
  bool keep;            /* what it leaves stays */
  struct answer answer; /* of the present request */
};

/* --- becoming the server --- */

/* Memory that is shared with children only, and with nobody outside. */
static int own_report(struct launch *l) {
  size_t old = sizeof(struct report) + l->report_times * sizeof(struct times);
  void *at = mmap(NULL, REPORT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return fail(l, "mmap", NULL);
  munmap(l->report, old);
  l->report = at;
  l->report_times = (REPORT_SIZE - sizeof(struct report)) / sizeof(struct times);
  return 0;
}

static void let_go(struct launch *l, int socket) {
  for (uint32_t i = 0; i < l->slot_count; i++) {
    if (l->slots[i] >= 0 && l->slots[i] != socket)
      close(l->slots[i]);
    l->slots[i] = -1;
    l->opened[i] = false;
  }
  close(l->proc);
  close(l->peer); /* the launcher takes this for the program's start, as it is one */
  l->proc = l->peer = -1;
}

static void ignore(int number) { (void)number; }

/* SIGCHLD is let through by ppoll(2) only. */
static void listen_to_children(void) {
  struct sigaction action = {.sa_handler = ignore};
  sigset_t set;
  sigaction(SIGCHLD, &action, NULL);
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
}

/* --- the child --- */

/* The slots of the child's plan are the descriptors that came with it; nothing of the plan that has
 * led here counts any more. */
static int load(struct launch *l, const int *fds, unsigned count) {
  l->plan = (struct plan){0};
  l->index = l->first_index = 0;
  l->slot_count = 0;
  l->in_directory = false;
  l->program = l->home = NULL;
  if (count == 0 || !parts_sealed(fds[0])) {
    errno = EINVAL;
    return fail(l, "check the plan's seals", NULL);
  }
  if (parts_load(l, fds[0]) < 0)
    return -1;
  if (l->plan.inherited != count - 1) {
    errno = EINVAL;
    return fail(l, "count the inherited descriptors", NULL);
  }
  memcpy(l->slots, fds + 1, (count - 1) * sizeof *fds);
  return 0;
}

static _Noreturn void be_child(struct launch *l, const int *fds, unsigned count) {
  process_reset_signals();
  if (load(l, fds, count) < 0 || walk_plan(l) < 0)
    _exit(1);
  _exit(0);
}

static void forget_report(struct launch *l) {
  memset(l->report, 0, sizeof *l->report);
  l->report->failed = NO_OPERATION;
}

/* --- the end of a program --- */

static uint64_t microseconds(struct timeval t) {
  return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_usec;
}

static void account(struct answer *a, const struct rusage *use) {
  a->processes++;
  a->user_us += microseconds(use->ru_utime);
  a->system_us += microseconds(use->ru_stime);
  a->read_bytes += (uint64_t)use->ru_inblock * BLOCK;
  a->written_bytes += (uint64_t)use->ru_oublock * BLOCK;
  if ((uint64_t)use->ru_maxrss > a->max_rss_kib)
    a->max_rss_kib = (uint64_t)use->ru_maxrss;
}

/* Reaps what has ended; with `wait`, until nobody is left. */
static void reap(struct server *s, bool wait) {
  for (;;) {
    struct rusage use = {0};
    int status = 0;
    pid_t pid = wait4(-1, &status, wait ? 0 : WNOHANG, &use);
    if (pid < 0 && errno == EINTR)
      continue;
    if (pid <= 0)
      return;
    account(&s->answer, &use);
    if (pid == s->child) {
      s->ended = true;
      s->answer.status = status;
    }
  }
}

/* kill(2) with -1: everybody in this PID namespace but process 1. Who forks at this moment has the
 * signal pending, and the fork fails, so there is nobody whom it misses. */
static void kill_everybody(struct server *s) {
  kill(-1, SIGKILL);
  reap(s, true);
}

static void measure_disk(struct server *s) {
  struct statfs fs;
  if (statfs(s->disk, &fs) < 0)
    return;
  uint64_t block = (uint64_t)fs.f_bsize;
  s->answer.disk_used = ((uint64_t)fs.f_blocks - (uint64_t)fs.f_bfree) * block;
  s->answer.disk_free = fs.f_ffree > 0 || fs.f_files == 0 ? (uint64_t)fs.f_bavail * block : 0;
}

static void answer(struct server *s) {
  struct answer *a = &s->answer;
  const struct report *r = s->l->report;
  size_t size = __builtin_offsetof(struct answer, failure);
  measure_disk(s);
  a->kind = ANSWER_EXITED;
  if (r->failed != NO_OPERATION) {
    a->kind = ANSWER_FAILED;
    memcpy(a->failure, r, REPORT_FAILURE_SIZE);
    size = sizeof *a;
  }
  s->child = 0;
  if (send(s->socket, a, size, MSG_NOSIGNAL) < 0)
    _exit(0); /* nobody asks any more; everything else in here ends with this process */
}

/* --- requests --- */

static void start(struct server *s, const struct request *request, const int *fds, unsigned count) {
  struct launch *l = s->l;
  s->answer = (struct answer){.number = request->number};
  s->keep = (request->flags & KEEP_THE_REST) != 0;
  s->ended = false;
  forget_report(l);
  pid_t pid = fork(); /* clone3(2), which a container's filter may refuse, is not needed */
  if (pid == 0) {
    close(s->socket);
    be_child(l, fds, count);
  }
  if (pid < 0) {
    fail(l, "fork", NULL);
    answer(s);
    return;
  }
  s->child = pid;
}

static void take(struct server *s, const struct request *request, const int *fds, unsigned count) {
  if (request->kind == REQUEST_RUN && s->child == 0)
    start(s, request, fds, count);
  if (request->kind == REQUEST_KILL && s->child != 0 && request->number == s->answer.number) {
    kill_everybody(s);
    answer(s);
  }
}

static void receive(struct server *s) {
  struct request request;
  int fds[MAX_FDS];
  unsigned count = MAX_FDS;
  int got = sides_receive(s->socket, &request, sizeof request, fds, &count);
  if (got == 0)
    _exit(0); /* the caller has gone */
  if (got > 0)
    take(s, &request, fds, count);
  while (count > 0)
    close(fds[--count]);
}

static _Noreturn void serve(struct server *s) {
  sigset_t none;
  sigemptyset(&none);
  for (;;) {
    struct pollfd p = {.fd = s->socket, .events = POLLIN};
    int ready = ppoll(&p, 1, NULL, &none);
    reap(s, false);
    if (s->child != 0 && s->ended) {
      if (!s->keep)
        kill_everybody(s);
      answer(s);
    }
    if (ready > 0)
      receive(s);
  }
}

int op_serve(struct launch *l, const struct arg *arg) {
  struct server s = {.l = l, .socket = slot_fd(l, &arg[0]), .disk = arg[1].bytes};
  if (s.socket < 0)
    return -1;
  if (getpid() != 1) { /* kill_everybody() would mean everybody */
    errno = EPERM;
    return fail(l, "serve without a PID namespace", NULL);
  }
  if (prctl(PR_SET_DUMPABLE, 0) < 0)
    return fail(l, "prctl DUMPABLE", NULL);
  listen_to_children();
  start_announce(l);
  /* The launcher is whom this process belongs to, until the end. (If it has died before this, the
   * caller notices, and closes the socket.) */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (own_report(l) < 0)
    _exit(1);
  let_go(l, s.socket);
  l->created = true; /* what its children perform has no launcher behind it */
  serve(&s);
}
