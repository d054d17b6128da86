/* Tests of command.c and keys.c. */

#include "../command.h"

#include <stdlib.h>

#include "../keys.h"
#include "tap.h"

static struct command_message c;

static bool decode(uint32_t command, uint32_t a, uint32_t b, const char *rest, size_t size) {
  uint32_t head[] = {command, a, b};
  char *message = malloc(sizeof head + size);
  memcpy(message, head, sizeof head);
  memcpy(message + sizeof head, rest, size);
  bool found = command_decode(message, sizeof head + size, &c);
  if (found && c.command == COMMAND_ATTACH)
    found = c.keys_length + c.first_length + 1 == size;
  free(message);
  return found;
}

static void test_simple(void) {
  check(decode(COMMAND_SIGNAL, 15, 0, "", 0) && c.a == 15, "a signal");
  check(!decode(COMMAND_SIGNAL, 0, 0, "", 0) && !decode(COMMAND_SIGNAL, 65, 0, "", 0),
        "numbers that are none");
  check(decode(COMMAND_RESIZE, 24, 80, "", 0) && c.a == 24 && c.b == 80, "a size");
  check(!decode(COMMAND_RESIZE, 65536, 80, "", 0) && !decode(COMMAND_RESIZE, 1, 65536, "", 0),
        "sizes that no terminal has");
  check(decode(COMMAND_CLOSE_STDIN, 0, 0, "", 0) && decode(COMMAND_STATE, 0, 0, "", 0), "others");
  check(!decode(COMMAND_STATE, 0, 0, "x", 1), "something behind it");
  check(!decode(COMMAND_PART, 0, 0, "", 0) && !decode(0, 0, 0, "", 0) && !decode(7, 0, 0, "", 0),
        "commands that there are not");
  check(!command_decode("12345678901", 11, &c), "a short one");
}

static void test_attach(void) {
  static char most[1 + COMMAND_MOST_KEYS + COMMAND_MOST_FIRST + 1];
  check(decode(COMMAND_ATTACH, 3, 31, "\0", 1) && c.a == 3 && c.b == 31, "a client");
  check(!decode(COMMAND_ATTACH, 3, 32, "\0", 1), "unknown flags");
  check(!decode(COMMAND_ATTACH, 3, 1, "", 0), "no keys, not even none");
  check(decode(COMMAND_ATTACH, 3, 1, "\2ab", 3) && c.keys_length == 2, "keys");
  check(!decode(COMMAND_ATTACH, 3, 1, "\3ab", 3), "keys beyond the end");
  check(decode(COMMAND_ATTACH, 3, 1, "\2abxyz", 6) && c.first_length == 3, "what was sent before");
  most[0] = COMMAND_MOST_KEYS;
  check(decode(COMMAND_ATTACH, 3, 1, most, sizeof most - 1), "the most there can be");
  check(!decode(COMMAND_ATTACH, 3, 1, most, sizeof most), "one byte more");
  most[0] = COMMAND_MOST_KEYS + 1;
  check(!decode(COMMAND_ATTACH, 3, 1, most, 200), "too many keys");
}

static struct keys keys_of(const char *text) {
  struct keys k = {.length = strlen(text)};
  memcpy(k.keys, text, k.length);
  return k;
}

static void filtered(const char *keys, const char *typed, const char *expected, bool leaves) {
  for (size_t piece = 1; piece <= 8; piece++) { /* however it comes */
    struct keys k = keys_of(keys);
    char out[512];
    char all[512] = "";
    bool left = false;
    for (size_t at = 0; at < strlen(typed) && !left; at += piece) {
      size_t size = strlen(typed) - at < piece ? strlen(typed) - at : piece;
      size_t made = keys_filter(&k, typed + at, size, out, &left);
      strncat(all, out, made);
    }
    if (!check(left == leaves && strcmp(all, expected) == 0, typed))
      printf("# in pieces of %zu: %s\n", piece, all);
  }
}

static void test_keys(void) {
  filtered("", "anything", "anything", false);
  filtered("pq", "abc", "abc", false);
  filtered("pq", "abpq", "ab", true);
  filtered("pq", "abpqcd", "ab", true);
  filtered("pq", "pxq", "pxq", false);
  filtered("pq", "ppq", "p", true);
  filtered("pq", "apb", "apb", false);
  filtered("pq", "ap", "a", false); /* held back: the next key tells */
  filtered("aab", "aaab", "a", true);
  filtered("abab", "abaabab", "aba", true);
  filtered("abac", "ababac", "ab", true);
  filtered("x", "1x2", "1", true);
}

int main(void) {
  test_simple();
  test_attach();
  test_keys();
  return tap_end();
}
