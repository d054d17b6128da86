/* Programs that are run to their end during a start: OCI hooks and the id map helpers. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch.h"
#include "process.h"
#include "report.h"
#include "sides.h"
#include "text.h"

struct program {
  const char *path;
  const char *const *argv;
  const char *const *env;
  struct iovec *input;
  unsigned input_parts;
  uint32_t timeout_ms; /* 0: none */
};

struct child {
  pid_t pid;
  int pidfd;
  int input;  /* -1 once all is written, or nobody reads */
  int output; /* -1 once it was closed by all who wrote */
};

/* Never returns. What fails here is recorded, so the parent sees more than an exit status. */
static _Noreturn void become(struct launch *l, const struct program *p, int in, int out,
                             pid_t parent) {
  process_reset_signals();
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(1);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || chdir("/") < 0)
    fail(l, "set up the program", p->path);
  else if (execve(p->path, (char *const *)(uintptr_t)p->argv, (char *const *)(uintptr_t)p->env) < 0)
    fail(l, "execve", p->path);
  _exit(127);
}

static int start(struct launch *l, const struct program *p, struct child *c) {
  int in[2];
  int out[2];
  pid_t parent = getpid();
  if (pipe2(in, O_CLOEXEC) < 0)
    return fail(l, "pipe", NULL);
  if (pipe2(out, O_CLOEXEC) < 0) {
    fail(l, "pipe", NULL);
    close(in[0]);
    close(in[1]);
    return -1;
  }
  c->pid = process_clone(0, -1, &c->pidfd, NULL);
  if (c->pid == 0)
    become(l, p, in[0], out[1], parent);
  close(in[0]);
  close(out[1]);
  c->input = in[1];
  c->output = out[0];
  if (c->pid < 0) {
    fail(l, "clone3", NULL);
    close(in[1]);
    close(out[0]);
    return -1;
  }
  fcntl(c->input, F_SETFL, O_NONBLOCK);
  fcntl(c->output, F_SETFL, O_NONBLOCK);
  return 0;
}

static void feed(struct child *c, struct iovec *input, unsigned parts) {
  while (parts > 0 && input->iov_len == 0)
    input++, parts--;
  ssize_t written = parts > 0 ? writev(c->input, input, (int)parts) : 0;
  if (written < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  for (; written > 0 && parts > 0; input++, parts--) {
    size_t part = (size_t)written < input->iov_len ? (size_t)written : input->iov_len;
    input->iov_base = (char *)input->iov_base + part;
    input->iov_len -= part;
    written -= (ssize_t)part;
    if (input->iov_len > 0)
      return;
  }
  if (parts > 0 && written >= 0)
    return;
  close(c->input); /* all is written; or it does not want it, which is no failure */
  c->input = -1;
}

/* Keeps the end of what the program says in the report: if it fails, that is what people need. */
static void listen_to(struct launch *l, struct child *c) {
  char *kept = l->report->output;
  size_t room = sizeof l->report->output - 1;
  char piece[256];
  ssize_t got = read(c->output, piece, sizeof piece);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) {
    close(c->output);
    c->output = -1;
    return;
  }
  size_t length = strnlen(kept, room);
  size_t fresh = (size_t)got;
  if (length + fresh > room) {
    size_t lost = length + fresh - room;
    memmove(kept, kept + lost, length - lost);
    length -= lost;
  }
  memcpy(kept + length, piece, fresh);
  kept[length + fresh] = 0;
}

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int remaining_ms(const struct program *p, uint64_t began) {
  uint64_t passed = now_ms() - began;
  if (p->timeout_ms == 0)
    return -1;
  uint64_t left = passed < p->timeout_ms ? p->timeout_ms - passed : 0;
  return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* 0 when the program has ended by itself; -1 (recorded) if it was not to run any longer. */
static int attend(struct launch *l, struct program *p, struct child *c) {
  uint64_t began = now_ms();
  for (;;) {
    struct pollfd f[] = {{.fd = c->pidfd, .events = POLLIN},
                         {.fd = c->input, .events = POLLOUT},
                         {.fd = c->output, .events = POLLIN},
                         {.fd = l->control}};
    int ready = poll(f, 4, remaining_ms(p, began));
    if (ready < 0 && errno != EINTR)
      return fail(l, "poll", p->path);
    if (ready == 0) {
      errno = ETIMEDOUT;
      l->report->detail = TIMED_OUT;
      return fail(l, "wait", p->path);
    }
    if (f[2].revents != 0)
      listen_to(l, c);
    if (f[1].revents != 0)
      feed(c, p->input, p->input_parts);
    if (f[3].revents != 0) {
      errno = ECONNRESET;
      return fail(l, "control socket", p->path);
    }
    if (f[0].revents != 0)
      return 0;
  }
}

static int judge(struct launch *l, const struct program *p, int status) {
  if (l->report->failed != NO_OPERATION)
    return -1; /* it could not be executed */
  if (status == 0) {
    l->report->output[0] = 0;
    return 0;
  }
  l->report->detail =
      WIFSIGNALED(status) ? 128 + (uint32_t)WTERMSIG(status) : (uint32_t)WEXITSTATUS(status);
  errno = 0;
  return fail(l, "run", p->path);
}

static int run(struct launch *l, struct program *p) {
  struct child c = {.pidfd = -1, .input = -1, .output = -1};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  struct sigaction before;
  int status = 0;
  if (start(l, p, &c) < 0)
    return -1;
  sigaction(SIGPIPE, &ignore, &before); /* it need not read its input */
  int attended = attend(l, p, &c);
  sigaction(SIGPIPE, &before, NULL);
  if (attended < 0)
    kill(-c.pid, SIGKILL); /* with what it has started */
  while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
    ;
  for (ssize_t turns = 0; c.output >= 0 && turns < 64; turns++) {
    /* What is still in the pipe; a daemon that it left may hold the other end, so do not wait. */
    struct pollfd f = {.fd = c.output, .events = POLLIN};
    if (poll(&f, 1, 0) <= 0)
      break;
    listen_to(l, &c);
  }
  close(c.pidfd);
  if (c.input >= 0)
    close(c.input);
  if (c.output >= 0)
    close(c.output);
  return attended < 0 ? -1 : judge(l, p, status);
}

int op_run_hook(struct launch *l, const struct arg *arg) {
  struct state state;
  if (process_state(l, &arg[3], &state) < 0)
    return -1;
  struct program p = {
      .path = arg[0].bytes,
      .argv = arg[1].list,
      .env = arg[2].list,
      .input = state.parts,
      .input_parts = state.count,
      .timeout_ms = (uint32_t)arg[4].number,
  };
  return run(l, &p);
}

/* newuidmap(1) and newgidmap(1) are setuid and check /etc/subuid: an ordinary user gets its maps by
 * them only. */
int op_run_id_map_helper(struct launch *l, const struct arg *arg) {
  const char *argv[1024];
  static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
  char digits[16];
  struct text pid = TEXT(digits);
  text_number(&pid, (uint64_t)(l->container != 0 ? l->container : l->middle));
  if (arg[1].length > 1024 - 3) {
    errno = E2BIG;
    return fail(l, "run", arg[0].bytes);
  }
  argv[0] = arg[0].bytes;
  argv[1] = digits;
  memcpy(argv + 2, arg[1].list, (arg[1].length + 1) * sizeof *argv);
  struct program p = {.path = arg[0].bytes, .argv = argv, .env = env};
  return run(l, &p);
}
