/* The launcher: performs a plan between the caller and a new container (docs/launch-plan.md).
 *
 * Up to three processes walk through the same list of operations. Each performs those of its own
 * side and waits at the others, so exactly one of them acts at any time:
 *
 *     caller --- control socket --- launcher --- peer socket --- middle     (until the clone)
 *                                            '-- peer socket --- container  (from the clone on)
 *
 * All share the report. A process that fails writes there what failed and exits; the other finds
 * the end of file on the peer socket. The launcher then kills and reaps what is left, and tells the
 * caller. */

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups.h"
#include "launch.h"
#include "parts.h"
#include "process.h"
#include "report.h"
#include "shim.h"
#include "sides.h"
#include "supervise.h"
#include "text.h"
#include "walk.h"

enum { PLAN_FD = 3, CONTROL_FD = 4, REPORT_FD = 5, FIRST_INHERITED_FD = 6 };

/* --- setting up --- */

/* Whether this program was started by orlop and not, say, through /proc/self/exe in a container:
 * then descriptors 3 to 5 are anything, and must be left alone. */
static bool started_by_caller(void) {
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof type;
  struct stat st;
  uint32_t magic = 0;
  return parts_sealed(PLAN_FD) && fstat(REPORT_FD, &st) == 0 && S_ISREG(st.st_mode) &&
         st.st_size >= (off_t)sizeof(struct report) &&
         pread(REPORT_FD, &magic, sizeof magic, 0) == (ssize_t)sizeof magic && magic == 0 &&
         getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET &&
         getsockopt(CONTROL_FD, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static int take_inherited(struct launch *l) {
  for (int fd = 0; fd < FIRST_INHERITED_FD + (int)l->plan.inherited; fd++)
    if (fd != PLAN_FD && fd != REPORT_FD && fcntl(fd, F_GETFD) < 0)
      return fail(l, "inherited descriptor", NULL);
  for (uint32_t i = 0; i < l->plan.inherited; i++)
    l->slots[i] = FIRST_INHERITED_FD + (int)i;
  /* Whatever else the caller has leaked: nothing of it may get into the container (CVE-2024-21626).
   */
  if (syscall(SYS_close_range, FIRST_INHERITED_FD + l->plan.inherited, ~0U, 0) < 0)
    return fail(l, "close_range", NULL);
  return 0;
}

/* All of /proc that is ever needed is reached from here: a procfs that is mounted, or faked, inside
 * the container plays no part (CVE-2019-16884, CVE-2025-52881). */
static int open_procfs(struct launch *l) {
  struct statfs fs;
  l->proc = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (l->proc < 0 || fstatfs(l->proc, &fs) < 0)
    return fail(l, "open", "/proc");
  if (fs.f_type != PROC_SUPER_MAGIC) {
    errno = ENOTSUP;
    return fail(l, "check that it is a procfs", "/proc");
  }
  return 0;
}

static int set_up(struct launch *l) {
  static int slots[PLAN_MAX_SLOTS];
  static bool opened[PLAN_MAX_SLOTS];
  l->slots = slots;
  l->opened = opened;
  memset(slots, -1, sizeof slots);
  process_reset_signals();
  prctl(PR_SET_NAME, "orlop-launch"); /* it would be the number of the memfd */
  umask(022);
  syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
  if (chdir("/") < 0)
    return fail(l, "chdir", "/");
  if (parts_load(l, PLAN_FD) < 0 || take_inherited(l) < 0 || open_procfs(l) < 0)
    return -1;
  if ((l->plan.flags & PLAN_SUBREAPER) != 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
    return fail(l, "prctl SUBREAPER", NULL);
  if ((l->plan.flags & PLAN_FORWARD_SIGNALS) != 0) {
    /* They wait until there is something to forward them to. */
    uint64_t all = ~0ULL;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
  }
  return 0;
}

/* --- after a failure --- */

/* The end of the container's or middle process after a failure. It has recorded why, unless
 * somebody has killed it: then the report names the operation that it was in. */
static _Noreturn void leave(struct launch *l) {
  struct report *r = l->report;
  if (r->failed != NO_OPERATION && l->side == SIDE_CONTAINER && l->created) {
    r->phase = FAILED;
    if (l->start >= 0)
      send(l->start, r, REPORT_FAILURE_SIZE, MSG_NOSIGNAL);
  }
  _exit(1);
}

/* Kills and reaps what there is of the start, and says so. */
static int undo(struct launch *l) {
  struct report *r = l->report;
  pid_t victims[] = {l->middle, 0};
  int status = 0;
  for (int i = 0; i < 2; i++) {
    /* The kernel has put the PID of the container's process there before that could run, so it is
     * known even if the middle process died right after the clone. */
    victims[1] = r->pid;
    if (victims[i] > 0)
      status = process_end(victims[i]);
  }
  if (r->failed == NO_OPERATION) {
    r->failed = r->current;
    r->detail = WIFSIGNALED(status) ? 128 + (uint32_t)WTERMSIG(status) : 0;
  }
  r->cgroups_left = cgroups_remove();
  r->phase = FAILED;
  supervise_leave(l);
  shim_tell(l, EVENT_FAILED, r->error);
  supervise_close(l);
  return 1;
}

/* --- direct calls --- */

static void print(const char *s) {
  if (write(STDOUT_FILENO, s, strlen(s)) < 0)
    return;
}

static void print_operations(void) {
  for (unsigned kind = 0; kind < OP_COUNT; kind++) {
    char line[64];
    struct text t = TEXT(line);
    if (op_name(kind) == NULL)
      continue;
    text_number(&t, kind);
    text_add(&t, " ");
    text_add(&t, op_name(kind));
    text_add(&t, " ");
    text_add(&t, op_signature(kind));
    text_add(&t, "\n");
    print(line);
  }
}

static int called_directly(int argc, char **argv) {
  static const char refusal[] = "orlop-launch: it is started by orlop, with a plan\n";
  if (argc == 2 && strcmp(argv[1], "--operations") == 0) {
    print_operations();
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    print("orlop-launch " ORLOP_VERSION "\n");
    return 0;
  }
  if (write(STDERR_FILENO, refusal, sizeof refusal - 1) < 0)
    return 125;
  return 125;
}

/* Where the arguments are, one behind the other. */
static struct text title_of(int argc, char **argv) {
  if (argc == 0)
    return (struct text){.start = NULL};
  const char *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
  return (struct text){.start = argv[0], .room = (size_t)(end - argv[0])};
}

int main(int argc, char **argv) {
  uint64_t began = report_now();
  static struct launch l = {.proc = -1,
                            .control = CONTROL_FD,
                            .peer = -1,
                            .link = {-1, -1},
                            .pidfd = -1,
                            .terminal = -1,
                            .image = -1,
                            .start = -1};
  static struct text title;
  if (!started_by_caller() || report_map(&l, REPORT_FD) < 0 || l.report == NULL)
    return called_directly(argc, argv);
  close(REPORT_FD);
  title = title_of(argc, argv);
  l.title = argc > 0 ? &title : NULL;
  l.report->version = REPORT_VERSION;
  l.report->failed = NO_OPERATION;
  l.report->began_ns = began;
  l.report->magic = REPORT_MAGIC;
  if (set_up(&l) < 0)
    return undo(&l);
  if (walk_plan(&l) < 0) {
    if (l.side != SIDE_LAUNCHER)
      leave(&l);
    return undo(&l);
  }
  int status = shim_follow(&l);
  return status < 0 ? undo(&l) : status;
}
