/* Tests of logfile.c and buffer.c. */

#include "../logfile.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../buffer.h"
#include "tap.h"

static char directory[] = "/tmp/orlop-logfile-XXXXXX";
static struct logfile f;

static bool contains(const char *name, const char *expected) {
  char text[256];
  int fd = openat(f.directory, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return expected == NULL;
  ssize_t got = read(fd, text, sizeof text);
  close(fd);
  return expected != NULL && got == (ssize_t)strlen(expected) &&
         memcmp(text, expected, (size_t)got) == 0;
}

static void begin(uint64_t max_bytes, uint32_t max_files) {
  static const char *const names[] = {"log", "log.1", "log.2", "log.3"};
  for (size_t i = 0; i < 4; i++)
    unlinkat(f.directory, names[i], 0);
  f.name = "log";
  f.max_bytes = max_bytes;
  f.max_files = max_files;
  check(logfile_open(&f) == 0, "a log is opened");
}

static void put_line(const char *line) { logfile_write(&f, line, strlen(line)); }

static void test_rotation(void) {
  begin(4, 3);
  put_line("one\n");
  check(logfile_room(&f) == 0 && contains("log", "one\n"), "a part that is full is left");
  put_line("two\n");
  check(contains("log", "two\n") && contains("log.1", "one\n"), "the next line begins a new one");
  put_line("three\n");
  put_line("four\n");
  check(contains("log", "four\n") && contains("log.1", "three\n") && contains("log.2", "two\n") &&
            contains("log.3", NULL),
        "so many parts, and no more");
  logfile_close(&f);
  begin(4, 1);
  put_line("one\n");
  put_line("two\n");
  check(contains("log", "two\n") && contains("log.1", NULL), "a single part is emptied");
  logfile_close(&f);
  begin(0, 3);
  put_line("one\n");
  check(logfile_room(&f) == UINT64_MAX, "no end");
  logfile_close(&f);
}

static void test_resumption(void) {
  begin(100, 2);
  put_line("one\n");
  logfile_close(&f);
  check(logfile_open(&f) == 0 && f.size == 4, "it is gone on with");
  put_line("two\nhalf");
  logfile_close(&f);
  check(logfile_open(&f) == 0 && contains("log", "one\ntwo\n"), "half a line is cut off");
  logfile_close(&f);
  int fd = openat(f.directory, "log", O_WRONLY | O_TRUNC | O_CLOEXEC);
  check(ftruncate(fd, 10000) == 0, "a file without any line");
  close(fd);
  check(logfile_open(&f) == 0 && f.size == 0, "is empty then");
  logfile_close(&f);
  unlinkat(f.directory, "log", 0);
  check(symlinkat("elsewhere", f.directory, "log") == 0 && logfile_open(&f) < 0, "no symlinks");
  unlinkat(f.directory, "log", 0);
  check(mkfifoat(f.directory, "log", 0600) == 0 && logfile_open(&f) < 0, "no fifos");
  unlinkat(f.directory, "log", 0);
}

/* RLIMIT_FSIZE stands for a full disk. */
static void test_full_disk(void) {
  struct rlimit before;
  struct rlimit small;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  begin(0, 3);
  put_line("one\n");
  small = before;
  small.rlim_cur = 10;
  setrlimit(RLIMIT_FSIZE, &small);
  put_line("two\nthree\n");
  check(contains("log", "one\ntwo\n"), "only whole lines are written");
  put_line("four\n");
  check(contains("log", "one\ntwo\n"), "or none");
  setrlimit(RLIMIT_FSIZE, &before);
  put_line("five\n");
  check(contains("log", "one\ntwo\nfive\n"), "it goes on when there is room");
  logfile_close(&f);
}

static void test_buffer(void) {
  struct buffer b = {0};
  check(!buffer_add(&b, "x", 1), "no memory yet");
  check(buffer_open(&b, 8) && buffer_add(&b, "abcdef", 6), "bytes");
  check(!buffer_add(&b, "ghi", 3) && buffer_used(&b) == 6, "too many");
  buffer_drop(&b, 4);
  check(buffer_add(&b, "ghijkl", 6) && memcmp(buffer_data(&b), "efghijkl", 8) == 0,
        "they move to the front");
  check(!buffer_add(&b, "m", 1), "full");
  buffer_drop(&b, 8);
  check(b.from == 0 && b.to == 0, "empty");
  buffer_release(&b);
  check(buffer_add(&b, "x", 1) && *buffer_data(&b) == 'x', "its memory comes back");
  buffer_close(&b);
  buffer_close(&b);
}

int main(void) {
  f.directory = mkdtemp(directory) == NULL ? -1 : open(directory, O_RDONLY | O_DIRECTORY);
  if (f.directory < 0)
    abort();
  test_rotation();
  test_resumption();
  test_full_disk();
  test_buffer();
  unlinkat(f.directory, "log", 0);
  rmdir(directory);
  return tap_end();
}
