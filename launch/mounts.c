/* Operations on mounts (20, 22, 23, 31, 32, 37, 38).
 *
 * A mount is made detached, given its attributes while nobody can reach it, and attached as the
 * last step, by descriptor: source and target are what was opened and, where it matters, checked.
 * The classic mount(2) takes both as paths, resolves them again, makes the mount visible first and
 * restricts it afterwards; between any two of these steps a process that shares a volume with the
 * container may put a symlink in the way (CVE-2021-30465, CVE-2025-31133, CVE-2025-52565). */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "launch.h"
#include "sides.h"
#include "sys.h"

enum { RECURSIVE = 1, NO_FOLLOW = 2 };                                          /* clone_tree */
enum { CREATE = 1, ORDINARY_DIRECTORY = 2, INHERIT_MODE = 4, NOT_IN_PROC = 8 }; /* attach */

#define CLONE (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)

/* --- 20 clone_tree: out, base, path, flags --- */

/* The clone of a host path, or of what `base` is or has at a path. */
static int clone_of(int base, const char *path, uint64_t flags) {
  unsigned how = CLONE | (flags & RECURSIVE ? AT_RECURSIVE : 0);
  unsigned follow = flags & NO_FOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
  if (base == AT_FDCWD)
    return sys_open_tree(AT_FDCWD, path, how | follow);
  if (!*path)
    return sys_open_tree(base, "", how | AT_EMPTY_PATH);

  int source = path_open(base, path, follow ? O_PATH | O_NOFOLLOW : O_PATH);
  if (source < 0)
    return -1;
  int tree = sys_open_tree(source, "", how | AT_EMPTY_PATH);
  int error = errno;
  close(source);
  errno = error;
  return tree;
}

int op_clone_tree(struct launch *l, const struct arg *arg) {
  const char *path = arg[2].bytes;
  int base = base_fd(l, &arg[1]);
  if (base == -1)
    return -1;
  int tree = clone_of(base, path, arg[3].number);
  if (tree < 0)
    return fail(l, "open_tree", path);

  if (arg[3].number & NO_FOLLOW) {
    /* A symlink as source is not refused by the kernel: it would mount the symlink itself. */
    struct stat st;
    if (fstat(tree, &st) < 0)
      return fail(l, "fstat", path);
    if (S_ISLNK(st.st_mode))
      return errno = ELOOP, fail(l, "open_tree", path);
  }
  slot_set(l, &arg[0], tree);
  return 0;
}

/* --- 22 set_mount: mount, set, clear, propagation, user_namespace, recursive --- */

int op_set_mount(struct launch *l, const struct arg *arg) {
  int mount = slot_fd(l, &arg[0]);
  if (mount < 0)
    return -1;
  struct sys_mount_attr attr = {
      .set = arg[1].number,
      .clear = arg[2].number,
      .propagation = arg[3].number,
  };
  if (arg[4].number != NO_SLOT) {
    int user_namespace = slot_fd(l, &arg[4]);
    if (user_namespace < 0)
      return -1;
    attr.set |= MOUNT_ATTR_IDMAP;
    attr.user_namespace = (uint64_t)user_namespace;
  }
  unsigned recursive = arg[5].number ? AT_RECURSIVE : 0;
  if (sys_mount_setattr(mount, recursive, &attr) < 0)
    return fail(l, "mount_setattr", NULL);
  return 0;
}

/* --- 23 attach: mount, base, path, flags --- */

static int is_directory(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return -1;
  return S_ISDIR(st.st_mode);
}

/* The target of a mount, as descriptor. `step` is set to what has failed: "ordinary directory" if
 * the reason is what the root file system has there, and not the kernel's. */
static int open_target(int mount, int base, const char *path, uint64_t flags, const char **step) {
  bool plain = flags & ORDINARY_DIRECTORY;
  if (!(flags & CREATE)) {
    *step = plain ? "ordinary directory" : "openat2";
    return plain ? path_open_plain(base, path, O_PATH | O_DIRECTORY)
                 : path_open(base, path, O_PATH);
  }
  *step = "fstat";
  int directory = is_directory(mount);
  if (directory < 0)
    return -1;
  *step = plain ? "ordinary directory" : directory ? "make directory" : "make file";
  if (plain)
    return path_make(base, path, LEAF_PLAIN_DIRECTORY, 0755);
  return directory ? path_make(base, path, LEAF_DIRECTORY, 0755)
                   : path_make(base, path, LEAF_FILE, 0644);
}

/* Gives the mount's root the permissions of an existing target, as runc and crun do for a tmpfs
 * without `mode`. Nothing there: the file system's own default stays. */
static int inherit_mode(struct launch *l, int mount, int base, const char *path) {
  int target = path_open(base, path, O_PATH);
  if (target < 0)
    return errno == ENOENT ? 0 : fail(l, "openat2", path);
  struct stat st;
  if (fstat(target, &st) < 0)
    return fail(l, "fstat", path);
  close(target);
  int root = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return fail(l, "openat", path);
  if (fchmod(root, st.st_mode & 07777) < 0)
    return fail(l, "fchmod", path);
  close(root);
  return 0;
}

