/* What to wait for: descriptors, numbered as they were added. */
#ifndef ORLOP_POLLSET_H
#define ORLOP_POLLSET_H

#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

struct pollset {
  struct pollfd *at;
  size_t count;
  size_t room;
};

/* Adds a descriptor (negative ones are passed over); its number. One for which there is no memory
 * is never ready. */
static inline size_t pollset_add(struct pollset *set, int fd, short events) {
  if (set->count == set->room) {
    size_t room = set->room == 0 ? 16 : 2 * set->room;
    struct pollfd *at = realloc(set->at, room * sizeof *at);
    if (at == NULL)
      return (size_t)-1;
    set->at = at;
    set->room = room;
  }
  set->at[set->count] = (struct pollfd){.fd = fd, .events = events};
  return set->count++;
}

/* What has happened to it. */
static inline short pollset_ready(const struct pollset *set, size_t number) {
  return number < set->count ? set->at[number].revents : (short)0;
}

#endif
