/* Operation 24, copy_up: base, path, mount. A tmpfs begins with what it is going to hide.
 *
 * The source is the image's, maybe with a volume of others in it: everything is opened from its
 * directory's descriptor, one component at a time, without following symlinks and without going
 * into other mounts, and is looked at through the descriptor before it is read. A device or fifo is
 * never opened, only made anew. The destination is a mount that nobody else can reach yet. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch.h"
#include "sys.h"

enum {
  MAX_DEPTH = 400,   /* levels of directories, with three descriptors each */
  XATTR_MAX = 65536, /* kernel's limit for the list of names and for one value */
  BUFFER = 65536,
};

#define CHILD (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

/* Everything is recorded with the name of what was being copied. */
struct copy {
  struct launch *l;
  const char *name;
};

static int fail_copy(const struct copy *c, const char *call) { return fail(c->l, call, c->name); }

static int copy_directory(struct launch *l, DIR *from, int to, int depth);

/* --- owner, mode, extended attributes, times --- */

/* What a file system or user namespace cannot take is left out: owners that are not mapped,
 * attributes that the file system does not have or that only the host's root may set. A full or
 * broken file system is an error. */
static bool is_beyond_us(void) {
  return errno == EPERM || errno == EINVAL || errno == EOVERFLOW || errno == EOPNOTSUPP ||
         errno == ENODATA || errno == ENOSYS || errno == EACCES;
}

static int copy_xattr(const struct copy *c, int from, int to, const char *name) {
  static char value[XATTR_MAX]; /* not on a stack that is MAX_DEPTH deep */
  ssize_t length = fgetxattr(from, name, value, sizeof value);
  if (length < 0)
    return is_beyond_us() || errno == ERANGE ? 0 : fail_copy(c, "fgetxattr");
  if (fsetxattr(to, name, value, (size_t)length, 0) == 0 || is_beyond_us())
    return 0;
  return fail_copy(c, "fsetxattr");
}

static int copy_xattrs(const struct copy *c, int from, int to) {
  static char names[XATTR_MAX];
  ssize_t length = flistxattr(from, names, sizeof names);
  if (length < 0)
    return is_beyond_us() || errno == E2BIG ? 0 : fail_copy(c, "flistxattr");
  for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1)
    if (copy_xattr(c, from, to, names + at) < 0)
      return -1;
  return 0;
}

/* The order matters: chown(2) clears set-user-ID bits and file capabilities. They are not set
 * either where the owner could not be copied: they would mean another user. */
static int copy_metadata(const struct copy *c, int from, int to, const struct stat *st) {
  mode_t mode = st->st_mode & 07777;
  if (fchown(to, st->st_uid, st->st_gid) < 0) {
    if (!is_beyond_us())
      return fail_copy(c, "fchown");
    mode &= ~(mode_t)(S_ISUID | S_ISGID);
  }
  if (fchmod(to, mode) < 0)
    return fail_copy(c, "fchmod");
  if (copy_xattrs(c, from, to) < 0)
    return -1;
  const struct timespec times[2] = {st->st_atim, st->st_mtim};
  if (futimens(to, times) < 0 && !is_beyond_us())
    return fail_copy(c, "utimensat");
  return 0;
}

/* --- kinds of files --- */

/* As sendfile(2), for file systems that cannot be spliced from. */
static ssize_t copy_through_buffer(int from, int to, off_t *at, size_t size) {
  static char buffer[BUFFER];
  ssize_t got = pread(from, buffer, size < sizeof buffer ? size : sizeof buffer, *at);
  for (ssize_t done = 0; done < got;) {
    ssize_t written = write(to, buffer + done, (size_t)(got - done));
    if (written < 0)
      return -1;
    done += written;
  }
  if (got > 0)
    *at += got;
  return got;
}

/* Copies from[at, end) to the same place; the end of the file may come earlier. */
static int copy_range(const struct copy *c, int from, int to, off_t at, off_t end) {
  if (lseek(to, at, SEEK_SET) < 0)
    return fail_copy(c, "lseek");
  while (at < end) {
    size_t size = end - at < 0x7ffff000 ? (size_t)(end - at) : 0x7ffff000;
    ssize_t sent = sendfile(to, from, &at, size);
    if (sent < 0 && (errno == EINVAL || errno == ENOSYS))
      sent = copy_through_buffer(from, to, &at, size);
    if (sent < 0)
      return fail_copy(c, "sendfile");
    if (sent == 0)
      return 0;
  }
  return 0;
}

