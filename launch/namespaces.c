/* Operations on processes and namespaces. */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "process.h"
#include "report.h"
#include "sides.h"
#include "text.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define NAMESPACES                                                                                 \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |    \
   CLONE_NEWNET | CLONE_NEWTIME)

/* One process comes out of one clone3(2), with all its namespaces: a PID namespace, and a time
 * namespace, only take effect for a new process anyway. By the middle process the clone is called
 * when something has to be joined before (a user namespace, say, which is to own the new
 * namespaces, or a PID namespace), for the launcher itself has to stay where it is. */
int op_clone(struct launch *l, const struct arg *arg) {
  uint64_t flags = arg[0].number;
  int cgroup = -1;
  if ((flags & ~(uint64_t)NAMESPACES) != 0) {
    errno = EINVAL;
    return fail(l, "clone flags", NULL);
  }
  if (arg[1].number != NO_SLOT && (cgroup = slot_fd(l, &arg[1])) < 0)
    return -1;
  if (l->side == SIDE_LAUNCHER && sides_pair(l->link) < 0)
    return fail(l, "socketpair", NULL);
  if (l->side == SIDE_MIDDLE)
    flags |= CLONE_PARENT;
  pid_t pid = process_clone(flags, cgroup, &l->pidfd, &l->report->pid);
  if (pid < 0)
    return fail(l, "clone3", NULL);
  if (pid == 0) {
    process_become_container(l);
    return 0;
  }
  l->container = pid;
  if (l->side == SIDE_LAUNCHER) {
    close(l->link[1]);
    l->peer = l->link[0];
    l->link[0] = l->link[1] = -1;
  }
  return 0;
}

int op_unshare(struct launch *l, const struct arg *arg) {
  if (unshare((int)arg[0].number) < 0)
    return fail(l, "unshare", NULL);
  return sides_die_with_launcher(l);
}

int op_join(struct launch *l, const struct arg *arg) {
  int fd = slot_fd(l, &arg[0]);
  if (fd < 0)
    return -1;
  if (setns(fd, (int)arg[1].number) < 0)
    return fail(l, "setns", NULL);
  return sides_die_with_launcher(l);
}

/* Writes /proc/PID/NAME through the launcher's own procfs descriptor: what a container may have put
 * in its /proc is never looked at, and no symlink is followed. */
static int write_proc(struct launch *l, pid_t pid, const char *name, const char *data,
                      size_t length) {
  char space[256];
  struct text path = TEXT(space);
  struct open_how how = {
      .flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  text_add(&path, "/proc/");
  text_number(&path, (uint64_t)pid);
  text_add(&path, "/");
  text_add(&path, name);
  if (pid <= 0 || path.cut) {
    errno = pid <= 0 ? ESRCH : ENAMETOOLONG;
    return fail(l, "open", name);
  }
  int fd = (int)syscall(SYS_openat2, l->proc, space + strlen("/proc/"), &how, sizeof how);
  if (fd < 0)
    return fail(l, "open", space);
  ssize_t written = write(fd, data, length);
  int error = written < 0 ? errno : EIO;
  close(fd);
  errno = error;
  return written == (ssize_t)length ? 0 : fail(l, "write", space);
}

int op_write_proc(struct launch *l, const struct arg *arg) {
  bool own = arg[0].number == 0;
  pid_t pid = own ? process_host_pid(l) : l->container != 0 ? l->container : l->middle;
  return write_proc(l, pid, arg[1].bytes, arg[2].bytes, arg[2].length);
}

/* Name that runc gives the message; receivers only want the descriptor. */
int op_send_pidfd(struct launch *l, const struct arg *arg) {
  int socket = slot_fd(l, &arg[0]);
  if (socket < 0)
    return -1;
  struct iovec name = {.iov_base = (char[]){"standard"}, .iov_len = 8};
  if (sides_send_fds(socket, &name, 1, &l->pidfd, 1) < 0)
    return fail(l, "sendmsg pidfd", NULL);
  return 0;
}

/* A process is needed to make a user namespace and to write its maps; the descriptor then keeps the
 * namespace alive. The process ends with the pipe, so also if the launcher is killed. */
int op_make_user_namespace(struct launch *l, const struct arg *arg) {
  int pipe[2];
  char space[64];
  struct text path = TEXT(space);
  if (pipe2(pipe, O_CLOEXEC) < 0)
    return fail(l, "pipe", NULL);
  pid_t pid = process_clone(CLONE_NEWUSER, -1, NULL, NULL);
  if (pid == 0) {
    char byte;
    close(pipe[1]);
    while (read(pipe[0], &byte, 1) < 0 && errno == EINTR)
      ;
    _exit(0);
  }
  close(pipe[0]);
  if (pid < 0) {
    fail(l, "clone3", NULL);
    close(pipe[1]);
    return -1;
  }
  int fd = -1;
  text_number(&path, (uint64_t)pid);
  text_add(&path, "/ns/user");
  if (write_proc(l, pid, "uid_map", arg[1].bytes, arg[1].length) == 0 &&
      write_proc(l, pid, "gid_map", arg[2].bytes, arg[2].length) == 0) {
    fd = openat(l->proc, space, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      fail(l, "open", space);
  }
  close(pipe[1]);
  process_end(pid);
  if (fd < 0)
    return -1;
  slot_set(l, &arg[0], fd);
  return 0;
}

/* Before a container's namespaces are joined: its processes must not be able to ptrace this one, or
 * to reach its descriptors through /proc/PID/fd, until it executes their program (CVE-2016-9962).
 */
int op_undumpable(struct launch *l, const struct arg *arg) {
  (void)arg;
  return prctl(PR_SET_DUMPABLE, 0) < 0 ? fail(l, "prctl DUMPABLE", NULL) : 0;
}

int op_new_session(struct launch *l, const struct arg *arg) {
  (void)arg;
  return setsid() < 0 ? fail(l, "setsid", NULL) : 0;
}
