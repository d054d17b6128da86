/* Fuzz target of what a supervising launcher reads: commands, keys, and the output of programs.
 *
 * The log's lines are decoded again, by a decoder of its own, as far as that can be told. */

#include <stdlib.h>
#include <string.h>

#include "../command.h"
#include "../jsonlog.h"
#include "../keys.h"

static void try_command(const uint8_t *data, size_t size) {
  struct command_message c;
  if (!command_decode(data, size, &c) || c.command != COMMAND_ATTACH)
    return;
  const char *begin = (const char *)data;
  if (c.keys < begin || c.first + c.first_length != begin + size ||
      c.keys_length > COMMAND_MOST_KEYS)
    abort();
}

/* In pieces or at once, the same comes out. */
static void try_keys(const uint8_t *data, size_t size) {
  struct keys once = {.length = size > 0 ? data[0] % 5 : 0};
  if (size < 1 + once.length)
    return;
  memcpy(once.keys, data + 1, once.length);
  const char *typed = (const char *)data + 1 + once.length;
  size -= 1 + once.length;
  struct keys parts = once;
  char *whole = malloc(size + COMMAND_MOST_KEYS);
  char *joined = malloc(size + (size_t)2 * COMMAND_MOST_KEYS);
  bool left = false;
  bool left_too = false;
  size_t made = keys_filter(&once, typed, size, whole, &left);
  size_t at = 0;
  for (size_t i = 0; i < size && !left_too; i++)
    at += keys_filter(&parts, typed + i, 1, joined + at, &left_too);
  if (left != left_too || made != at || memcmp(whole, joined, made) != 0 || made > size)
    abort();
  free(whole);
  free(joined);
}

static unsigned hex(const char *at) {
  unsigned value = 0;
  for (int i = 0; i < 4; i++)
    value = value * 16 + (unsigned)(at[i] <= '9' ? at[i] - '0' : at[i] - 'a' + 10);
  return value;
}

/* What the text of a line stands for, byte by byte; a U+FFFD that was put in counts as any byte. */
static void compare(const char *at, const char *end, const uint8_t *text, size_t size) {
  size_t done = 0;
  while (at < end) {
    unsigned code = (unsigned char)*at;
    size_t length = 1;
    if (code < 0x20 || code == '"' || code == '<' || code == '>' || code == '&')
      abort();
    if (code == '\\') {
      length = 2;
      code = at[1] == 'n' ? '\n' : at[1] == 'r' ? '\r' : (unsigned char)at[1];
      if (at[1] == 'u') {
        length = 6;
        code = hex(at + 2);
      }
    }
    at += length;
    if (code == 0x2028 || code == 0x2029) {
      done += 3;
      continue;
    }
    if (done >= size || (code != 0xfffd && code != text[done]))
      abort();
    done++;
  }
  if (done != size)
    abort();
}

static void try_lines(const uint8_t *data, size_t size) {
  char text[JSONLOG_SUFFIX];
  struct jsonlog_suffix s;
  jsonlog_suffix_make(&s, text, "stdout", "");
  jsonlog_suffix_stamp(&s, size * 123456789);
  char *out = malloc(jsonlog_room(&s));
  bool last = size % 2 != 0;
  while (size > 0) {
    size_t length = 0;
    size_t taken = jsonlog_line(&s, (const char *)data, size, last, out, &length);
    if (taken > size || (taken == 0 && last) || length > jsonlog_room(&s))
      abort();
    if (taken == 0)
      break;
    size_t behind = s.length - (data[taken - 1] == '\n' ? 0 : 2);
    size_t whole = data[taken - 1] == '\n' ? 2 : 0;
    if (out[length - 1] != '\n' || memchr(out, '\n', length - 1) != NULL)
      abort();
    compare(out + 8, out + length - behind + whole, data, taken);
    data += taken;
    size -= taken;
  }
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  try_command(data, size);
  try_keys(data, size);
  uint8_t *copy = malloc(size + 1); /* of exactly this size: nothing is read behind it */
  uint8_t *exact = realloc(copy, size > 0 ? size : 1);
  memcpy(exact, data, size);
  try_lines(exact, size);
  free(exact);
  return 0;
}
