/* Attempts on files: the host's, the kernel's, devices. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "probe.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

/* Harmless: the file was made to be read. */
static struct outcome read_byte(const char *path) {
  char byte = 0;
  int fd = open_path(path, O_RDONLY);
  return fd < 0 ? answer_if_there(fd) : answer(read(fd, &byte, 1), 0);
}

struct outcome try_read_host_file(const struct settings *s, unsigned argument) {
  (void)argument;
  return read_byte(s->canary);
}

/* The root of a process of the host's is the host's root. */
struct outcome try_read_by_proc(const struct settings *s, unsigned argument) {
  char path[PATH_MAX];
  (void)argument;
  if (s->host == 0)
    return outcome(ABSENT, 0);
  snprintf(path, sizeof path, "/proc/%d/root%s", s->host, s->canary);
  return read_byte(path);
}

/* Harmless: no bytes are written, which changes no sysctl. This one is the whole host's, whatever
 * the namespaces. */
struct outcome try_write_sysctl(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  int fd = open_path("/proc/sys/kernel/printk_ratelimit_burst", O_WRONLY);
  return fd < 0 ? answer_if_there(fd) : answer(write(fd, "", 0), 0);
}

/* Harmless: the node is the null device, at a path of the caller's choice, and is gone at once. */
struct outcome try_make_device(const struct settings *s, unsigned argument) {
  (void)argument;
  int made = mknodat(AT_FDCWD, s->node, S_IFCHR | 0600, makedev(1, 3));
  struct outcome seen = answer(made, 0);
  if (made == 0)
    unlinkat(AT_FDCWD, s->node, 0);
  return seen;
}

/* Harmless: /dev/kmsg takes messages, and gets none. No engine gives it to containers. */
struct outcome try_open_device(const struct settings *s, unsigned argument) {
  (void)argument;
  if (mknodat(AT_FDCWD, s->node, S_IFCHR | 0600, makedev(1, 11)) < 0)
    return answer(-1, 0);
  struct outcome seen = answer_if_there(open_path(s->node, O_WRONLY));
  unlinkat(AT_FDCWD, s->node, 0);
  return seen;
}

/* Harmless: it is opened for reading, and not read. */
struct outcome try_open_memory(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer_if_there(open_path("/dev/mem", O_RDONLY));
}

/* Harmless: it reads four bytes that are known. Where the file is hidden under another one, they
 * are others, or none. */
struct outcome try_kernel_memory(const struct settings *s, unsigned argument) {
  char magic[4] = "";
  (void)s;
  (void)argument;
  int fd = open_path("/proc/kcore", O_RDONLY);
  if (fd < 0)
    return answer_if_there(fd);
  ssize_t length = read(fd, magic, sizeof magic);
  if (length < 0)
    return answer(length, 0);
  bool found = length == sizeof magic && memcmp(magic, "\177ELF", sizeof magic) == 0;
  return outcome(found ? DONE : ABSENT, 0);
}

/* --- control groups --- */

static const char *const cgroup_mounts[] = {
    "/sys/fs/cgroup",         "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory",
    "/sys/fs/cgroup/pids",    "/sys/fs/cgroup/devices", "/sys/fs/cgroup/freezer",
    "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/cpu",     "/sys/fs/cgroup/cpu,cpuacct",
};

static bool is_cgroup(const char *path) {
  struct statfs fs;
  return statfs(path, &fs) == 0 &&
         (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

/* Harmless: it only looks. */
struct outcome try_see_cgroups(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  for (size_t i = 0; i < sizeof cgroup_mounts / sizeof *cgroup_mounts; i++)
    if (is_cgroup(cgroup_mounts[i]))
      return outcome(DONE, 0);
  return outcome(ABSENT, 0);
}

/* Harmless: the file is opened for writing, and nothing is written. */
struct outcome try_write_cgroups(const struct settings *s, unsigned argument) {
  struct outcome seen = outcome(ABSENT, 0);
  (void)s;
  (void)argument;
  for (size_t i = 0; i < sizeof cgroup_mounts / sizeof *cgroup_mounts; i++) {
    char path[128];
    if (!is_cgroup(cgroup_mounts[i]))
      continue;
    snprintf(path, sizeof path, "%s/cgroup.procs", cgroup_mounts[i]);
    seen = answer(open_path(path, O_WRONLY), 0);
    if (seen.word == DONE)
      break;
  }
  return seen;
}

/* --- terminals --- */

/* Harmless: the terminal was made for it, nobody reads from it, and there is no character to push
 * (EFAULT). Containers have left through the terminal of whoever started them by this. */
struct outcome try_push_input(const struct settings *s, unsigned argument) {
  int unlock = 0;
  (void)s;
  (void)argument;
  int master = open_path("/dev/ptmx", O_RDWR);
  if (master < 0)
    return answer_if_there(master);
  if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
    return answer(-1, 0);
  int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  if (terminal < 0 || setsid() < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0)
    return answer(-1, 0);
  return answer(ioctl(terminal, TIOCSTI, NULL), EFAULT);
}
