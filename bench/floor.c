/* The kernel's own floor: what one container start costs when no runtime is around it.
 *
 * A bare loop that does the system calls of a start of a small container (cgroups with limits, all
 * namespaces, a private root with the usual file systems, masked and read-only paths, no
 * capabilities but Docker's, no_new_privs, a seccomp filter), executes a program, waits for it
 * and removes the cgroups. No start can be faster than this on the same kernel.
 *
 *   floor ROOTFS CGROUP FILTER PROGRAM [net]
 *
 * CGROUP is a path below each v1 hierarchy, FILTER a file of struct sock_filter. For each byte on
 * stdin one start is made and a line "NANOSECONDS STATUS" written: so a caller can interleave it
 * with other subjects. With a net namespace if the last argument is "net".
 *
 * A failed call ends the program: a floor that skips something would be too low. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MNT_DETACH_FLAG 2
#define AT_RECURSIVE_FLAG 0x8000

static const char *rootfs, *cgroup, *program;
static struct sock_fprog filter;
static int with_net;

_Noreturn static void die(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static int check(long result, const char *what) {
  if (result < 0)
    die(what);
  return (int)result;
}

/* --- cgroups (v1) --- */

static const char *const hierarchies[] = {
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd",
};

/* The limits of the benchmark's bundle, and Docker's device rules. */
static const struct {
  const char *hierarchy, *file, *value;
} limits[] = {
    {"memory", "memory.limit_in_bytes", "268435456"},
    {"cpu", "cpu.shares", "1024"},
    {"cpu", "cpu.cfs_period_us", "100000"},
    {"cpu", "cpu.cfs_quota_us", "100000"},
    {"pids", "pids.max", "256"},
    {"devices", "devices.deny", "a"},
    {"devices", "devices.allow", "c *:* m"},
    {"devices", "devices.allow", "b *:* m"},
    {"devices", "devices.allow", "c 1:3 rwm"},
    {"devices", "devices.allow", "c 1:5 rwm"},
    {"devices", "devices.allow", "c 1:7 rwm"},
    {"devices", "devices.allow", "c 1:8 rwm"},
    {"devices", "devices.allow", "c 1:9 rwm"},
    {"devices", "devices.allow", "c 5:0 rwm"},
    {"devices", "devices.allow", "c 5:2 rwm"},
    {"devices", "devices.allow", "c 136:* rwm"},
};

static const char *cgroup_path(const char *hierarchy, const char *file) {
  static char path[512];
  snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s%s%s", hierarchy, cgroup, file ? "/" : "",
           file ? file : "");
  return path;
}

static void write_file(const char *path, const char *value, size_t length) {
  int fd = check(open(path, O_WRONLY | O_CLOEXEC), path);
  check(write(fd, value, length), path);
  close(fd);
}

/* The v2 hierarchy that hybrid hosts have beside those of v1: the container is born in it. */
static const char *const unified = "unified";

/* A cpuset has no CPUs or memory nodes of its own until it is given some. */
static void inherit_cpuset(const char *file) {
  char value[256], parent[512];
  snprintf(parent, sizeof parent, "/sys/fs/cgroup/cpuset/%s", file);
  int fd = check(open(parent, O_RDONLY | O_CLOEXEC), parent);
  ssize_t length = check(read(fd, value, sizeof value), parent);
  close(fd);
  write_file(cgroup_path("cpuset", file), value, (size_t)length);
}

/* Makes all directories, and returns that of the v2 hierarchy, -1 if this host has none. */
static int make_cgroups(int tasks[]) {
  for (size_t i = 0; i < COUNT(hierarchies); i++)
    check(mkdir(cgroup_path(hierarchies[i], NULL), 0755), "mkdir cgroup");
  inherit_cpuset("cpuset.cpus");
  inherit_cpuset("cpuset.mems");
  for (size_t i = 0; i < COUNT(limits); i++)
    write_file(cgroup_path(limits[i].hierarchy, limits[i].file), limits[i].value,
               strlen(limits[i].value));
  for (size_t i = 0; i < COUNT(hierarchies); i++)
    tasks[i] =
        check(open(cgroup_path(hierarchies[i], "tasks"), O_WRONLY | O_CLOEXEC), "open tasks");
  if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK))
    return -1;
  check(mkdir(cgroup_path(unified, NULL), 0755), "mkdir cgroup");
  return check(open(cgroup_path(unified, NULL), O_RDONLY | O_DIRECTORY | O_CLOEXEC), unified);
}

