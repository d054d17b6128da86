/* The log's file, and its older parts: NAME, NAME.1, NAME.2, in a directory. */
#ifndef ORLOP_LOGFILE_H
#define ORLOP_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

struct logfile {
  int directory; /* -1: no log */
  const char *name;
  uint64_t max_bytes; /* a new part begins when the present one has so many; 0: never */
  uint32_t max_files; /* parts that are kept; 1: the only one is emptied */
  int fd;             /* -1 if it cannot be opened at present */
  uint64_t size;
};

/* Opens the present part, to go on with it; -1 with errno. */
int logfile_open(struct logfile *f);

/* How many bytes may be written before it has to be written out, so that no part gets longer than
 * its last line makes it. */
uint64_t logfile_room(const struct logfile *f);

/* Writes whole lines. What the disk has no room for is lost, and no line is ever written by halves.
 */
void logfile_write(struct logfile *f, const char *lines, size_t size);

void logfile_close(struct logfile *f);

#endif
