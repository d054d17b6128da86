#include "command.h"

#include <string.h>

static bool decode_attach(const unsigned char *rest, size_t size, struct command_message *c) {
  if (size < 1 || rest[0] > COMMAND_MOST_KEYS || (c->b & ~(uint32_t)ATTACH_FLAGS) != 0)
    return false;
  c->keys = (const char *)rest + 1;
  c->keys_length = rest[0];
  if (size - 1 < c->keys_length)
    return false;
  c->first = c->keys + c->keys_length;
  c->first_length = size - 1 - c->keys_length;
  return c->first_length <= COMMAND_MOST_FIRST;
}

bool command_decode(const void *message, size_t size, struct command_message *c) {
  uint32_t head[3];
  if (size < COMMAND_HEAD)
    return false;
  memcpy(head, message, sizeof head);
  *c = (struct command_message){.command = head[0], .a = head[1], .b = head[2]};
  switch (c->command) {
  case COMMAND_ATTACH:
    return decode_attach((const unsigned char *)message + COMMAND_HEAD, size - COMMAND_HEAD, c);
  case COMMAND_SIGNAL:
    return size == COMMAND_HEAD && c->a >= 1 && c->a <= 64;
  case COMMAND_RESIZE:
    return size == COMMAND_HEAD && c->a <= UINT16_MAX && c->b <= UINT16_MAX;
  case COMMAND_CLOSE_STDIN:
  case COMMAND_STATE:
    return size == COMMAND_HEAD;
  default:
    return false;
  }
}
