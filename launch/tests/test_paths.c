/* Tests of paths.c, without root: in a directory of their own, with everything outside of `root` as
 * canary. Output is TAP; built with ASan and UBSan. */

#include "../paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../sys.h"
#include "tap.h"

static int top;  /* holds `root` and `outside` */
static int root; /* what nothing may lead out of */

static void must(int result, const char *what) {
  if (result >= 0)
    return;
  perror(what);
  exit(2);
}

static void make_file(int dir, const char *name) {
  int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  must(fd, name);
  close(fd);
}

/* Whether `fd` is what `path` is, without following a last symlink. Closes it. */
static bool is(int fd, int dir, const char *path) {
  struct stat a, b;
  bool same = fd >= 0 && fstat(fd, &a) == 0 && fstatat(dir, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
              a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  if (fd >= 0)
    close(fd);
  return same;
}

static bool fails(int fd, int error) {
  bool so = fd < 0 && errno == error;
  if (fd >= 0)
    close(fd);
  return so;
}

static int mode_of(const char *path) {
  struct stat st;
  return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : (int)(st.st_mode & 07777);
}

static bool is_file(const char *path) {
  struct stat st;
  return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static void remove_tree(int dir, const char *name) {
  if (unlinkat(dir, name, 0) == 0)
    return;
  int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  if (!stream)
    return;
  for (struct dirent *entry; (entry = readdir(stream));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      remove_tree(dirfd(stream), entry->d_name);
  closedir(stream);
  unlinkat(dir, name, AT_REMOVEDIR);
}

static int count(int dir) {
  int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fdopendir(fd);
  int entries = 0;
  while (readdir(stream))
    entries++;
  closedir(stream);
  return entries - 2;
}

static void test_open(void) {
  must(mkdirat(root, "a", 0755), "a");
  must(mkdirat(root, "a/b", 0755), "a/b");
  make_file(root, "a/file");
  must(symlinkat("/a/b", root, "absolute"), "absolute");
  must(symlinkat("../../../../../a", root, "a/b/up"), "up");
  must(symlinkat("loop", root, "loop"), "loop");
  must(symlinkat("/outside", root, "away"), "away");

  check(is(path_open(root, "", O_PATH), root, "."), "an empty path is the root");
  check(is(path_open(root, "/", O_PATH), root, "."), "/ is the root");
  check(is(path_open(root, "", O_RDONLY | O_DIRECTORY), root, "."), "the root, to be read");
  check(is(path_open(root, "/a//b/", O_PATH), root, "a/b"), "an existing path");
  check(is(path_open(root, "absolute", O_PATH), root, "a/b"), "an absolute symlink stays inside");
  check(is(path_open(root, "a/b/up/file", O_PATH), root, "a/file"), ".. stops at the root");
  check(is(path_open(root, "../../../a", O_PATH), root, "a"), ".. in the path stops at the root");
  check(is(path_open(root, "absolute", O_PATH | O_NOFOLLOW), root, "absolute"), "O_NOFOLLOW");
  check(fails(path_open(root, "away/canary", O_PATH), ENOENT), "a symlink out of the root");
  check(fails(path_open(root, "loop", O_PATH), ELOOP), "a symlink to itself");
  check(fails(path_open(root, "a/file/x", O_PATH), ENOTDIR), "a file as directory");

  int file = path_open(root, "a/file", O_PATH);
  check(is(path_open(file, "", O_PATH), root, "a/file"), "an empty path of a file");
  check(fails(path_open(file, "", O_PATH | O_DIRECTORY), ENOTDIR), "a file is no directory");
  close(file);

  check(is(path_open_plain(root, "/a/b", O_PATH), root, "a/b"), "a plain path");
  check(fails(path_open_plain(root, "absolute", O_PATH), ELOOP), "a symlink is not plain");
  check(fails(path_open_plain(root, "a/b/up/b", O_PATH), ELOOP), "a symlink on the way neither");
}

static void test_magic_links(void) {
  int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  check(fails(path_open(host, "/proc/self/root/etc", O_PATH), ELOOP), "/proc/self/root");
  check(fails(path_open(host, "/proc/self/cwd", O_PATH), ELOOP), "/proc/self/cwd");
  check(fails(path_make(host, "/proc/self/fd/0", LEAF_FILE, 0600), ELOOP), "/proc/self/fd");
  close(host);
}

static void test_make(void) {
  umask(077);
  check(is(path_make(root, "m/n/o", LEAF_DIRECTORY, 01777), root, "m/n/o"), "missing directories");
  check(mode_of("m/n/o") == 01777, "exactly the mode, whatever the umask");
  check(mode_of("m/n") == 0755, "0755 above");
  check(is(path_make(root, "/m/p//file", LEAF_FILE, 0640), root, "m/p/file"), "a missing file");
  check(is_file("m/p/file") && mode_of("m/p/file") == 0640, "a file of exactly this mode");
  check(is(path_make(root, "m/n/o", LEAF_DIRECTORY, 0700), root, "m/n/o"), "one that is there");
  check(mode_of("m/n/o") == 01777, "one that is there keeps its mode");
  check(is(path_make(root, "q/r/", LEAF_DIRECTORY, 0700), root, "q/r"), "a slash at the end");
  check(is(path_make(root, "s/../t/./u", LEAF_DIRECTORY, 0700), root, "t/u"), "dots");
  check(is(path_make(root, "/../../v", LEAF_DIRECTORY, 0700), root, "v"), ".. above the root");
  check(fails(path_make(root, "m/p/file", LEAF_DIRECTORY, 0700), ENOTDIR), "a file there");
  check(fails(path_make(root, "m/p/file/x", LEAF_DIRECTORY, 0700), ENOTDIR), "a file above");
  check(fails(path_make(root, "m/n", LEAF_FILE, 0700), EISDIR), "a directory there");
  check(fails(path_make(root, "m/n/..", LEAF_FILE, 0700), EISDIR), "a file named ..");
  check(umask(022) == 077, "the umask is as before");
}

static void test_dangling(void) {
  must(mkdirat(root, "etc", 0755), "etc");
  must(symlinkat("../run/x/resolv.conf", root, "etc/resolv.conf"), "resolv.conf");
  check(is(path_make(root, "/etc/resolv.conf", LEAF_FILE, 0644), root, "run/x/resolv.conf"),
        "a relative dangling symlink");
  must(symlinkat("/var/lib/deep", root, "etc/deep"), "deep");
  check(is(path_make(root, "etc/deep/down", LEAF_DIRECTORY, 0755), root, "var/lib/deep/down"),
        "an absolute dangling symlink on the way");
  must(symlinkat("one", root, "two"), "two");
  must(symlinkat("two", root, "three"), "three");
  check(is(path_make(root, "three", LEAF_DIRECTORY, 0755), root, "one"), "a chain of them");
  must(symlinkat("../../../../../../../outside/made", root, "etc/out"), "out");
  check(is(path_make(root, "etc/out", LEAF_FILE, 0644), root, "outside/made"),
        "one that leads out");
  must(symlinkat("ping", root, "pong"), "pong");
  must(symlinkat("pong", root, "ping"), "ping");
  check(fails(path_make(root, "ping/x", LEAF_FILE, 0644), ELOOP), "two that point to each other");
  must(symlinkat("grow/x", root, "grow"), "grow");
  check(fails(path_make(root, "grow", LEAF_DIRECTORY, 0755), ELOOP), "one that grows");
  must(symlinkat("/nowhere", root, "plainly"), "plainly");
  check(fails(path_make(root, "plainly", LEAF_PLAIN_DIRECTORY, 0755), ELOOP),
        "no dangling symlink where a plain directory is asked for");
  check(fails(path_make(root, "absolute/x", LEAF_PLAIN_DIRECTORY, 0755), ELOOP), "nor another one");
  check(is(path_make(root, "proc/x", LEAF_PLAIN_DIRECTORY, 0755), root, "proc/x"), "a plain one");
  check(mode_of("nowhere") == -1, "nothing was made behind it");

  char name[64];
  for (int i = 0; i < 41; i++) {
    char target[64];
    snprintf(name, sizeof name, "chain%d", i);
    snprintf(target, sizeof target, "chain%d/x", i + 1);
    must(symlinkat(target, root, name), name);
  }
  check(fails(path_make(root, "chain0", LEAF_DIRECTORY, 0755), ELOOP), "41 dangling symlinks");
}

static void test_lengths(void) {
  char longest[PATH_MAX], name[NAME_MAX + 2];
  memset(longest, '/', sizeof longest);
  longest[PATH_MAX - 2] = 'z';
  longest[PATH_MAX - 1] = 0;
  check(is(path_make(root, longest, LEAF_DIRECTORY, 0755), root, "z"), "4095 bytes");

  char longer[PATH_MAX + 1];
  memset(longer, '/', sizeof longer);
  longer[PATH_MAX] = 0;
  check(fails(path_make(root, longer, LEAF_DIRECTORY, 0755), ENAMETOOLONG), "4096 bytes");
  const char *last;
  longer[PATH_MAX - 1] = 'z';
  check(fails(path_parent(root, longer, &last), ENAMETOOLONG) || last, "4096 bytes of a parent");

  memset(name, 'n', sizeof name);
  name[NAME_MAX + 1] = 0;
  check(fails(path_make(root, name, LEAF_DIRECTORY, 0755), ENAMETOOLONG), "a name of 256 bytes");

  /* The target alone fits, but not with the rest of the path behind it. */
  char target[PATH_MAX];
  memset(target, '/', sizeof target);
  memcpy(target + PATH_MAX - 8, "missing", 8);
  must(symlinkat(target, root, "long"), "long");
  check(fails(path_make(root, "long/and/more", LEAF_DIRECTORY, 0755), ENAMETOOLONG),
        "a symlink that makes the path too long");
  check(is(path_make(root, "long", LEAF_DIRECTORY, 0755), root, "missing"), "one that just fits");
}

static void test_parent(void) {
  const char *name = NULL;
  check(is(path_parent(root, "/dev/char/1:3", &name), root, "dev/char"), "a parent is made");
  check(name && strcmp(name, "1:3") == 0, "the last component");
  check(is(path_parent(root, "/null", &name), root, "."), "a parent that is the root");
  check(is(path_parent(root, "null", &name), root, "."), "a path without a slash");
  check(is(path_parent(root, "absolute/new", &name), root, "a/b"), "a parent behind a symlink");
  check(fails(path_parent(root, "", &name), EINVAL), "an empty path has no parent");
  check(fails(path_parent(root, "a/", &name), EINVAL), "a slash at the end");
  check(fails(path_parent(root, "a/..", &name), EINVAL), ".. at the end");
  check(fails(path_parent(root, "a/.", &name), EINVAL), ". at the end");
}

/* A relative path is one of the host's root, whatever the working directory. */
static void test_host(const char *directory) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/root/host/made", directory);
  check(is(path_make(AT_FDCWD, path, LEAF_FILE, 0600), root, "host/made"), "made on the host");
  check(is(path_open(AT_FDCWD, path, O_PATH), root, "host/made"), "opened on the host");
  check(is(path_open_plain(AT_FDCWD, path, O_PATH), root, "host/made"), "a plain path of the host");
  snprintf(path, sizeof path, "/proc/self/fd/%d", root);
  check(is(path_open(AT_FDCWD, path, O_PATH), root, "."), "the host may use magic links");
}

static atomic_bool stop;

/* Exchanges a directory for a symlink out of the root, and back, as fast as it can. */
static void *flip(void *unused) {
  (void)unused;
  for (bool made = false; !stop || made; made = !made)
    syscall(SYS_renameat2, root, "race/dir", root, "race/link", 2 /* RENAME_EXCHANGE */);
  return NULL;
}

static void test_race(void) {
  enum { ROUNDS = 3000 };
  must(mkdirat(root, "race", 0755), "race");
  must(mkdirat(root, "race/dir", 0755), "race/dir");
  must(symlinkat("../../outside", root, "race/link"), "race/link");
  int outside = openat(top, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int before = count(outside);
  pthread_t thread;
  must(-pthread_create(&thread, NULL, flip, NULL), "pthread_create");

  bool escaped = false;
  int made = 0;
  for (int i = 0; i < ROUNDS; i++) {
    char path[64];
    snprintf(path, sizeof path, "race/dir/%d/x", i);
    int fd = path_make(root, path, i % 2 ? LEAF_DIRECTORY : LEAF_FILE, 0755);
    if (fd >= 0)
      close(fd);
    if (fd >= 0)
      made++;
    fd = path_open(root, "race/dir/canary", O_PATH);
    if (fd >= 0)
      close(fd);
    escaped |= fd >= 0;
    fd = path_open_plain(root, "race/dir", O_PATH);
    struct stat st;
    escaped |= fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
    if (fd >= 0)
      close(fd);
  }
  stop = true;
  pthread_join(thread, NULL);
  check(!escaped && count(outside) == before, "a flipping symlink leads nowhere");
  check(made > ROUNDS / 2, "and mostly does not stop us");
  printf("# %d of %d made\n", made, ROUNDS);
  close(outside);
}

int main(void) {
  char directory[] = "/tmp/orlop-test-paths.XXXXXX";
  if (!mkdtemp(directory))
    must(-1, "mkdtemp");
  top = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  must(mkdirat(top, "root", 0755), "root");
  must(mkdirat(top, "outside", 0755), "outside");
  make_file(top, "outside/canary");
  root = openat(top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int outside = openat(top, "outside", O_PATH | O_DIRECTORY | O_CLOEXEC);

  int first = dup(root);
  close(first);
  test_open();
  test_magic_links();
  test_make();
  test_dangling();
  test_lengths();
  test_parent();
  test_host(directory);
  test_race();
  check(count(outside) == 1 && count(top) == 2, "nothing was made outside");
  int next = dup(root);
  check(next == first, "no descriptor is left open");
  close(next);
  close(outside);
  close(root);
  close(top);
  remove_tree(AT_FDCWD, directory);
  return tap_end();
}
