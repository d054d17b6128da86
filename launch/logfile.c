#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

enum { NAME = 272 };

/* Who was killed while he wrote may have left half a line at the end. */
static void cut_half_line(struct logfile *f) {
  char piece[4096];
  uint64_t at = f->size;
  while (at > 0) {
    uint64_t begin = at > sizeof piece ? at - sizeof piece : 0;
    ssize_t got = pread(f->fd, piece, (size_t)(at - begin), (off_t)begin);
    if (got != (ssize_t)(at - begin))
      return;
    const char *end = memrchr(piece, '\n', (size_t)got);
    at = end == NULL ? begin : begin + (uint64_t)(end + 1 - piece);
    if (end != NULL)
      break;
  }
  if (at < f->size && ftruncate(f->fd, (off_t)at) == 0)
    f->size = at;
}

int logfile_open(struct logfile *f) {
  int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  struct stat st;
  f->fd = openat(f->directory, f->name, flags, 0640);
  if (f->fd < 0)
    return -1;
  if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
    logfile_close(f);
    errno = EINVAL;
    return -1;
  }
  f->size = (uint64_t)st.st_size;
  cut_half_line(f);
  return 0;
}

void logfile_close(struct logfile *f) {
  if (f->fd >= 0)
    close(f->fd);
  f->fd = -1;
}

uint64_t logfile_room(const struct logfile *f) {
  if (f->max_bytes == 0)
    return UINT64_MAX;
  return f->size < f->max_bytes ? f->max_bytes - f->size : 0;
}

static const char *part_name(const struct logfile *f, uint32_t number, char *space) {
  struct text name = {.start = space, .room = NAME};
  text_add(&name, f->name);
  if (number > 0) {
    text_add(&name, ".");
    text_number(&name, number);
  }
  return space;
}

/* The oldest part is replaced by the one before it. Whatever fails here, the log goes on: in the
 * same file if need be. */
static void rotate(struct logfile *f) {
  char older[NAME];
  char newer[NAME];
  if (f->max_files <= 1) {
    if (ftruncate(f->fd, 0) == 0)
      f->size = 0;
    return;
  }
  for (uint32_t n = f->max_files - 1; n > 0; n--)
    renameat(f->directory, part_name(f, n - 1, newer), f->directory, part_name(f, n, older));
  logfile_close(f);
  logfile_open(f);
}

/* How much was written: less than all when the disk is full. */
static size_t write_all(int fd, const char *bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t written = write(fd, bytes + done, size - done);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      break;
    done += (size_t)written;
  }
  return done;
}

void logfile_write(struct logfile *f, const char *lines, size_t size) {
  if (size == 0)
    return;
  if (f->fd >= 0 && logfile_room(f) == 0)
    rotate(f);
  if (f->fd < 0 && logfile_open(f) < 0)
    return;
  size_t written = write_all(f->fd, lines, size);
  if (written < size) {
    while (written > 0 && lines[written - 1] != '\n')
      written--;
    if (ftruncate(f->fd, (off_t)(f->size + written)) < 0)
      logfile_close(f); /* a half line stays; the next part begins behind it */
  }
  f->size += written;
}
