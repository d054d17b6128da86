/* Output as lines of Docker's json-file log: {"log":"text\n","stream":"stdout","time":"..."}
 *
 * No system calls; fuzzed. Lines longer than 16 KiB are cut into pieces, of which only the last has
 * the newline in its text, and so has none what was written without one at the end. Bytes that are
 * not UTF-8 become U+FFFD, each. */
#ifndef ORLOP_JSONLOG_H
#define ORLOP_JSONLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSONLOG_PIECE = 16384 };

/* What stands behind the text of a line, the same for all lines of one moment. */
struct jsonlog_suffix {
  char *text;    /* memory with JSONLOG_SLACK bytes more than `length` */
  size_t length; /* 0: not made yet */
  size_t time;   /* where the time is in it */
};

enum { JSONLOG_SLACK = 16, JSONLOG_SUFFIX = 128, JSONLOG_TIME = 30 };

/* Makes it in `text`, which has room for JSONLOG_SUFFIX bytes and the attributes: a JSON object, or
 * "" for none. */
void jsonlog_suffix_make(struct jsonlog_suffix *s, char *text, const char *stream,
                         const char *attributes);

/* Sets its time: nanoseconds of CLOCK_REALTIME. */
void jsonlog_suffix_stamp(struct jsonlog_suffix *s, uint64_t ns);

/* Bytes that `out` has to have free for one line with this suffix. */
static inline size_t jsonlog_room(const struct jsonlog_suffix *s) {
  return 64 + (size_t)6 * JSONLOG_PIECE + s->length + JSONLOG_SLACK;
}

/* The next line of `text`: writes it to `out`, which has jsonlog_room() bytes, and says how long it
 * is there. Returns how many bytes of the text are in it; 0 if the text ends before the line does,
 * unless it is `last`. */
size_t jsonlog_line(const struct jsonlog_suffix *s, const char *text, size_t size, bool last,
                    char *out, size_t *length);

#endif
