#include "jsonlog.h"

#include <string.h>
#include <time.h>

#include "text.h"

/* --- what stands behind the text --- */

static const char opening[] = "{\"log\":\"";
static const char newline[] = "\\n";

void jsonlog_suffix_make(struct jsonlog_suffix *s, char *text, const char *stream,
                         const char *attributes) {
  struct text t = {.start = text, .room = JSONLOG_SUFFIX + strlen(attributes) - JSONLOG_SLACK};
  text_add(&t, newline);
  text_add(&t, "\",\"stream\":\"");
  text_add(&t, stream);
  if (*attributes != 0) {
    text_add(&t, "\",\"attrs\":");
    text_add(&t, attributes);
    text_add(&t, ",\"time\":\"");
  } else {
    text_add(&t, "\",\"time\":\"");
  }
  s->time = t.length;
  text_add(&t, "0000-00-00T00:00:00.000000000Z\"}\n");
  s->text = text;
  s->length = t.length;
}

static void put_digits(char *at, unsigned digits, uint64_t number) {
  for (unsigned i = digits; i-- > 0; number /= 10)
    at[i] = (char)('0' + number % 10);
}

void jsonlog_suffix_stamp(struct jsonlog_suffix *s, uint64_t ns) {
  char *at = s->text + s->time;
  time_t seconds = (time_t)(ns / 1000000000U);
  struct tm tm = {0};
  gmtime_r(&seconds, &tm);
  put_digits(at, 4, (uint64_t)tm.tm_year + 1900);
  put_digits(at + 5, 2, (uint64_t)tm.tm_mon + 1);
  put_digits(at + 8, 2, (uint64_t)tm.tm_mday);
  put_digits(at + 11, 2, (uint64_t)tm.tm_hour);
  put_digits(at + 14, 2, (uint64_t)tm.tm_min);
  put_digits(at + 17, 2, (uint64_t)tm.tm_sec);
  put_digits(at + 20, 9, ns % 1000000000U);
}

/* --- the text --- */

#define ONES 0x0101010101010101U
#define HIGHS 0x8080808080808080U

static uint64_t zero_bytes(uint64_t word) { return (word - ONES) & ~word & HIGHS; }

/* How many of eight bytes, from the lowest address on, stand for themselves in a JSON string. What
 * the tests for zero bytes find behind the first right one may be wrong, and does not count. */
static unsigned plain_bytes(uint64_t word) {
  uint64_t special = word & HIGHS;                            /* not ASCII */
  special |= (word - ONES * 0x20) & ~word & HIGHS;            /* below a space */
  special |= zero_bytes((word & ~(ONES * 4)) ^ (ONES * '"')); /* " and & */
  special |= zero_bytes((word & ~(ONES * 2)) ^ (ONES * '<')); /* < and > */
  special |= zero_bytes(word ^ (ONES * '\\'));
  return special == 0 ? 8 : (unsigned)__builtin_ctzll(special) / 8;
}

/* The length of the UTF-8 sequence at `at`, 0 if there is none (RFC 3629, section 4). */
static size_t sequence(const unsigned char *at, size_t size) {
  unsigned low = 0x80;
  unsigned high = 0xbf;
  size_t length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
  if (at[0] < 0xc2 || at[0] > 0xf4 || size < length)
    return 0;
  if (at[0] == 0xe0)
    low = 0xa0;
  if (at[0] == 0xed)
    high = 0x9f; /* surrogates */
  if (at[0] == 0xf0)
    low = 0x90;
  if (at[0] == 0xf4)
    high = 0x8f; /* above U+10FFFF */
  if (at[1] < low || at[1] > high)
    return 0;
  for (size_t i = 2; i < length; i++)
    if ((at[i] & 0xc0) != 0x80)
      return 0;
  return length;
}

static char *put(char *out, const char *text, size_t length) {
  memcpy(out, text, length);
  return out + length;
}

static char *put_ascii(char *out, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  switch (c) {
  case '"':
  case '\\':
    *out++ = '\\';
    *out++ = (char)c;
    return out;
  case '\r':
    return put(out, "\\r", 2);
  default:
    out = put(out, "\\u00", 4);
    *out++ = hex[c >> 4];
    *out++ = hex[c & 15];
    return out;
  }
}

/* One character that does not stand for itself; how many bytes it was. */
static size_t put_special(char **out, const char *text, size_t size) {
  const unsigned char *at = (const unsigned char *)text;
  if (*at < 0x80) {
    *out = put_ascii(*out, *at);
    return 1;
  }
  size_t length = sequence(at, size);
  if (length == 0) {
    *out = put(*out, "\\ufffd", 6);
    return 1;
  }
  /* Line separators, which JavaScript does not allow in a string. */
  if (at[0] == 0xe2 && at[1] == 0x80 && (at[2] | 1) == 0xa9)
    *out = put(*out, at[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
  else
    *out = put(*out, text, length);
  return length;
}

/* Copies what stands for itself, eight bytes at a time; returns how much that was. Fewer than eight
 * bytes at the end of the text are read from a copy. */
static size_t put_plain(char *out, const char *text, size_t size) {
  size_t done = 0;
  for (;;) {
    uint64_t word = 0;
    size_t left = size - done;
    if (left >= 8)
      memcpy(&word, text + done, 8);
    else
      memcpy(&word, text + done, left); /* a NUL behind it is special */
    memcpy(out + done, &word, 8);
    unsigned plain = plain_bytes(word);
    done += plain;
    if (plain < 8)
      return done;
  }
}

static char *put_suffix(char *out, const char *text, size_t length) {
  for (size_t i = 0; i < length; i += 16)
    memcpy(out + i, text + i, 16); /* up to 15 bytes too many, for which there is room */
  return out + length;
}

size_t jsonlog_line(const struct jsonlog_suffix *s, const char *text, size_t size, bool last,
                    char *out, size_t *length) {
  size_t limit = size < JSONLOG_PIECE ? size : JSONLOG_PIECE;
  size_t at = 0;
  char *end = put(out, opening, sizeof opening - 1);
  for (;;) {
    size_t plain = put_plain(end, text + at, limit - at);
    at += plain;
    end += plain;
    if (at == limit || text[at] == '\n')
      break;
    at += put_special(&end, text + at, limit - at);
  }
  bool whole = at < limit;
  if (!whole && limit < JSONLOG_PIECE && (!last || size == 0))
    return 0;
  size_t skipped = whole ? 0 : sizeof newline - 1;
  end = put_suffix(end, s->text + skipped, s->length - skipped);
  *length = (size_t)(end - out);
  return at + whole;
}
