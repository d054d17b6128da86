/* What the launcher does after its last operation: see the start through, and stay if it is to. */
#ifndef ORLOP_SHIM_H
#define ORLOP_SHIM_H

#include <stdint.h>

struct launch;

enum event {
  EVENT_CREATED = 1,
  EVENT_RUNNING,
  EVENT_FAILED,
  EVENT_EXITED,
  /* of attached clients, to those who have attached them: */
  EVENT_DETACHED,
  EVENT_GONE,
};

/* Sends an event to the caller; -1 with errno if it is gone. */
int shim_tell(struct launch *l, enum event event, int value);

/* Follows the container's process until the launcher has nothing left to do. Returns its exit
 * status, or -1 if the start failed and is to be undone. */
int shim_follow(struct launch *l);

#endif
