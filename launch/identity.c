/* Operations that change what the calling process is and may do. All but the namespaces' names act
 * on that process alone. */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch.h"
#include "sides.h"

#define KEEP_GROUPS 1
#define IOPRIO_WHO_PROCESS 1
#define LAST_CAPABILITY 63

int op_set_hostname(struct launch *l, const struct arg *arg) {
  if (sethostname(arg[0].bytes, arg[0].length) < 0)
    return fail(l, "sethostname", arg[0].bytes);
  return 0;
}

int op_set_domainname(struct launch *l, const struct arg *arg) {
  if (syscall(SYS_setdomainname, arg[0].bytes, (size_t)arg[0].length) < 0)
    return fail(l, "setdomainname", arg[0].bytes);
  return 0;
}

/* Through the host's procfs: /proc/sys shows the namespaces of whoever opens it. */
int op_write_sysctl(struct launch *l, const struct arg *arg) {
  struct open_how how = {
      .flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
  };
  int root = openat(l->proc, "sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (root < 0)
    return fail(l, "open", "/proc/sys");
  int fd = (int)syscall(SYS_openat2, root, arg[0].bytes, &how, sizeof how);
  if (fd < 0)
    fail(l, "open sysctl", arg[0].bytes);
  close(root);
  if (fd < 0)
    return -1;
  ssize_t written = write(fd, arg[1].bytes, arg[1].length);
  if (written >= 0)
    errno = EIO;
  if (written != (ssize_t)arg[1].length)
    fail(l, "write sysctl", arg[0].bytes);
  close(fd);
  return written == (ssize_t)arg[1].length ? 0 : -1;
}

int op_set_rlimit(struct launch *l, const struct arg *arg) {
  const uint64_t limit[2] = {arg[1].number, arg[2].number};
  pid_t target = l->side == SIDE_CONTAINER ? 0 : l->container;
  if (syscall(SYS_prlimit64, target, (int)arg[0].number, limit, NULL) < 0)
    return fail(l, "prlimit", NULL);
  return 0;
}

int op_set_umask(struct launch *l, const struct arg *arg) {
  (void)l;
  umask((mode_t)arg[0].number);
  return 0;
}

int op_set_io_priority(struct launch *l, const struct arg *arg) {
  if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)arg[0].number) < 0)
    return fail(l, "ioprio_set", NULL);
  return 0;
}

int op_set_scheduler(struct launch *l, const struct arg *arg) {
  struct sched_attr attr = {
      .size = SCHED_ATTR_SIZE_VER0,
      .sched_policy = (uint32_t)arg[0].number,
      .sched_nice = (int32_t)(uint32_t)arg[1].number,
      .sched_priority = (uint32_t)arg[2].number,
      .sched_flags = arg[3].number,
      .sched_runtime = arg[4].number,
      .sched_deadline = arg[5].number,
      .sched_period = arg[6].number,
  };
  if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
    return fail(l, "sched_setattr", NULL);
  return 0;
}

int op_set_affinity(struct launch *l, const struct arg *arg) {
  if (syscall(SYS_sched_setaffinity, 0, (size_t)arg[0].length, arg[0].bytes) < 0)
    return fail(l, "sched_setaffinity", NULL);
  return 0;
}

int op_set_memory_policy(struct launch *l, const struct arg *arg) {
  uint64_t nodes[16] = {0}; /* the kernel reads whole words, and knows at most 1024 nodes */
  if (arg[1].length > sizeof nodes) {
    errno = EINVAL;
    return fail(l, "set_mempolicy", NULL);
  }
  memcpy(nodes, arg[1].bytes, arg[1].length);
  /* The kernel takes one bit less than it is told. */
  unsigned long bits = arg[1].length == 0 ? 0 : 8 * (unsigned long)arg[1].length + 1;
  if (syscall(SYS_set_mempolicy, (int)arg[0].number, bits == 0 ? NULL : nodes, bits) < 0)
    return fail(l, "set_mempolicy", NULL);
  return 0;
}

int op_set_personality(struct launch *l, const struct arg *arg) {
  return personality((unsigned long)arg[0].number) < 0 ? fail(l, "personality", NULL) : 0;
}

int op_join_keyring(struct launch *l, const struct arg *arg) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, arg[0].bytes) < 0 && errno != ENOSYS)
    return fail(l, "keyctl", arg[0].bytes);
  return 0;
}

int op_no_new_privileges(struct launch *l, const struct arg *arg) {
  (void)arg;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? fail(l, "prctl NO_NEW_PRIVS", NULL) : 0;
}

/* --- user and capabilities ---
 *
 * The order is forced: the bounding set can be cut only with CAP_SETPCAP in effect, so before the
 * user is changed; setgroups(2) and setresgid(2) need CAP_SETGID, which goes with user 0, so they
 * come before setresuid(2); the permitted set survives that with PR_SET_KEEPCAPS only, the
 * effective one never does, and capset(2) can then only take away; ambient capabilities come last,
 * for each has to be permitted and inheritable. */

int op_drop_bounding(struct launch *l, const struct arg *arg) {
  for (int cap = 0; cap <= LAST_CAPABILITY; cap++) {
    if ((arg[0].number >> cap & 1) != 0)
      continue;
    int present = prctl(PR_CAPBSET_READ, cap);
    if (present < 0)
      return 0; /* the kernel knows no more */
    if (present > 0 && prctl(PR_CAPBSET_DROP, cap) < 0)
      return fail(l, "prctl CAPBSET_DROP", NULL);
  }
  return 0;
}

int op_set_user(struct launch *l, const struct arg *arg) {
  unsigned uid = (unsigned)arg[0].number;
  unsigned gid = (unsigned)arg[1].number;
  /* By the kernel's own calls: libc's do the same for all threads, of which there is one. */
  if (prctl(PR_SET_KEEPCAPS, 1) < 0)
    return fail(l, "prctl KEEPCAPS", NULL);
  if ((arg[3].number & KEEP_GROUPS) == 0 &&
      syscall(SYS_setgroups, (size_t)arg[2].length / 4, arg[2].bytes) < 0)
    return fail(l, "setgroups", NULL);
  if (syscall(SYS_setresgid, gid, gid, gid) < 0)
    return fail(l, "setresgid", NULL);
  if (syscall(SYS_setresuid, uid, uid, uid) < 0)
    return fail(l, "setresuid", NULL);
  return sides_die_with_launcher(l);
}

static int raise_ambient(uint64_t ambient) {
  /* Before Linux 4.3 there are none. */
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return ambient == 0 && errno == EINVAL ? 0 : -1;
  for (unsigned long cap = 0; cap <= LAST_CAPABILITY; cap++)
    if ((ambient >> cap & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
      return -1;
  return 0;
}

int op_set_capabilities(struct launch *l, const struct arg *arg) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int half = 0; half < 2; half++) {
    data[half].effective = (uint32_t)(arg[0].number >> 32 * half);
    data[half].permitted = (uint32_t)(arg[1].number >> 32 * half);
    data[half].inheritable = (uint32_t)(arg[2].number >> 32 * half);
  }
  if (syscall(SYS_capset, &head, data) < 0)
    return fail(l, "capset", NULL);
  if (raise_ambient(arg[3].number) < 0)
    return fail(l, "prctl CAP_AMBIENT", NULL);
  return sides_die_with_launcher(l);
}
