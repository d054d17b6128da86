#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "clients.h"
#include "connections.h"
#include "jsonlog.h"
#include "launch.h"
#include "logfile.h"
#include "report.h"
#include "shim.h"
#include "sys.h"

#define HAS_TERMINAL 1
#define OPEN_STDIN 2
#define STDIN_ONCE 4

enum {
  CHUNK = 1 << 17, /* read at once */
  LINES = 1 << 19, /* written to the log at once */
  MOST_ATTRIBUTES = 1 << 16,
  IDLE_MS = 1000,
  DRAIN_MS = 2000,
  FLUSH_MS = 10000,
};

/* One of the program's streams of output. */
struct output {
  unsigned stream; /* 1 or 2 */
  int fd;          /* -1: it has ended, or is not there yet */
  size_t number;
  bool hung; /* nobody has the terminal open at present */
  struct buffer in;
  struct jsonlog_suffix suffix;
};

static struct {
  int directory; /* where the socket is */
  const char *name;
  bool has_terminal;
  const char *detach_keys;
  uint32_t detach_keys_length;
  const char *const *counters;
  uint32_t counter_count;
  struct input input;
  struct output outputs[2];
  struct logfile log;
  struct buffer lines;
  struct connections connections;
  struct clients clients;
  struct winsize size; /* of the terminal, asked for before there is one */
  bool touched;        /* buffers have memory that they may not need any more */
  uint32_t event;      /* the last one, for new connections; 0: none */
  int32_t value;
} s;

/* --- beginning --- */

/* Takes a descriptor out of its slot: nobody else closes or inherits it then. */
static int take_slot(struct launch *l, const struct arg *arg, int *fd) {
  *fd = -1;
  if (arg->number == NO_SLOT)
    return 0;
  *fd = slot_fd(l, arg);
  if (*fd < 0)
    return -1;
  l->slots[arg->number] = -1;
  return 0;
}

static int open_log(struct launch *l, const struct arg *arg) {
  const char *attributes = arg[4].bytes;
  s.log.name = arg[1].bytes;
  s.log.max_bytes = arg[2].number;
  s.log.max_files = (uint32_t)arg[3].number;
  s.log.fd = -1;
  if (s.log.directory < 0)
    return 0;
  if (arg[4].length > MOST_ATTRIBUTES || strlen(attributes) != arg[4].length) {
    errno = EINVAL;
    return fail(l, "attributes of the log", NULL);
  }
  if (*s.log.name == 0 || strchr(s.log.name, '/') != NULL || strlen(s.log.name) > 250) {
    errno = EINVAL;
    return fail(l, "name of the log", s.log.name);
  }
  for (int i = 0; i < 2; i++) {
    char *text = malloc(JSONLOG_SUFFIX + strlen(attributes));
    if (text == NULL)
      return fail(l, "malloc", NULL);
    jsonlog_suffix_make(&s.outputs[i].suffix, text, i == 0 ? "stdout" : "stderr", attributes);
  }
  return logfile_open(&s.log) < 0 ? fail(l, "open the log", s.log.name) : 0;
}

/* socket, directory, name, stdin, stdout, stderr, log, log_name, max_bytes, max_files, attributes,
 * flags, detach_keys, counters */
