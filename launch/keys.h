/* The keys by which a client leaves a terminal. */
#ifndef ORLOP_KEYS_H
#define ORLOP_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"

struct keys {
  char keys[COMMAND_MOST_KEYS];
  size_t length;  /* 0: none */
  size_t matched; /* how many of them came last; they are held back until it is clear */
};

/* Copies to `out` what is for the program, of bytes that the client has sent: at most `size` +
 * COMMAND_MOST_KEYS bytes. Returns how many there are; `left` is set if the keys came, and what is
 * behind them goes nowhere. */
size_t keys_filter(struct keys *k, const char *bytes, size_t size, char *out, bool *left);

#endif
