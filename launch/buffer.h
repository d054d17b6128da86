/* Memory for bytes on their way, given by the kernel page by page when it is written to. */
#ifndef ORLOP_BUFFER_H
#define ORLOP_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
  char *start; /* NULL: no memory yet */
  size_t room;
  size_t from; /* what is in it: from here */
  size_t to;   /* to here */
};

/* Gives it so much memory, unless it has some; false if there is none to be had. */
bool buffer_open(struct buffer *b, size_t room);

/* Gives the memory back, and what is in it. */
void buffer_close(struct buffer *b);

/* Gives back the pages of an empty one; the next byte takes new ones. */
void buffer_release(struct buffer *b);

/* How much is in it, and where that begins. */
static inline size_t buffer_used(const struct buffer *b) { return b->to - b->from; }
static inline char *buffer_data(const struct buffer *b) { return b->start + b->from; }

/* Takes the first bytes out. */
void buffer_drop(struct buffer *b, size_t size);

/* Where the next bytes go, after moving what is there if `size` would not fit behind it; to be
 * followed by buffer_added(). NULL if there is no room for them. */
char *buffer_space(struct buffer *b, size_t size);
static inline void buffer_added(struct buffer *b, size_t size) { b->to += size; }

/* Copies bytes to the end; false if they do not fit. */
bool buffer_add(struct buffer *b, const void *bytes, size_t size);

#endif