int op_supervise(struct launch *l, const struct arg *arg) {
  uint64_t flags = arg[11].number;
  if ((l->plan.flags & PLAN_STAY) == 0 || l->supervised || arg[12].length > COMMAND_MOST_KEYS) {
    errno = EINVAL;
    return fail(l, "supervise", NULL);
  }
  l->supervised = true;
  s.name = arg[2].bytes;
  s.has_terminal = (flags & HAS_TERMINAL) != 0;
  s.detach_keys = arg[12].bytes;
  s.detach_keys_length = arg[12].length;
  s.counters = arg[13].list;
  s.counter_count = arg[13].length;
  s.input = (struct input){.open = (flags & OPEN_STDIN) != 0,
                           .once = (flags & STDIN_ONCE) != 0,
                           .terminal = s.has_terminal,
                           .fd = -1};
  s.clients.input = &s.input;
  s.outputs[0].stream = 1;
  s.outputs[1].stream = 2;
  if (take_slot(l, &arg[0], &s.connections.listener) < 0 ||
      take_slot(l, &arg[1], &s.directory) < 0 || take_slot(l, &arg[3], &s.input.fd) < 0 ||
      take_slot(l, &arg[4], &s.outputs[0].fd) < 0 || take_slot(l, &arg[5], &s.outputs[1].fd) < 0 ||
      take_slot(l, &arg[6], &s.log.directory) < 0)
    return -1;
  if (s.connections.listener >= 0)
    fcntl(s.connections.listener, F_SETFL, O_RDWR | O_NONBLOCK);
  /* Whoever has started us may be in the foreground of a terminal, whose signals are not for us. */
  if (setsid() < 0 && errno != EPERM)
    return fail(l, "setsid", NULL);
  return open_log(l, arg + 6);
}

void supervise_let_go(struct launch *l) {
  if (!l->supervised)
    return;
  int *own[] = {&s.connections.listener, &s.directory,     &s.input.fd, &s.outputs[0].fd,
                &s.outputs[1].fd,        &s.log.directory, &s.log.fd};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (*own[i] >= 0)
      close(*own[i]);
    *own[i] = -1;
  }
}

/* Signals for this process are a mistake, or a machine that shuts down: the container gets its own.
 * What the kernel sends for a fault of ours still ends us. */
static void ignore_signals(void) {
  static const int kept[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS,
                             SIGFPE,  SIGILL,  SIGTRAP, SIGABRT, SIGSYS};
  for (int n = 1; n <= SIGRTMAX; n++) {
    bool ignored = true;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
      ignored &= kept[i] != n;
    if (ignored)
      signal(n, SIG_IGN);
  }
}

void supervise_begin(struct launch *l) {
  struct rlimit files;
  if (!l->supervised)
    return;
  ignore_signals();
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

/* The terminal's master comes when the container's process has opened it. */
static void take_terminal(const struct launch *l) {
  struct output *o = &s.outputs[0];
  if (!s.has_terminal || l->terminal < 0 || o->fd >= 0 || o->in.start != NULL)
    return;
  o->fd = l->terminal;
  fcntl(o->fd, F_SETFL, O_RDWR | O_NONBLOCK);
  if (s.input.open)
    s.input.fd = o->fd;
  if (s.size.ws_row != 0 || s.size.ws_col != 0)
    ioctl(o->fd, TIOCSWINSZ, &s.size);
  buffer_open(&o->in, CHUNK + JSONLOG_PIECE);
}

/* --- output --- */

static uint64_t real_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void write_out(void) {
  logfile_write(&s.log, buffer_data(&s.lines), buffer_used(&s.lines));
  buffer_drop(&s.lines, buffer_used(&s.lines));
}

/* Writes what is whole lines to the log; with `last`, all. */
static void write_lines(struct output *o, bool last) {
  size_t room = jsonlog_room(&o->suffix);
  if (s.log.directory < 0 || !buffer_open(&s.lines, LINES + room)) {
    buffer_drop(&o->in, buffer_used(&o->in));
    return;
  }
  jsonlog_suffix_stamp(&o->suffix, real_time());
  uint64_t limit = logfile_room(&s.log);
  for (;;) {
    size_t length = 0;
    char *out = buffer_space(&s.lines, room);
    if (out == NULL)
      return;
    size_t taken =
        jsonlog_line(&o->suffix, buffer_data(&o->in), buffer_used(&o->in), last, out, &length);
    if (taken == 0)
      break;
    buffer_drop(&o->in, taken);
    buffer_added(&s.lines, length);
    if (buffer_used(&s.lines) < LINES && buffer_used(&s.lines) < limit)
      continue;
    write_out();
    limit = logfile_room(&s.log);
    if (limit == 0)
      limit = 1; /* the next line begins a new part */
  }
  write_out();
}

static void end_output(struct output *o) {
  write_lines(o, true);
  if (!s.has_terminal)
    close(o->fd);
  o->fd = -1;
}

static void take_output(struct output *o) {
  if (!buffer_open(&o->in, CHUNK + JSONLOG_PIECE))
    return;
  char *space = buffer_space(&o->in, CHUNK);
  if (space == NULL)
    return;
  ssize_t got = read(o->fd, space, CHUNK);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) {
    /* EIO: nobody has the terminal open, but somebody in the container may open it again. */
    o->hung = s.has_terminal && got < 0 && errno == EIO;
    if (!o->hung)
      end_output(o);
    return;
  }
  s.touched = true;
  buffer_added(&o->in, (size_t)got);
  clients_write(&s.clients, o->stream, space, (size_t)got);
  write_lines(o, false);
}

