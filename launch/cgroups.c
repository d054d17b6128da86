/* Operations on control groups. They act on the host's cgroup file systems, by host paths. */

#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "launch.h"
#include "text.h"

#define MAY_BE_REFUSED 1

#define CGROUP_NEW 1
#define CGROUP_REMOVE 2

/* What is to be removed at the end, in the order in which it was made. */
static const char *made[64];
static unsigned made_count;

int op_make_cgroup(struct launch *l, const struct arg *arg) {
  const char *path = arg[0].bytes;
  bool new = (arg[1].number & CGROUP_NEW) != 0;
  bool remove = (arg[1].number & CGROUP_REMOVE) != 0;
  if (remove && made_count == sizeof made / sizeof *made) {
    errno = E2BIG;
    return fail(l, "cgroups to remove", path);
  }
  if (mkdir(path, 0755) < 0)
    return errno == EEXIST && !new ? 0 : fail(l, "mkdir", path);
  if (remove)
    made[made_count++] = path; /* stays mapped */
  return 0;
}

/* Whether there are processes in a cgroup, or further cgroups: then it is no use to wait. */
static bool is_occupied(const char *path) {
  char space[4096];
  char byte;
  struct stat st;
  struct text procs = TEXT(space);
  if (stat(path, &st) == 0 && st.st_nlink > 2)
    return true;
  text_add(&procs, path);
  text_add(&procs, "/cgroup.procs");
  int fd = open(space, O_RDONLY | O_CLOEXEC);
  bool occupied = fd >= 0 && read(fd, &byte, 1) > 0;
  if (fd >= 0)
    close(fd);
  return occupied;
}

/* The kernel may not be done yet with processes that have ended: EBUSY. */
static bool remove_cgroup(const char *path) {
  struct timespec pause = {.tv_nsec = 100000};
  for (int attempt = 0; attempt < 12; attempt++, pause.tv_nsec *= 2) {
    if (rmdir(path) == 0 || errno == ENOENT)
      return true;
    if (errno != EBUSY || is_occupied(path))
      return false;
    nanosleep(&pause, NULL);
  }
  return false;
}

unsigned cgroups_remove(void) {
  unsigned left = 0;
  while (made_count > 0)
    left += !remove_cgroup(made[--made_count]);
  return left;
}

/* cgroup files take a value only as a whole, in one write(2). */
static int write_file(const char *path, const char *value, size_t length) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t written = write(fd, value, length);
  int error = written < 0 ? errno : EIO;
  close(fd);
  errno = error;
  return written == (ssize_t)length ? 0 : -1;
}

int op_write_cgroup(struct launch *l, const struct arg *arg) {
  if (write_file(arg[0].bytes, arg[1].bytes, arg[1].length) == 0 ||
      (arg[2].number & MAY_BE_REFUSED) != 0)
    return 0;
  return fail(l, "write", arg[0].bytes);
}

static ssize_t read_file(const char *path, char *value, size_t room) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t length = read(fd, value, room);
  int error = errno;
  close(fd);
  errno = error;
  return length;
}

static int inherit_file(struct launch *l, const char *directory, const char *file) {
  char own[4096];
  char above[4096];
  char value[4096];
  struct text path = TEXT(own);
  struct text parent = TEXT(above);
  text_add(&path, directory);
  text_add(&path, file);
  text_add(&parent, directory);
  text_add(&parent, "/..");
  text_add(&parent, file);
  if (path.cut || parent.cut) {
    errno = ENAMETOOLONG;
    return fail(l, "path", directory);
  }
  ssize_t length = read_file(own, value, sizeof value);
  if (length < 0)
    return fail(l, "read", own);
  if (length > 1) /* an empty file is read as a newline, or as nothing */
    return 0;
  length = read_file(above, value, sizeof value);
  if (length < 0)
    return fail(l, "read", above);
  return write_file(own, value, (size_t)length) < 0 ? fail(l, "write", own) : 0;
}

/* A new v1 cpuset has no cpus and no memory nodes, and refuses tasks until it has (cpuset(7)). */
int op_inherit_cpuset(struct launch *l, const struct arg *arg) {
  if (inherit_file(l, arg[0].bytes, "/cpuset.cpus") < 0)
    return -1;
  return inherit_file(l, arg[0].bytes, "/cpuset.mems");
}

int op_attach_device_filter(struct launch *l, const struct arg *arg) {
  int cgroup = slot_fd(l, &arg[0]);
  if (cgroup < 0)
    return -1;
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uintptr_t)arg[1].bytes;
  attr.insn_cnt = arg[1].length / (uint32_t)sizeof(struct bpf_insn);
  attr.license = (uintptr_t)"Apache-2.0";
  int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
  if (program < 0)
    return fail(l, "bpf PROG_LOAD", NULL);
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)cgroup;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI; /* systemd's filters, and those above, hold as well */
  long attached = syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr);
  int error = errno;
  close(program);
  errno = error;
  return attached < 0 ? fail(l, "bpf PROG_ATTACH", NULL) : 0;
}

/* A task that moves itself, alone in its process, through a descriptor opened before: the kernel
 * then need not stop all forks of the machine, which takes up to 30 ms on an idle one. */
int op_enter_cgroup(struct launch *l, const struct arg *arg) {
  int tasks = slot_fd(l, &arg[0]);
  if (tasks < 0)
    return -1;
  return write(tasks, "0", 1) == 1 ? 0 : fail(l, "write tasks", NULL);
}

int op_open(struct launch *l, const struct arg *arg) {
  int flags = (int)arg[2].number & ~(O_CREAT | O_TRUNC);
  int fd = open(arg[1].bytes, flags | O_CLOEXEC);
  if (fd < 0)
    return fail(l, "open", arg[1].bytes);
  slot_set(l, &arg[0], fd);
  return 0;
}
