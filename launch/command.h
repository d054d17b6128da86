/* What a supervising launcher is told over its socket: docs/launch-plan.md#supervision. */
#ifndef ORLOP_COMMAND_H
#define ORLOP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command {
  COMMAND_PART = 1, /* on the control socket only, see parts.c */
  COMMAND_SIGNAL,
  COMMAND_RESIZE,
  COMMAND_CLOSE_STDIN,
  COMMAND_ATTACH,
  COMMAND_STATE,
};

enum attach_flags {
  ATTACH_STDIN = 1,
  ATTACH_STDOUT = 2,
  ATTACH_STDERR = 4,
  ATTACH_FRAMED = 8, /* Docker's header before each piece of output */
  ATTACH_HOLD = 16,  /* the program waits when this client does not read on */
  ATTACH_FLAGS = 31,
};

enum {
  COMMAND_HEAD = 12,
  COMMAND_MOST_KEYS = 64,
  COMMAND_MOST_FIRST = 65536,
  COMMAND_MOST = COMMAND_HEAD + 1 + COMMAND_MOST_KEYS + COMMAND_MOST_FIRST,
};

struct command_message {
  enum command command;
  uint32_t a; /* signal; rows; the client's number */
  uint32_t b; /* columns; attach_flags */
  /* of COMMAND_ATTACH; in the message itself: */
  const char *keys;
  size_t keys_length;
  const char *first; /* what the client has sent already */
  size_t first_length;
};

/* Decodes a message; false if it is none. No system calls; fuzzed. */
bool command_decode(const void *message, size_t size, struct command_message *command);

#endif
