/* Loading a seccomp filter, and handing over its listener.
 *
 * From the moment in which the filter is loaded, until somebody listens, each system call of the
 * container's process that the filter sends to the listener would wait for ever; which ones these
 * are, we do not know. So in between it makes none at all: it watches the shared report, from where
 * the launcher learns which descriptor the listener is (and takes it with pidfd_getfd(2)). It also
 * has to learn without a system call that the launcher was killed: the kernel marks a robust futex
 * when its owner dies (get_robust_list(2)). */

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "launch.h"
#include "process.h"
#include "report.h"
#include "sides.h"

static void relax(void) {
#ifdef __x86_64__
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Waits until the launcher has sent the listener. */
static void hand_over(struct launch *l, int listener) {
  struct report *r = l->report;
  atomic_store(&r->listener, listener + 1);
  while (atomic_load(&r->listener_taken) == 0) {
    if ((atomic_load(&r->alive) & FUTEX_OWNER_DIED) != 0)
      __builtin_trap();
    relax();
  }
  atomic_store(&r->listener_taken, 0);
}

int op_load_seccomp(struct launch *l, const struct arg *arg) {
  unsigned flags = (unsigned)arg[1].number;
  bool listen = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  struct sock_fprog program = {
      .len = (unsigned short)(arg[0].length / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(uintptr_t)arg[0].bytes,
  };
  if (arg[0].length / sizeof(struct sock_filter) > BPF_MAXINSNS) {
    errno = E2BIG;
    return fail(l, "seccomp", NULL);
  }
  if (listen && sides_send(l->peer, LOADING, 0, NULL, 0) < 0)
    return fail(l, "send", NULL);
  if (listen && sides_expect(l, WATCHED, NULL, NULL, NULL) < 0)
    return -1;
  /* The filter may refuse prctl(2), and then the program would die with the launcher. What it still
   * has to say to the launcher tells it whether that lives. */
  sides_outlive_launcher(l);
  l->filtered = true;
  int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (listener < 0)
    return fail(l, "seccomp", NULL);
  if (listen) {
    hand_over(l, listener);
    close(listener);
  }
  return 0;
}

/* --- the launcher's side --- */

static struct {
  struct robust_list_head head;
  struct robust_list entry;
} robust;

/* Has the kernel mark `alive` in the report when this process dies. */
static int be_watched(struct launch *l) {
  robust.head.list.next = &robust.entry;
  robust.entry.next = &robust.head.list;
  robust.head.futex_offset = (char *)&l->report->alive - (char *)&robust.entry;
  atomic_store(&l->report->alive, (uint32_t)syscall(SYS_gettid));
  if (syscall(SYS_set_robust_list, &robust.head, sizeof robust.head) < 0)
    return fail(l, "set_robust_list", NULL);
  return sides_send(l->peer, WATCHED, 0, NULL, 0) < 0 ? fail(l, "send", NULL) : 0;
}

static void be_unwatched(void) { robust.head.list.next = &robust.head.list; }

/* The listener, once the filter is loaded; -1 if the container's process or the caller goes away.
 */
static int take_listener(struct launch *l) {
  struct report *r = l->report;
  while (atomic_load(&r->listener) == 0) {
    struct pollfd p[] = {{.fd = l->peer}, {.fd = l->control}};
    struct timespec moment = {.tv_nsec = 50000};
    if (ppoll(p, 2, &moment, NULL) > 0 && atomic_load(&r->listener) == 0) {
      errno = ECONNRESET;
      return r->failed != NO_OPERATION || p[0].revents != 0 ? -1 : fail(l, "control socket", NULL);
    }
  }
  int fd = (int)syscall(SYS_pidfd_getfd, l->pidfd, atomic_load(&r->listener) - 1, 0);
  return fd < 0 ? fail(l, "pidfd_getfd", NULL) : fd;
}

static int connect_to(struct launch *l, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return fail(l, "connect", path);
  }
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fail(l, "socket", NULL);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  fail(l, "connect", path);
  close(fd);
  return -1;
}

static int send_listener(struct launch *l, const struct arg *arg, int agent, int listener) {
  struct state state;
  if (process_state(l, &arg[1], &state) < 0)
    return -1;
  /* In one message: agents read it at once. */
  ssize_t sent = sides_send_fds(agent, state.parts, state.count, &listener, 1);
  if (sent == (ssize_t)state.size)
    return 0;
  if (sent >= 0)
    errno = EMSGSIZE;
  return fail(l, "send the listener", arg[0].bytes);
}

/* Begins when the container's process is about to load the filter, and ends with the turn. */
int op_send_seccomp_listener(struct launch *l, const struct arg *arg) {
  int agent = connect_to(l, arg[0].bytes);
  if (agent < 0 || be_watched(l) < 0)
    return -1;
  int listener = take_listener(l);
  if (listener < 0 || send_listener(l, arg, agent, listener) < 0)
    return -1;
  close(listener);
  close(agent);
  atomic_store(&l->report->listener, 0);
  atomic_store(&l->report->listener_taken, 1);
  be_unwatched();
  return sides_expect(l, TURN, NULL, NULL, NULL);
}