/* --- commands --- */

static void resize(struct launch *l, const struct command_message *m) {
  s.size = (struct winsize){.ws_row = (unsigned short)m->a, .ws_col = (unsigned short)m->b};
  if (l->terminal >= 0)
    ioctl(l->terminal, TIOCSWINSZ, &s.size);
}

static void attach(struct connection *c, const struct command_message *m, int fd) {
  struct command_message own = *m;
  if (fd < 0)
    return;
  if (m->keys_length == 0) {
    own.keys = s.detach_keys;
    own.keys_length = s.detach_keys_length;
  }
  s.touched = true;
  clients_add(&s.clients, fd, &own, c);
}

static void take_command(void *context, struct connection *c, const struct command_message *m,
                         int fd) {
  struct launch *l = context;
  switch (m->command) {
  case COMMAND_ATTACH:
    attach(c, m, fd);
    return;
  case COMMAND_SIGNAL:
    syscall(SYS_pidfd_send_signal, l->pidfd, (int)m->a, NULL, 0);
    break;
  case COMMAND_RESIZE:
    resize(l, m);
    break;
  case COMMAND_CLOSE_STDIN:
    s.input.closing = true;
    break;
  case COMMAND_STATE:
    connection_tell(c, s.event, s.value, 0);
    break;
  case COMMAND_PART:
    break;
  }
  if (fd >= 0)
    close(fd);
}

static void greet(void *context, struct connection *c) {
  (void)context;
  if (s.event != 0)
    connection_tell(c, s.event, s.value, 0);
}

static void forget(void *context, const struct connection *c) {
  (void)context;
  clients_forget_owner(&s.clients, c);
}

void supervise_tell(struct launch *l, uint32_t event, int32_t value) {
  if (!l->supervised)
    return;
  s.event = event;
  s.value = value;
  connections_tell(&s.connections, event, value);
}

/* --- the loop --- */

int supervise_poll(struct launch *l, struct pollset *set) {
  bool hung = false;
  if (!l->supervised)
    return -1;
  take_terminal(l);
  connections_poll(&s.connections, set);
  clients_poll(&s.clients, set);
  bool hold = clients_hold(&s.clients);
  for (int i = 0; i < 2; i++) {
    struct output *o = &s.outputs[i];
    o->number = pollset_add(set, hold || o->hung ? -1 : o->fd, POLLIN);
    hung |= o->hung;
  }
  return s.touched || hung ? IDLE_MS : -1;
}

/* A second has passed without anything to do. */
static void rest(void) {
  for (int i = 0; i < 2; i++) {
    s.outputs[i].hung = false; /* look again */
    buffer_release(&s.outputs[i].in);
  }
  buffer_release(&s.lines);
  clients_release(&s.clients);
  s.touched = false;
}

void supervise_take(struct launch *l, const struct pollset *set, int nothing) {
  if (!l->supervised)
    return;
  if (nothing) {
    rest();
    return;
  }
  /* Those who want the output come before it: who has attached himself before the program ran
   * misses nothing of it. */
  connections_take(&s.connections, set, take_command, greet, l);
  clients_take(&s.clients, set);
  for (int i = 0; i < 2; i++)
    if (pollset_ready(set, s.outputs[i].number) != 0)
      take_output(&s.outputs[i]);
  clients_sweep(&s.clients);
  connections_sweep(&s.connections, forget, NULL);
}

