/* Resolution and making of paths inside a root.
 *
 * Who may interfere: the root's content is the image's and its volumes may be shared with running
 * containers, so at any moment somebody may replace any part of a path by a symlink, to make us
 * follow it to a file of the host (CVE-2021-30465: mount target, CVE-2024-45310: directories made
 * on the host, CVE-2026-41579: a /dev that points out of the image). Whoever does that can move
 * directories about in the root and its volumes, but only to where they may write anyway.
 *
 * Why that does not work here:
 * - Every resolution that passes more than one component is one openat2(2) from the root's own
 *   descriptor with RESOLVE_IN_ROOT. The kernel keeps symlinks, absolute ones too, and ".." inside
 *   the root while it walks; if a rename makes ".." doubtful, it says EAGAIN and we ask again. No
 *   answer is ever turned back into a string and resolved a second time.
 * - RESOLVE_NO_MAGICLINKS, because the links of a procfs in the root (/proc/self/root) jump to
 *   where no path leads.
 * - What is made is made by a call that takes one component, which is neither "." nor "..", in a
 *   descriptor that came from such a resolution, and that does not follow a symlink there
 *   (mkdirat(2) never does, openat(2) does not with O_EXCL).
 * - After something was made the next part is resolved from the root again, not assumed to be what
 *   was made. So what an attacker gains by exchanging it is a directory elsewhere in the root.
 * - Callers use the descriptor that they get, never the path again. */

#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "text.h"

#define INSIDE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

enum {
  MAX_LINKS = 40,    /* dangling symlinks followed for one path: the kernel's own limit for links */
  MAX_ROUNDS = 1000, /* attempts while somebody keeps moving things under our feet */
};

/* A path that is being made. */
struct walk {
  int root;
  uint64_t how; /* RESOLVE_ flags */
  int parent;   /* O_PATH descriptor of path[0, done) */
  size_t done;
  int links;
  char path[PATH_MAX]; /* rewritten when a dangling symlink is followed */
};

static int resolve(int root, const char *path, uint64_t flags, uint64_t how) {
  for (int round = 0; round < MAX_ROUNDS; round++) {
    int fd = sys_openat2(root, path, flags | O_CLOEXEC, how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
      return fd;
  }
  return -1;
}

/* Closes a descriptor without touching errno. */
static void drop(int fd) {
  int error = errno;
  close(fd);
  errno = error;
}

/* The root itself. A slot may also be the root of a file's mount, where "." would be ENOTDIR. */
static int open_root(int root, uint64_t flags, uint64_t how) {
  bool as_it_is = (flags & O_PATH) && !(flags & O_DIRECTORY);
  return as_it_is ? fcntl(root, F_DUPFD_CLOEXEC, 0) : resolve(root, ".", flags, how);
}

int path_open(int root, const char *path, uint64_t flags) {
  if (root == AT_FDCWD)
    return resolve(root, path, flags, 0);
  return *path ? resolve(root, path, flags, INSIDE) : open_root(root, flags, INSIDE);
}

int path_open_plain(int root, const char *path, uint64_t flags) {
  if (root == AT_FDCWD)
    return resolve(root, path, flags, RESOLVE_NO_SYMLINKS);
  uint64_t how = INSIDE | RESOLVE_NO_SYMLINKS;
  return *path ? resolve(root, path, flags, how) : open_root(root, flags, how);
}

/* Makes one component, exactly with `mode`. One that is there already will do: what it is shows
 * when it is resolved. The process has a single thread, so its umask is ours to change for a
 * moment. */
static int make_component(int parent, const char *name, enum leaf leaf, mode_t mode) {
  mode_t mask = umask(0);
  int made = leaf == LEAF_FILE
                 ? openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode)
                 : mkdirat(parent, name, mode);
  umask(mask);
  if (made < 0)
    return errno == EEXIST ? 0 : -1;
  if (leaf == LEAF_FILE)
    close(made);
  return 0;
}

/* Where the component that begins at or behind `at` begins and ends; false if there is none. */
static bool next_component(const char *path, size_t at, size_t *start, size_t *end) {
  *start = at + strspn(path + at, "/");
  *end = *start + strcspn(path + *start, "/");
  return *end > *start;
}

static bool is_last(const char *path, size_t end) {
  return path[end + strspn(path + end, "/")] == 0;
}

/* The descriptor of path[0, end), through the whole of the root, or -1. */
static int open_prefix(struct walk *w, size_t end, bool directory) {
  char rest = w->path[end];
  w->path[end] = 0;
  int fd = resolve(w->root, w->path, directory ? O_PATH | O_DIRECTORY : O_PATH, w->how);
  w->path[end] = rest;
  return fd;
}

/* Goes on at a descriptor of path[0, done). */
static void advance(struct walk *w, int parent, size_t done) {
  drop(w->parent);
  w->parent = parent;
  w->done = done;
}

static int restart(struct walk *w) {
  int root = fcntl(w->root, F_DUPFD_CLOEXEC, 0);
  if (root < 0)
    return -1;
  advance(w, root, 0);
  return 0;
}

