#include "buffer.h"

#include <string.h>
#include <sys/mman.h>

bool buffer_open(struct buffer *b, size_t room) {
  if (b->start != NULL)
    return true;
  void *at =
      mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    return false;
  *b = (struct buffer){.start = at, .room = room};
  return true;
}

void buffer_close(struct buffer *b) {
  if (b->start != NULL)
    munmap(b->start, b->room);
  *b = (struct buffer){0};
}

void buffer_release(struct buffer *b) {
  if (b->start != NULL && buffer_used(b) == 0)
    madvise(b->start, b->room, MADV_DONTNEED);
}

void buffer_drop(struct buffer *b, size_t size) {
  b->from += size;
  if (b->from == b->to)
    b->from = b->to = 0;
}

char *buffer_space(struct buffer *b, size_t size) {
  size_t used = buffer_used(b);
  if (b->start == NULL || size > b->room - used)
    return NULL;
  if (size > b->room - b->to) {
    memmove(b->start, b->start + b->from, used);
    b->from = 0;
    b->to = used;
  }
  return b->start + b->to;
}

bool buffer_add(struct buffer *b, const void *bytes, size_t size) {
  char *space = buffer_space(b, size);
  if (space == NULL)
    return false;
  memcpy(space, bytes, size);
  buffer_added(b, size);
  return true;
}