/* --- the end --- */

/* The number in a control group's file: behind a key, or the first one. All ones for "max", and
 * where there is none. */
static uint64_t read_counter(const char *path, const char *key) {
  char text[4096];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  text[got < 0 ? 0 : got] = 0;
  size_t length = strlen(key);
  const char *line = text;
  while (line != NULL && length > 0 && (strncmp(line, key, length) != 0 || line[length] != ' ')) {
    line = strchr(line, '\n');
    line = line == NULL ? NULL : line + 1;
  }
  if (line == NULL)
    return UINT64_MAX;
  line += length > 0 ? length + 1 : 0;
  return *line >= '0' && *line <= '9' ? strtoull(line, NULL, 10) : UINT64_MAX;
}

void supervise_count(struct launch *l) {
  if (!l->supervised)
    return;
  for (size_t i = 0; i < REPORT_COUNTERS; i++) {
    bool asked = 2 * i + 1 < s.counter_count;
    l->report->counters[i] =
        asked ? read_counter(s.counters[2 * i], s.counters[2 * i + 1]) : UINT64_MAX;
  }
}

static int64_t now_ms(void) { return (int64_t)(report_now() / 1000000U); }

/* One turn of the loop, no longer than until then. */
static void turn(struct launch *l, int64_t until) {
  static struct pollset set;
  int64_t left = until - now_ms();
  set.count = 0;
  int most = supervise_poll(l, &set);
  if (most < 0 || most > left)
    most = left < 0 ? 0 : (int)left;
  int ready = poll(set.at, (nfds_t)set.count, most);
  if (ready >= 0)
    supervise_take(l, &set, ready == 0);
}

/* What is in the pipes now. */
static void take_rest(struct output *o) {
  struct pollfd p = {.fd = o->fd, .events = POLLIN};
  for (int i = 0; i < 64 && o->fd >= 0 && !o->hung && poll(&p, 1, 0) > 0; i++)
    take_output(o);
}

/* Somebody else may hold the streams open, a process of an exec, say, that was left behind: after
 * a while nobody waits for it. A client that holds the program gets all the time it takes. */
void supervise_drain(struct launch *l) {
  int64_t until = now_ms() + DRAIN_MS;
  if (!l->supervised)
    return;
  take_terminal(l);
  for (;;) {
    bool hold = clients_hold(&s.clients);
    bool ended = true;
    for (int i = 0; i < 2; i++)
      ended &= s.outputs[i].fd < 0 || s.outputs[i].hung;
    if (ended)
      break;
    if (!hold && now_ms() >= until) {
      take_rest(&s.outputs[0]);
      take_rest(&s.outputs[1]);
      break;
    }
    turn(l, hold ? now_ms() + IDLE_MS : until);
  }
  for (int i = 0; i < 2; i++)
    if (s.outputs[i].fd >= 0)
      end_output(&s.outputs[i]);
  clients_end(&s.clients);
}

void supervise_leave(struct launch *l) {
  if (!l->supervised)
    return;
  logfile_close(&s.log);
  if (s.directory >= 0 && *s.name != 0)
    unlinkat(s.directory, s.name, 0);
  if (s.directory >= 0)
    close(s.directory);
  s.directory = -1;
}

/* When connections were told of the end, and not before, clients see theirs: who sees that a stream
 * is over may ask at once how the program has ended. */
void supervise_close(struct launch *l) {
  if (!l->supervised)
    return;
  clients_sweep(&s.clients);
  connections_close(&s.connections);
  connections_sweep(&s.connections, forget, NULL);
}

void supervise_flush(struct launch *l) {
  int64_t until = now_ms() + FLUSH_MS;
  if (!l->supervised)
    return;
  for (;;) {
    if (now_ms() >= until)
      clients_cut_off(&s.clients);
    clients_sweep(&s.clients);
    if (s.clients.first == NULL)
      return;
    turn(l, now_ms() + IDLE_MS < until ? now_ms() + IDLE_MS : until + IDLE_MS);
  }
}