/* Holes stay holes: a sparse lastlog says that it has a terabyte. */
static int copy_content(const struct copy *c, int from, int to, off_t size) {
  for (off_t data = 0, hole = 0; hole < size;) {
    data = lseek(from, hole, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      break; /* nothing but a hole up to the end */
    if (data < 0)
      data = hole; /* a file system without holes: all of it is data */
    hole = lseek(from, data, SEEK_HOLE);
    if (hole < 0 || hole > size)
      hole = size;
    if (copy_range(c, from, to, data, hole) < 0)
      return -1;
  }
  return ftruncate(to, size) < 0 ? fail_copy(c, "ftruncate") : 0;
}

static int copy_file(const struct copy *c, int source, int to_dir, const struct stat *st) {
  /* Known to be a regular file by now: what the descriptor stands for is opened to be read. */
  char self[SELF_FD_SIZE];
  int from = openat(c->l->proc, path_self_fd(source, self), O_RDONLY | O_CLOEXEC);
  if (from < 0)
    return fail_copy(c, "openat");
  int to = openat(to_dir, c->name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
  if (to < 0)
    return fail_copy(c, "openat");
  if (copy_content(c, from, to, st->st_size) < 0)
    return -1;
  if (copy_metadata(c, from, to, st) < 0)
    return -1;
  close(from);
  close(to);
  return 0;
}

static DIR *open_directory(int fd) {
  int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return again < 0 ? NULL : fdopendir(again);
}

static int copy_subdirectory(const struct copy *c, int source, int to_dir, const struct stat *st,
                             int depth) {
  if (depth == MAX_DEPTH)
    return errno = ENAMETOOLONG, fail_copy(c, "copy directory");
  DIR *from = open_directory(source);
  if (!from)
    return fail_copy(c, "openat");
  if (mkdirat(to_dir, c->name, 0700) < 0)
    return fail_copy(c, "mkdirat");
  int to = openat(to_dir, c->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (to < 0)
    return fail_copy(c, "openat");
  if (copy_directory(c->l, from, to, depth + 1) < 0)
    return -1;
  if (copy_metadata(c, dirfd(from), to, st) < 0)
    return -1;
  closedir(from);
  close(to);
  return 0;
}

/* Owner and times of what has no descriptor to write to. */
static int copy_name_metadata(const struct copy *c, int to_dir, const struct stat *st) {
  const struct timespec times[2] = {st->st_atim, st->st_mtim};
  if (fchownat(to_dir, c->name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 && !is_beyond_us())
    return fail_copy(c, "fchownat");
  if (utimensat(to_dir, c->name, times, AT_SYMLINK_NOFOLLOW) < 0 && !is_beyond_us())
    return fail_copy(c, "utimensat");
  return 0;
}

static int copy_symlink(const struct copy *c, int source, int to_dir, const struct stat *st) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(source, "", target, sizeof target - 1);
  if (length < 0)
    return fail_copy(c, "readlinkat");
  target[length] = 0;
  if (symlinkat(target, to_dir, c->name) < 0)
    return fail_copy(c, "symlinkat");
  return copy_name_metadata(c, to_dir, st);
}

/* Devices, fifos, sockets. A user namespace may not make devices: there they are missing. */
static int copy_node(const struct copy *c, int to_dir, const struct stat *st) {
  mode_t mask = umask(0);
  int made = mknodat(to_dir, c->name, st->st_mode & ~(mode_t)(S_ISUID | S_ISGID), st->st_rdev);
  umask(mask);
  if (made < 0)
    return errno == EPERM ? 0 : fail_copy(c, "mknodat");
  return copy_name_metadata(c, to_dir, st);
}

/* A directory on which something is mounted: what is there belongs to somebody else. */
static int copy_mount_point(const struct copy *c, int to_dir) {
  return mkdirat(to_dir, c->name, 0755) < 0 ? fail_copy(c, "mkdirat") : 0;
}

static int copy_entry(const struct copy *c, int from_dir, int to_dir, int depth) {
  int source = sys_openat2(from_dir, c->name, O_PATH | O_NOFOLLOW | O_CLOEXEC, CHILD);
  if (source < 0 && errno == ENOENT)
    return 0; /* removed meanwhile */
  if (source < 0 && errno == EXDEV)
    return copy_mount_point(c, to_dir);
  if (source < 0)
    return fail_copy(c, "openat2");

  struct stat st;
  if (fstat(source, &st) < 0)
    return fail_copy(c, "fstat");
  int result = S_ISREG(st.st_mode)   ? copy_file(c, source, to_dir, &st)
               : S_ISDIR(st.st_mode) ? copy_subdirectory(c, source, to_dir, &st, depth)
               : S_ISLNK(st.st_mode) ? copy_symlink(c, source, to_dir, &st)
                                     : copy_node(c, to_dir, &st);
  close(source);
  return result;
}

static bool is_dots(const char *name) {
  return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Copies what is in one directory into another; both stay open. */
static int copy_directory(struct launch *l, DIR *from, int to, int depth) {
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(from);
    if (!entry)
      return errno ? fail(l, "readdir", NULL) : 0;
    struct copy c = {.l = l, .name = entry->d_name};
    if (!is_dots(entry->d_name) && copy_entry(&c, dirfd(from), to, depth) < 0)
      return -1;
  }
}

int op_copy_up(struct launch *l, const struct arg *arg) {
  const char *path = arg[1].bytes;
  int base = base_fd(l, &arg[0]);
  int mount = slot_fd(l, &arg[2]);
  if (base == -1 || mount < 0)
    return -1;
  int source = path_open(base, path, O_RDONLY | O_DIRECTORY);
  if (source < 0)
    return errno == ENOENT ? 0 : fail(l, "openat2", path);
  DIR *from = fdopendir(source);
  if (!from)
    return fail(l, "fdopendir", path);
  int to = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (to < 0)
    return fail(l, "openat", path);
  if (copy_directory(l, from, to, 0) < 0)
    return -1;
  closedir(from);
  close(to);
  return 0;
}
