/* Entering the container's root (operations 25 to 27): the mount that becomes "/". */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "launch.h"
#include "sys.h"

static const struct sys_mount_attr slave = {.propagation = MS_SLAVE};

/* --- 25 pivot_root: root --- */

/* pivot_root(".", ".") needs no directory for the old root: the kernel stacks it on the new one
 * (pivot_root(2), NOTES), from where it is unmounted.
 *
 * That unmounting must not reach the host. The plan has made the namespace's mounts private or
 * slave before (pivot_root(2) would refuse a shared parent with EINVAL), but the old root's tree is
 * as large as the host's, and what follows takes all of it down. So it is made slave here once
 * more, which costs microseconds. Slave, not private: a private copy would keep mounts that the
 * host unmounts meanwhile busy (runc does the same, for that reason). It is done by descriptor,
 * because "." is the new root after the pivot: only umount2(2) looks at what is stacked on top. */
int op_pivot_root(struct launch *l, const struct arg *arg) {
  int root = slot_fd(l, &arg[0]);
  if (root < 0)
    return -1;
  int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0)
    return fail(l, "open", "/");
  if (fchdir(root) < 0)
    return fail(l, "fchdir", NULL);
  if (sys_pivot_root(".", ".") < 0)
    return fail(l, "pivot_root", NULL);
  if (sys_mount_setattr(old, AT_RECURSIVE, &slave) < 0)
    return fail(l, "mount_setattr", "old root");
  if (fchdir(old) < 0)
    return fail(l, "fchdir", "old root");
  if (umount2(".", MNT_DETACH) < 0)
    return fail(l, "umount2", "old root");
  if (chdir("/") < 0)
    return fail(l, "chdir", "/");
  close(old);
  return 0;
}

/* --- 26 switch_root: root --- */

/* The fields of a line of /proc/self/mountinfo that are looked at; they point into the line. */
struct mount_line {
  char *root;
  char *point;
  char *type;
};

/* Undoes the \ooo of mountinfo, in place. */
static void unescape(char *text) {
  char *out = text;
  for (char *in = text; *in; out++) {
    if (in[0] == '\\' && in[1] && in[2] && in[3]) {
      *out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
      in += 4;
    } else {
      *out = *in++;
    }
  }
  *out = 0;
}

/* proc(5): id parent device ROOT POINT options [optional ...] - TYPE source options */
static bool parse_line(char *line, struct mount_line *m) {
  char *rest = line;
  for (int field = 0; field < 3; field++)
    strsep(&rest, " ");
  m->root = strsep(&rest, " ");
  m->point = strsep(&rest, " ");
  char *separator = rest ? strstr(rest, " - ") : NULL;
  if (!separator)
    return false;
  rest = separator + 3;
  m->type = strsep(&rest, " ");
  unescape(m->point);
  return true;
}

static bool is_below(const char *path, const char *directory) {
  size_t length = strlen(directory);
  return strncmp(path, directory, length) == 0 && (path[length] == '/' || !path[length]);
}

/* Takes away one whole procfs or sysfs of the host, or covers it where it may not be unmounted. One
 * that went away with another one above it is fine. */
static int hide(struct launch *l, const char *point) {
  if (mount(NULL, point, NULL, MS_SLAVE | MS_REC, NULL) < 0)
    return errno == ENOENT || errno == EINVAL ? 0 : fail(l, "mount", point);
  if (umount2(point, MNT_DETACH) == 0)
    return 0;
  if (errno != EINVAL && errno != EPERM)
    return fail(l, "umount2", point);
  if (mount("tmpfs", point, "tmpfs", MS_RDONLY, "size=0") < 0)
    return fail(l, "mount", point);
  return 0;
}

/* A whole file of a procfs, with a NUL behind it, to be freed; NULL with errno. */
static char *read_all(int proc, const char *name) {
  int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  char *all = NULL;
  for (size_t length = 0, room = 0;;) {
    if (length + 1 >= room) {
      char *more = realloc(all, room += 65536);
      if (!more)
        break;
      all = more;
    }
    ssize_t got = read(fd, all + length, room - length - 1);
    if (got < 0)
      break;
    length += (size_t)got;
    all[length] = 0;
    if (got == 0) {
      close(fd);
      return all;
    }
  }
  free(all);
  close(fd);
  return NULL;
}

/* Without a pivot the host's mounts stay in the namespace, under the new root. No path leads to
 * them, but the kernel lets an unprivileged user namespace mount a procfs or sysfs of its own if a
 * whole one, with nothing masked, is anywhere in the mount namespace: that would undo the
 * container's masks. */
static int hide_host_proc(struct launch *l, int root) {
  char path[PATH_MAX], self[SELF_FD_SIZE];
  ssize_t length = readlinkat(l->proc, path_self_fd(root, self), path, sizeof path - 1);
  if (length < 0)
    return fail(l, "readlinkat", self);
  path[length] = 0;
  char *mounts = read_all(l->proc, "self/mountinfo");
  if (!mounts)
    return fail(l, "read", "self/mountinfo");

  int result = 0;
  for (char *rest = mounts, *line; result == 0 && (line = strsep(&rest, "\n"));) {
    struct mount_line m;
    if (!parse_line(line, &m))
      continue;
    bool wanted = strcmp(m.type, "proc") == 0 || strcmp(m.type, "sysfs") == 0;
    if (wanted && strcmp(m.root, "/") == 0 && !is_below(m.point, path))
      result = hide(l, m.point);
  }
  free(mounts);
  return result;
}

/* The new root may be attached anywhere in this mount namespace, which has to be the container's
 * own: what is hidden is hidden from everybody in it. */
int op_switch_root(struct launch *l, const struct arg *arg) {
  int root = slot_fd(l, &arg[0]);
  if (root < 0)
    return -1;
  if (hide_host_proc(l, root) < 0)
    return -1;
  int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (host < 0)
    return fail(l, "open", "/");
  /* ELOOP: "/" is in the mount that is to be moved there, so it is attached there already. */
  if (sys_move_mount(root, host) < 0 && errno != ELOOP)
    return fail(l, "move_mount", "/");
  close(host);
  return op_change_root(l, arg);
}

/* --- 27 change_root: root --- */

int op_change_root(struct launch *l, const struct arg *arg) {
  int root = slot_fd(l, &arg[0]);
  if (root < 0)
    return -1;
  if (fchdir(root) < 0)
    return fail(l, "fchdir", NULL);
  if (chroot(".") < 0)
    return fail(l, "chroot", NULL);
  if (chdir("/") < 0)
    return fail(l, "chdir", "/");
  return 0;
}