static void remove_cgroups(int tasks[], int v2) {
  for (size_t i = 0; i < COUNT(hierarchies); i++) {
    close(tasks[i]);
    check(rmdir(cgroup_path(hierarchies[i], NULL)), "rmdir cgroup");
  }
  if (v2 < 0)
    return;
  close(v2);
  check(rmdir(cgroup_path(unified, NULL)), "rmdir cgroup");
}

/* --- mounts --- */

static int open_in(int root, const char *path, uint64_t flags) {
  struct open_how how = {.flags = flags | O_CLOEXEC,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static int clone_tree(int base, const char *path, unsigned flags) {
  return check(syscall(SYS_open_tree, base, path, flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
               path);
}

static void set_attributes(int mount, uint64_t set, uint64_t propagation, unsigned flags) {
  struct mount_attr attr = {.attr_set = set, .propagation = propagation};
  check(syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attr, sizeof attr),
        "mount_setattr");
}

static void attach(int mount, int target) {
  check(syscall(SYS_move_mount, mount, "", target, "",
                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
        "move_mount");
}

static int new_filesystem(const char *type, const char *const options[], unsigned attributes) {
  int fs = check(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), type);
  for (; options && *options; options += 2) {
    int flag = options[1] == NULL;
    check(syscall(SYS_fsconfig, fs, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, options[0],
                  options[1], 0),
          options[0]);
  }
  check(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), type);
  int mount = check(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes), type);
  close(fs);
  return mount;
}

/* Mounts a new file system at a path of the root, and returns its descriptor. */
static int mount_at(int root, const char *path, const char *type, const char *const options[],
                    unsigned attributes) {
  int target = check(open_in(root, path, O_PATH | O_DIRECTORY), path);
  int mount = new_filesystem(type, options, attributes);
  attach(mount, target);
  close(target);
  return mount;
}

