/* Operations 64 to 66: a file in the container from stdin, one to stdout, the names in a directory.
 *
 * For who serves (serve.c): so the host gets bytes, never a descriptor or a path of the
 * container's, and nothing is read or written that the container's programs could not. They may
 * have left anything there: what is no regular file is refused without being opened for long. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"
#include "text.h"

#define GENTLY (O_NONBLOCK | O_NOCTTY | O_CLOEXEC) /* a FIFO or device without waiting for it */

static int open_root_directory(struct launch *l) {
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? fail(l, "open", "/") : root;
}

static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return -1;
    bytes += written;
    length -= (size_t)written;
  }
  return 0;
}

/* Copies up to the end, or fails with EFBIG if there is more than `limit`. */
static int copy(struct launch *l, int from, int to, uint64_t limit, const char *path) {
  static char buffer[1 << 16];
  for (;;) {
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail(l, "read", path);
    if (got == 0)
      return 0;
    if ((uint64_t)got > limit) {
      errno = EFBIG;
      return fail(l, "copy", path);
    }
    limit -= (uint64_t)got;
    if (write_all(to, buffer, (size_t)got) < 0)
      return fail(l, "write", path);
  }
}

/* --- 64 receive_file: path, mode, limit --- */

/* A file of its own in the place of whatever is there, so that nothing that was left, a link or a
 * pipe, can take part. */
static int make_file(struct launch *l, const char *path) {
  const char *name = NULL;
  int root = open_root_directory(l);
  if (root < 0)
    return -1;
  int parent = path_parent(root, path, &name);
  close(root);
  if (parent < 0)
    return fail(l, "open the directory of", path);
  if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
    return fail(l, "replace", path);
  int file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return fail(l, "make", path);
  close(parent);
  return file;
}

int op_receive_file(struct launch *l, const struct arg *arg) {
  const char *path = arg[0].bytes;
  int file = make_file(l, path);
  if (file < 0 || copy(l, STDIN_FILENO, file, arg[2].number, path) < 0)
    return -1;
  return fchmod(file, (mode_t)arg[1].number) < 0 ? fail(l, "chmod", path) : 0;
}

/* --- 65 send_file: path, limit --- */

int op_send_file(struct launch *l, const struct arg *arg) {
  const char *path = arg[0].bytes;
  struct stat st;
  int root = open_root_directory(l);
  if (root < 0)
    return -1;
  int file = path_open(root, path, O_RDONLY | GENTLY);
  if (file < 0 || fstat(file, &st) < 0)
    return fail(l, "open", path);
  if (!S_ISREG(st.st_mode)) {
    errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    return fail(l, "read what is no regular file", path);
  }
  return copy(l, file, STDOUT_FILENO, arg[1].number, path);
}

/* --- 66 list_directory: path, limit --- */

/* "MODE SIZE NAME" and a NUL, numbers in decimal. */
static int send_entry(int directory, const char *name, uint64_t *limit) {
  char line[NAME_MAX + 64];
  struct text t = TEXT(line);
  struct stat st;
  if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : -1; /* it went away meanwhile */
  text_number(&t, st.st_mode);
  text_add(&t, " ");
  text_number(&t, (uint64_t)st.st_size);
  text_add(&t, " ");
  text_add(&t, name);
  if (t.cut || t.length + 1 > *limit) {
    errno = EFBIG;
    return -1;
  }
  *limit -= t.length + 1;
  return write_all(STDOUT_FILENO, line, t.length + 1);
}

int op_list_directory(struct launch *l, const struct arg *arg) {
  const char *path = arg[0].bytes;
  uint64_t limit = arg[1].number;
  const struct dirent *entry = NULL;
  int root = open_root_directory(l);
  if (root < 0)
    return -1;
  int fd = path_open(root, path, O_RDONLY | O_DIRECTORY | GENTLY);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (directory == NULL)
    return fail(l, "open", path);
  while (errno = 0, (entry = readdir(directory)) != NULL) {
    bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (!itself && send_entry(fd, entry->d_name, &limit) < 0)
      return fail(l, "list", path);
  }
  return errno != 0 ? fail(l, "list", path) : 0;
}