/* Puts what a dangling symlink says in the place of path[start, end), to begin at the root again. A
 * relative target stays behind the path of its directory, which is then resolved as before. */
static int follow(struct walk *w, size_t start, size_t end, const char *target, size_t length) {
  if (++w->links > MAX_LINKS)
    return errno = ELOOP, -1;
  size_t kept = *target == '/' ? 0 : start;
  size_t rest = strlen(w->path + end) + 1;
  if (kept + length + rest > sizeof w->path)
    return errno = ENAMETOOLONG, -1;
  memmove(w->path + kept + length, w->path + end, rest);
  memcpy(w->path + kept, target, length);
  return restart(w);
}

/* Makes what is missing at path[start, end), or follows the dangling symlink that is there. */
static int supply(struct walk *w, size_t start, size_t end, enum leaf leaf, mode_t mode) {
  char name[NAME_MAX + 1];
  char target[PATH_MAX];
  if (end - start > NAME_MAX)
    return errno = ENAMETOOLONG, -1;
  memcpy(name, w->path + start, end - start);
  name[end - start] = 0;

  ssize_t length = readlinkat(w->parent, name, target, sizeof target);
  if (length == (ssize_t)sizeof target)
    return errno = ENAMETOOLONG, -1;
  if (length >= 0)
    return follow(w, start, end, target, (size_t)length);
  if (errno == EINVAL)
    return 0; /* not a symlink: somebody else has made it meanwhile */
  return errno == ENOENT ? make_component(w->parent, name, leaf, mode) : -1;
}

/* Walks w->path and makes what is missing. Ends with w->parent at the whole of it. What was made
 * and is missing all the same was made in a directory that has been exchanged: back to the root. */
static int walk(struct walk *w, enum leaf leaf, mode_t mode) {
  size_t start, end;
  bool supplied = false;
  for (int round = 0; next_component(w->path, w->done, &start, &end);) {
    bool last = is_last(w->path, end);
    int fd = open_prefix(w, end, !last || leaf != LEAF_FILE);
    if (fd >= 0) {
      advance(w, fd, end);
      supplied = false;
      continue;
    }
    if (errno != ENOENT)
      return -1;
    if (supplied && ++round > MAX_ROUNDS)
      return errno = EAGAIN, -1;
    int result = supplied ? restart(w)
                          : supply(w, start, end, last ? leaf : LEAF_DIRECTORY, last ? mode : 0755);
    if (result < 0)
      return -1;
    supplied = !supplied;
  }
  return 0;
}

/* A directory is no answer where a file was asked for. Takes the descriptor. */
static int not_a_directory(int fd) {
  struct stat st;
  if (fd < 0)
    return -1;
  if (fstat(fd, &st) == 0) {
    if (!S_ISDIR(st.st_mode))
      return fd;
    errno = EISDIR;
  }
  drop(fd);
  return -1;
}

static int make_below(int root, const char *path, enum leaf leaf, mode_t mode) {
  struct walk w = {.root = root, .how = INSIDE};
  if (leaf == LEAF_PLAIN_DIRECTORY)
    w.how |= RESOLVE_NO_SYMLINKS;
  size_t length = strlen(path);
  if (length >= sizeof w.path)
    return errno = ENAMETOOLONG, -1;
  memcpy(w.path, path, length + 1);

  w.parent = fcntl(root, F_DUPFD_CLOEXEC, 0);
  if (w.parent < 0)
    return -1;
  if (walk(&w, leaf, mode) == 0)
    return w.parent;
  drop(w.parent);
  return -1;
}

/* Mostly everything is there, and one system call is enough. */
static int open_or_make(int root, const char *path, enum leaf leaf, mode_t mode) {
  uint64_t flags = leaf == LEAF_FILE ? O_PATH : O_PATH | O_DIRECTORY;
  int fd = leaf == LEAF_PLAIN_DIRECTORY ? path_open_plain(root, path, flags)
                                        : path_open(root, path, flags);
  if (fd < 0 && errno == ENOENT)
    fd = make_below(root, path, leaf, mode);
  return leaf == LEAF_FILE ? not_a_directory(fd) : fd;
}

int path_make(int root, const char *path, enum leaf leaf, mode_t mode) {
  if (root != AT_FDCWD)
    return open_or_make(root, path, leaf, mode);
  int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (host < 0)
    return -1;
  int fd = open_or_make(host, path, leaf, mode);
  drop(host);
  return fd;
}

int path_parent(int root, const char *path, const char **name) {
  const char *slash = strrchr(path, '/');
  const char *last = slash ? slash + 1 : path;
  if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
    return errno = EINVAL, -1;

  char above[PATH_MAX];
  size_t length = (size_t)(last - path);
  if (length >= sizeof above)
    return errno = ENAMETOOLONG, -1;
  memcpy(above, path, length);
  above[length] = 0;
  *name = last;
  return path_make(root, above, LEAF_DIRECTORY, 0755);
}

const char *path_self_fd(int fd, char name[SELF_FD_SIZE]) {
  struct text text = {.start = name, .room = SELF_FD_SIZE};
  text_add(&text, "self/fd/");
  text_number(&text, (uint64_t)fd);
  return name;
}