static void make_devices(int dev) {
  static const struct {
    const char *name;
    unsigned major, minor;
  } nodes[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
               {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
  static const char *const links[][2] = {
      {"/proc/self/fd", "fd"},       {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"},
      {"/proc/self/fd/2", "stderr"}, {"/proc/kcore", "core"},      {"pts/ptmx", "ptmx"}};
  for (size_t i = 0; i < COUNT(nodes); i++) {
    check(mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)),
          "mknod");
    check(fchmodat(dev, nodes[i].name, 0666, 0), "chmod");
    check(fchownat(dev, nodes[i].name, 0, 0, AT_SYMLINK_NOFOLLOW), "chown");
  }
  for (size_t i = 0; i < COUNT(links); i++)
    check(symlinkat(links[i][0], dev, links[i][1]), "symlink");
}

/* Docker's lists; what this kernel does not have is skipped, as every runtime does. */
static const char *const masked[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};
static const char *const protected[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static void mask_paths(int root, int dev) {
  int empty = new_filesystem("tmpfs", (const char *const[]){"mode", "755", "nr_blocks", "1", NULL},
                             MOUNT_ATTR_RDONLY);
  for (size_t i = 0; i < COUNT(masked); i++) {
    int target = open_in(root, masked[i], O_PATH);
    if (target < 0)
      continue;
    struct stat st;
    check(fstat(target, &st), masked[i]);
    int cover =
        S_ISDIR(st.st_mode) ? clone_tree(empty, "", AT_EMPTY_PATH) : clone_tree(dev, "null", 0);
    attach(cover, target);
    close(cover);
    close(target);
  }
  close(empty);
  for (size_t i = 0; i < COUNT(protected); i++) {
    int target = open_in(root, protected[i], O_PATH);
    if (target < 0)
      continue;
    int again = clone_tree(target, "", AT_EMPTY_PATH | AT_RECURSIVE_FLAG);
    set_attributes(again, MOUNT_ATTR_RDONLY, 0, AT_RECURSIVE_FLAG);
    attach(again, target);
    close(again);
    close(target);
  }
}

static void make_root(void) {
  int host = check(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "/");
  set_attributes(host, 0, MS_PRIVATE, AT_RECURSIVE_FLAG);
  int root = clone_tree(AT_FDCWD, rootfs, AT_RECURSIVE_FLAG);
  int below = check(open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), rootfs);
  attach(root, below);
  close(below);

  const unsigned safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  close(mount_at(root, "/proc", "proc", NULL, safe));
  int dev =
      mount_at(root, "/dev", "tmpfs", (const char *const[]){"mode", "755", "size", "65536k", NULL},
               MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
  check(mkdirat(dev, "pts", 0755), "pts");
  check(mkdirat(dev, "shm", 0755), "shm");
  check(mkdirat(dev, "mqueue", 0755), "mqueue");
  close(mount_at(root, "/dev/pts", "devpts",
                 (const char *const[]){"newinstance", NULL, "ptmxmode", "0666", "mode", "0620",
                                       "gid", "5", NULL},
                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  close(mount_at(root, "/dev/shm", "tmpfs",
                 (const char *const[]){"mode", "1777", "size", "65536k", NULL}, safe));
  close(mount_at(root, "/dev/mqueue", "mqueue", NULL, safe));
  /* Without a net namespace of its own a sysfs instance would be the host's; it still is one mount.
   */
  close(mount_at(root, "/sys", "sysfs", NULL, safe | MOUNT_ATTR_RDONLY));
  make_devices(dev);
  mask_paths(root, dev);
  close(dev);

  check(fchdir(root), "fchdir");
  check(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  check(syscall(SYS_umount2, ".", MNT_DETACH_FLAG), "umount2");
  check(chdir("/"), "chdir");
}

/* --- what the process may --- */

/* Docker's default: chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service
 * net_raw sys_chroot mknod audit_write setfcap. */
static const uint64_t docker_capabilities = 0xa80425fb;

static void limit_process(void) {
  check(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "floor", 0, 0, 0), "keyctl");
  check(sethostname("floor", 5), "sethostname");
  struct rlimit files = {1024, 1024};
  check(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if (!(docker_capabilities >> cap & 1))
      check(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "bounding set");
  check(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keepcaps");
  check(syscall(SYS_setgroups, 0, NULL), "setgroups");
  check(syscall(SYS_setresgid, 0, 0, 0), "setresgid");
  check(syscall(SYS_setresuid, 0, 0, 0), "setresuid");
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {
      {(uint32_t)docker_capabilities, (uint32_t)docker_capabilities, 0}, {0, 0, 0}};
  check(syscall(SYS_capset, &head, data), "capset");
  check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "ambient");
  check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "seccomp");
}

static void bring_up(const char *link) {
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link);
  int sock = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  check(ioctl(sock, SIOCSIFFLAGS, &request), link);
  close(sock);
}

_Noreturn static void container(int tasks[]) {
  check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "pdeathsig");
  for (size_t i = 0; i < COUNT(hierarchies); i++)
    check(write(tasks[i], "0", 1), "enter cgroup");
  check(syscall(SYS_unshare, CLONE_NEWCGROUP), "unshare");
  check(setsid(), "setsid");
  if (with_net)
    bring_up("lo");
  make_root();
  limit_process();
  check(syscall(SYS_close_range, 3, ~0U, 0), "close_range");
  char *const argv[] = {(char *)program, NULL};
  char *const env[] = {"PATH=/bin", NULL};
  execve(program, argv, env);
  die(program);
}

static int start(void) {
  int tasks[COUNT(hierarchies)];
  int v2 = make_cgroups(tasks);
  int pidfd = -1;
  struct clone_args args = {
      .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD |
               (with_net ? CLONE_NEWNET : 0) | (v2 < 0 ? 0 : CLONE_INTO_CGROUP),
      .cgroup = v2 < 0 ? 0 : (uint64_t)v2,
      .pidfd = (uintptr_t)&pidfd,
      .exit_signal = SIGCHLD,
  };
  long pid = check(syscall(SYS_clone3, &args, sizeof args), "clone3");
  if (pid == 0)
    container(tasks);
  int status;
  check(waitpid((pid_t)pid, &status, 0), "waitpid");
  close(pidfd);
  remove_cgroups(tasks, v2);
  return status;
}

static void read_filter(const char *path) {
  static struct sock_filter code[4096];
  int fd = check(open(path, O_RDONLY | O_CLOEXEC), path);
  ssize_t length = check(read(fd, code, sizeof code), path);
  close(fd);
  filter.len = (unsigned short)((size_t)length / sizeof code[0]);
  filter.filter = code;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 5 && argc != 6) {
    fprintf(stderr, "usage: floor ROOTFS CGROUP FILTER PROGRAM [net]\n");
    return 2;
  }
  rootfs = argv[1];
  cgroup = argv[2];
  program = argv[4];
  with_net = argc == 6 && strcmp(argv[5], "net") == 0;
  read_filter(argv[3]);
  char byte;
  while (read(0, &byte, 1) == 1) {
    int64_t begin = now();
    int status = start();
    int64_t end = now();
    printf("%lld %d\n", (long long)(end - begin), status);
    fflush(stdout);
  }
  return 0;
}
