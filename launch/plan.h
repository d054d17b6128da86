/* Decoding of plans: docs/launch-plan.md. No system calls; bounds-checked; fuzzed. */
#ifndef ORLOP_PLAN_H
#define ORLOP_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum side { SIDE_LAUNCHER, SIDE_MIDDLE, SIDE_CONTAINER };

#define NO_SLOT UINT32_MAX

/* One field of an operation; which member holds is said by the operation's signature. */
struct arg {
  uint64_t number;          /* u, q, f */
  const char *bytes;        /* s, b: always followed by a NUL */
  uint32_t length;          /* of bytes, without that NUL; of list, without the final NULL */
  const char *const *list;  /* l: NULL-terminated, ready to be an argv */
};

struct op {
  uint16_t kind;
  uint16_t side;
  const struct arg *args;
};

#endif
