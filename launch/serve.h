/* The protocol between whoever runs programs in a container that serves, and its first process
 * (operation 63, docs/launch-plan.md#serving). */
#ifndef ORLOP_SERVE_H
#define ORLOP_SERVE_H

#include <stdint.h>

#include "report.h"

enum request_kind { REQUEST_RUN = 1, REQUEST_KILL };
enum request_flags { KEEP_THE_REST = 1 };

struct request {
  uint32_t kind;
  uint32_t number; /* the requester's own, comes back in the answer */
  uint32_t flags;
};

enum answer_kind { ANSWER_FAILED = 3, ANSWER_EXITED };

struct answer {
  uint32_t kind;
  uint32_t number;
  int32_t status; /* as waitpid(2) has it, or an errno */
  uint32_t processes;
  uint64_t user_us;
  uint64_t system_us;
  uint64_t max_rss_kib;
  uint64_t read_bytes;
  uint64_t written_bytes;
  uint64_t disk_used;
  uint64_t disk_free;
  char failure[REPORT_FAILURE_SIZE]; /* sent with ANSWER_FAILED only */
};

_Static_assert(__builtin_offsetof(struct answer, failure) == 72, "layout of an answer");
_Static_assert(sizeof(struct answer) == 72 + REPORT_FAILURE_SIZE, "layout of an answer");

#endif