/* A link of the image's may lead a mount to where it would stand for what the kernel says. */
static bool is_in_procfs(int target) {
  struct statfs fs;
  return fstatfs(target, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int op_attach(struct launch *l, const struct arg *arg) {
  const char *path = arg[2].bytes;
  uint64_t flags = arg[3].number;
  int mount = slot_fd(l, &arg[0]);
  int base = base_fd(l, &arg[1]);
  if (mount < 0 || base == -1)
    return -1;
  if (flags & INHERIT_MODE && inherit_mode(l, mount, base, path) < 0)
    return -1;

  const char *step;
  int target = open_target(mount, base, path, flags, &step);
  if (target < 0)
    return fail(l, step, path);
  if (flags & NOT_IN_PROC && is_in_procfs(target)) {
    close(target);
    errno = EPERM;
    return fail(l, "target inside a procfs", path);
  }
  if (sys_move_mount(mount, target) < 0) {
    /* EINVAL has ten meanings here; the most frequent one has an errno of its own. */
    int error = errno;
    int onto_directory = is_directory(target);
    if (error == EINVAL && is_directory(mount) != onto_directory)
      error = onto_directory ? EISDIR : ENOTDIR;
    errno = error;
    return fail(l, "move_mount", path);
  }
  close(target);
  return 0;
}

/* --- 37 open_inside: out, base, path --- */

int op_open_inside(struct launch *l, const struct arg *arg) {
  int base = base_fd(l, &arg[1]);
  if (base == -1)
    return -1;
  int found = path_open(base, arg[2].bytes, O_PATH);
  if (found < 0)
    return fail(l, "open", arg[2].bytes);
  slot_set(l, &arg[0], found);
  return 0;
}

/* --- 38 send_opened: base, path, socket --- */

int op_send_opened(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  int base = base_fd(l, &arg[0]);
  int socket = slot_fd(l, &arg[2]);
  if (base == -1 || socket < 0)
    return -1;
  int found = path_open(base, path, O_PATH);
  int32_t error = found < 0 ? errno : 0;
  struct iovec message = {.iov_base = &error, .iov_len = sizeof error};
  ssize_t sent = found < 0 ? send(socket, &error, sizeof error, MSG_NOSIGNAL)
                           : sides_send_fds(socket, &message, 1, &found, 1);
  if (sent < 0)
    return fail(l, "send", path);
  if (found >= 0)
    close(found);
  return 0;
}

/* --- 31 mask: base, path, null, empty; 32 protect: base, path --- */

/* Whether a target is not there, so that there is nothing to hide or to protect. */
static bool is_absent(void) { return errno == ENOENT || errno == ENOTDIR; }

/* Attaches a clone of `source`. Linux before 6.15 does not clone a detached mount (EINVAL): there
 * the first target gets the mount itself, and the others get clones of it, as it is attached. */
static int cover(struct launch *l, int source, int target, const char *path) {
  int tree = sys_open_tree(source, "", CLONE | AT_EMPTY_PATH);
  if (tree < 0 && errno == EINVAL)
    tree = fcntl(source, F_DUPFD_CLOEXEC, 0);
  if (tree < 0)
    return fail(l, "open_tree", path);
  if (sys_move_mount(tree, target) < 0)
    return fail(l, "move_mount", path);
  close(tree);
  return 0;
}

int op_mask(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  int base = base_fd(l, &arg[0]);
  int null = slot_fd(l, &arg[2]);
  int empty = slot_fd(l, &arg[3]);
  if (base == -1 || null < 0 || empty < 0)
    return -1;
  int target = path_open(base, path, O_PATH);
  if (target < 0)
    return is_absent() ? 0 : fail(l, "openat2", path);

  struct stat st;
  if (fstat(target, &st) < 0)
    return fail(l, "fstat", path);
  int source = S_ISDIR(st.st_mode) ? empty : null;
  if (source == null) {
    /* The slot may come from a /dev that the image or a sibling has prepared: anything but the real
     * device would be put, writable, where a file is to be hidden (CVE-2025-31133). */
    if (fstat(null, &st) < 0)
      return fail(l, "fstat", path);
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
      return errno = ENODEV, fail(l, "verify null device", path);
  }
  if (cover(l, source, target, path) < 0)
    return -1;
  close(target);
  return 0;
}

int op_protect(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  int base = base_fd(l, &arg[0]);
  if (base == -1)
    return -1;
  int target = path_open(base, path, O_PATH);
  if (target < 0)
    return is_absent() ? 0 : fail(l, "openat2", path);

  /* Only one bit is added, so nosuid, nodev and the others stay, on every mount below as well. */
  struct sys_mount_attr read_only = {.set = MOUNT_ATTR_RDONLY};
  int tree = sys_open_tree(target, "", CLONE | AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree < 0)
    return fail(l, "open_tree", path);
  if (sys_mount_setattr(tree, AT_RECURSIVE, &read_only) < 0)
    return fail(l, "mount_setattr", path);
  if (sys_move_mount(tree, target) < 0)
    return fail(l, "move_mount", path);
  close(tree);
  close(target);
  return 0;
}
