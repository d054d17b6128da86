/* Decoding of plans: docs/launch-plan.md. No system calls; bounds-checked; fuzzed. */
#ifndef ORLOP_PLAN_H
#define ORLOP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum side { SIDE_LAUNCHER, SIDE_MIDDLE, SIDE_CONTAINER };

#define NO_SLOT UINT32_MAX

/* Plan flags. */
enum {
  PLAN_STAY = 1,
  PLAN_KILL_ON_HANGUP = 2,
  PLAN_FORWARD_SIGNALS = 4,
  PLAN_SUBREAPER = 8,
  PLAN_LINGER = 16,
  PLAN_FLAGS = 31,
};

#define PLAN_MAGIC 0x504c524fU /* "ORLP" */
#define PLAN_VERSION 1
#define PLAN_HEADER 32
#define PLAN_MAX_OPERATIONS 65535
#define PLAN_MAX_SLOTS 1024

/* Faults for tests (header). */
#define NO_FAULT UINT32_MAX
#define FAULT_KILL UINT32_MAX           /* the process that would perform the operation dies */
#define FAULT_KILL_LAUNCHER 0xfffffffeU /* the launcher dies, when the side is the container's */

/* One field of an operation; which member holds is said by the operation's signature. */
struct arg {
  uint64_t number;         /* u, q, f */
  const char *bytes;       /* s, b: always followed by a NUL */
  uint32_t length;         /* of bytes, without that NUL; of list, without the final NULL */
  const char *const *list; /* l: NULL-terminated, ready to be an argv */
};

struct op {
  uint16_t kind;
  uint16_t side;
  const struct arg *args;
};

struct plan {
  uint16_t flags;
  uint32_t count;
  uint32_t slots;
  uint32_t inherited;
  uint32_t fault_op;
  uint32_t fault_errno;
  const struct op *ops;
};

/* Bytes of working memory that are enough for any plan of `size` bytes. */
size_t plan_space(size_t size);

/* What was already performed when a part of a plan is decoded. */
struct plan_state {
  bool cloned;    /* there is a container's process */
  bool created;   /* await_start was performed */
  uint32_t slots; /* slots of the earlier parts */
};

/* Decodes and checks a plan; strings stay where they are, the tables are made in `space`
 * (plan_space(size) bytes, aligned as for malloc). Both must outlive the plan. Returns NULL, or
 * what is wrong (a static string); then `at` is the operation it was found in. */
const char *plan_decode(const void *data, size_t size, const struct plan_state *before, void *space,
                        struct plan *plan, uint32_t *at);

/* Name and signature of a kind; NULL if there is none such. */
const char *op_name(unsigned kind);
const char *op_signature(unsigned kind);

#endif
