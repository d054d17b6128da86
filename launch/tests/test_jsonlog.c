/* Tests of jsonlog.c: output as lines of a json-file log. */

#include "../jsonlog.h"

#include <stdlib.h>

#include "tap.h"

static char suffix_text[JSONLOG_SUFFIX + 64];
static struct jsonlog_suffix suffix;
static char *out;
static size_t length;

static size_t line_of(const char *text, size_t size, bool last) {
  /* In memory of exactly its size, so that the sanitizer sees what is read behind it. */
  char *copy = malloc(size > 0 ? size : 1);
  memcpy(copy, text, size);
  memset(out, 'x', jsonlog_room(&suffix));
  length = 0;
  size_t taken = jsonlog_line(&suffix, copy, size, last, out, &length);
  free(copy);
  return taken;
}

static bool is(const char *log) {
  char expected[4096];
  int size = snprintf(expected, sizeof expected,
                      "{\"log\":\"%s\",\"stream\":\"stdout\","
                      "\"time\":\"2026-11-26T08:03:29.012345678Z\"}\n",
                      log);
  return (size_t)size == length && memcmp(expected, out, length) == 0;
}

static void text_is(const char *text, size_t size, const char *log, const char *what) {
  check(line_of(text, size, true) == size && is(log), what);
}

#define TEXT_IS(text, log) text_is(text, sizeof(text) - 1, log, log)

static void test_lines(void) {
  check(line_of("one\ntwo\n", 8, false) == 4 && is("one\\n"), "one line at a time");
  check(line_of("one", 3, false) == 0, "a line that has not come to its end");
  check(line_of("one", 3, true) == 3 && is("one"), "and never will");
  check(line_of("", 0, true) == 0 && line_of("", 0, false) == 0, "nothing");
  check(line_of("\n", 1, false) == 1 && is("\\n"), "an empty line");
}

static void test_escapes(void) {
  TEXT_IS("a\"b\\c\n", "a\\\"b\\\\c\\n");
  TEXT_IS("tab\tand\r\n", "tab\\u0009and\\r\\n");
  TEXT_IS("\x1b[0m\x01\x1f\x7f\n", "\\u001b[0m\\u0001\\u001f\x7f\\n");
  TEXT_IS("<a&b>\n", "\\u003ca\\u0026b\\u003e\\n");
  TEXT_IS("nul\0here\n", "nul\\u0000here\\n");
  TEXT_IS("= ; : \x27 % $ # ] [ ? @ ^ _ ~ } | {\n", "= ; : \x27 % $ # ] [ ? @ ^ _ ~ } | {\\n");
}

static void test_utf8(void) {
  TEXT_IS("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\\n");
  TEXT_IS("\x80\n", "\\ufffd\\n");
  TEXT_IS("\xff\xfe\n", "\\ufffd\\ufffd\\n");
  TEXT_IS("\xc0\x80\n", "\\ufffd\\ufffd\\n");
  TEXT_IS("\xc3(\n", "\\ufffd(\\n");
  TEXT_IS("\xe0\x9f\x80\n", "\\ufffd\\ufffd\\ufffd\\n");
  TEXT_IS("\xed\xa0\x80\n", "\\ufffd\\ufffd\\ufffd\\n");
  TEXT_IS("\xf4\x90\x80\x80\n", "\\ufffd\\ufffd\\ufffd\\ufffd\\n");
  TEXT_IS("\xf0\x8f\x80\x80\n", "\\ufffd\\ufffd\\ufffd\\ufffd\\n");
  TEXT_IS("\xe2\x82\n", "\\ufffd\\ufffd\\n");
  TEXT_IS("\xe2\x80\xa8 \xe2\x80\xa9 \xe2\x80\xaa\n", "\\u2028 \\u2029 \xe2\x80\xaa\\n");
  check(line_of("\xe2\x82", 2, true) == 2 && is("\\ufffd\\ufffd"), "a sequence cut by the end");
}

/* Each byte at each place of a word. */
static void test_places(void) {
  static const char special[] = "\"\\<>&\x1f\n\x80";
  bool all = true;
  for (size_t before = 0; before < 24; before++) {
    for (size_t which = 0; which < sizeof special - 1; which++) {
      char text[64];
      memset(text, 'p', sizeof text);
      text[before] = special[which];
      text[before + 9] = '\n';
      size_t taken = line_of(text, before + 10, false);
      all &= special[which] == '\n' ? taken == before + 1 : taken == before + 10;
      all &= out[8 + before] == '\\' && (before == 0 || out[7 + before] == 'p');
    }
  }
  check(all, "special characters anywhere in a word");
}

static void test_pieces(void) {
  size_t size = (size_t)3 * JSONLOG_PIECE;
  char *text = malloc(size);
  memset(text, 'a', size);
  check(line_of(text, size, false) == JSONLOG_PIECE && length > JSONLOG_PIECE &&
            strncmp(out + 8 + JSONLOG_PIECE, "\",\"stream\"", 10) == 0,
        "a piece of a long line has no newline");
  text[JSONLOG_PIECE] = '\n';
  check(line_of(text, JSONLOG_PIECE + 1, false) == JSONLOG_PIECE, "nor if it is just full");
  check(line_of(text + JSONLOG_PIECE, 1, false) == 1 && is("\\n"), "which comes behind it then");
  text[JSONLOG_PIECE - 1] = '\n';
  check(line_of(text, size, false) == JSONLOG_PIECE &&
            strncmp(out + 8 + JSONLOG_PIECE - 1, "\\n\",", 4) == 0,
        "the longest line in one piece");
  text[JSONLOG_PIECE - 1] = '\xc3';
  text[JSONLOG_PIECE] = '\xa4';
  check(line_of(text, size, false) == JSONLOG_PIECE &&
            strncmp(out + 8 + JSONLOG_PIECE - 1, "\\ufffd\"", 7) == 0,
        "a character across two pieces is none");
  memset(text, 1, size);
  check(line_of(text, size, false) == JSONLOG_PIECE && length <= jsonlog_room(&suffix),
        "the longest line there can be fits");
  check(line_of(text, JSONLOG_PIECE - 1, false) == 0, "a piece that is not full waits");
  free(text);
}

static void test_attributes(void) {
  jsonlog_suffix_make(&suffix, suffix_text, "stderr", "{\"tag\":\"x\"}");
  jsonlog_suffix_stamp(&suffix, 0);
  line_of("a\n", 2, false);
  static const char expected[] =
      "{\"log\":\"a\\n\",\"stream\":\"stderr\",\"attrs\":{\"tag\":\"x\"},"
      "\"time\":\"1970-01-01T00:00:00.000000000Z\"}\n";
  check(length == sizeof expected - 1 && memcmp(out, expected, length) == 0, "attributes");
}

int main(void) {
  jsonlog_suffix_make(&suffix, suffix_text, "stdout", "");
  jsonlog_suffix_stamp(&suffix, 1795680209012345678);
  out = malloc(jsonlog_room(&suffix) + 64);
  test_lines();
  test_escapes();
  test_utf8();
  test_places();
  test_pieces();
  test_attributes();
  free(out);
  return tap_end();
}
