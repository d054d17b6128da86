/* Directories, symlinks and device nodes in a root (operations 28 to 30).
 *
 * What is made or replaced is named by one component in a descriptor of its directory, by calls
 * that do not follow a symlink there: a root's /dev that is a symlink to the host's leads to a
 * directory inside the root (paths.c), not to the host's devices (CVE-2026-41579). */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "launch.h"

/* How often something that was just removed may be there again. */
enum { ATTEMPTS = 16 };

/* --- 28 make_directory: base, path, mode --- */

int op_make_directory(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  int base = base_fd(l, &arg[0]);
  if (base == -1)
    return -1;
  int fd = path_make(base, path, LEAF_DIRECTORY, (mode_t)arg[2].number & 07777);
  if (fd < 0)
    return fail(l, "make directory", path);
  close(fd);
  return 0;
}

/* Removes what is in the way: anything but a directory with something in it. */
static int clear_way(int parent, const char *name) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
    return 0;
  if (errno != EISDIR)
    return -1;
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

/* --- 29 make_symlink: base, path, target --- */

static bool is_symlink_to(int parent, const char *name, const char *target) {
  char there[PATH_MAX];
  ssize_t length = readlinkat(parent, name, there, sizeof there);
  return length >= 0 && (size_t)length == strlen(target) &&
         memcmp(there, target, (size_t)length) == 0;
}

int op_make_symlink(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  const char *target = arg[2].bytes;
  const char *name;
  int base = base_fd(l, &arg[0]);
  if (base == -1)
    return -1;
  int parent = path_parent(base, path, &name);
  if (parent < 0)
    return fail(l, "make directory", path);

  for (int attempt = 0; symlinkat(target, parent, name) < 0; attempt++) {
    if (errno != EEXIST || attempt == ATTEMPTS)
      return fail(l, "symlinkat", path);
    if (is_symlink_to(parent, name, target))
      break;
    if (clear_way(parent, name) < 0)
      return fail(l, "unlinkat", path);
  }
  close(parent);
  return 0;
}

/* --- 30 make_node: base, path, mode, major, minor, uid, gid --- */

struct node {
  mode_t mode;
  dev_t device;
  uid_t uid;
  gid_t gid;
};

static bool is_node(const struct stat *st, const struct node *node) {
  if ((st->st_mode & S_IFMT) != (node->mode & S_IFMT))
    return false;
  return S_ISFIFO(node->mode) || st->st_rdev == node->device;
}

/* Gives a node that was just made, and is open as `fd` (O_PATH), its owner. chown(2) may clear bits
 * of its mode, so that is set again; chmod(2) of an O_PATH descriptor goes through the host's
 * procfs, in which nobody in the container can have put anything. */
static int give(struct launch *l, int fd, const struct node *node, const char *path) {
  if (fchownat(fd, "", node->uid, node->gid, AT_EMPTY_PATH) < 0)
    return fail(l, "fchownat", path);
  char self[SELF_FD_SIZE];
  if (fchmodat(l->proc, path_self_fd(fd, self), node->mode & 07777, 0) < 0)
    return fail(l, "fchmodat", path);
  return 0;
}

/* With exactly this mode. The process has a single thread, so its umask is ours to change. */
static int make(int parent, const char *name, const struct node *node) {
  mode_t mask = umask(0);
  int result = mknodat(parent, name, node->mode, node->device);
  umask(mask);
  return result;
}

/* Makes sure that the right node is there. One that is there already keeps its mode and owner: it
 * may be the host's own, bound there by the configuration or in a volume. */
static int put(struct launch *l, int parent, const char *name, const struct node *node,
               const char *path) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    bool made = make(parent, name, node) == 0;
    if (!made && errno != EEXIST)
      return fail(l, "mknodat", path);
    int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
      continue;
    if (fd < 0)
      return fail(l, "openat", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
      return fail(l, "fstat", path);
    bool right = is_node(&st, node);
    bool owned = st.st_uid == node->uid && st.st_gid == node->gid;
    if (right && made && !owned && give(l, fd, node, path) < 0)
      return -1;
    close(fd);
    if (right)
      return 0;
    if (clear_way(parent, name) < 0)
      return fail(l, "unlinkat", path);
  }
  return errno = EEXIST, fail(l, "mknodat", path);
}

int op_make_node(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  struct node node = {
      .mode = (mode_t)arg[2].number,
      .device = makedev((unsigned)arg[3].number, (unsigned)arg[4].number),
      .uid = (uid_t)arg[5].number,
      .gid = (gid_t)arg[6].number,
  };
  const char *name;
  int base = base_fd(l, &arg[0]);
  if (base == -1)
    return -1;
  if (!S_ISCHR(node.mode) && !S_ISBLK(node.mode) && !S_ISFIFO(node.mode))
    return errno = EINVAL, fail(l, "mknodat", path);
  int parent = path_parent(base, path, &name);
  if (parent < 0)
    return fail(l, "make directory", path);

  if (put(l, parent, name, &node, path) < 0)
    return -1;
  close(parent);
  return 0;
}
