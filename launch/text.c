#include "text.h"

#include <limits.h>
#include <string.h>

void text_add(struct text *t, const char *s) {
  size_t length = strlen(s);
  if (length >= t->room - t->length) {
    length = t->room - t->length - 1;
    t->cut = true;
  }
  memcpy(t->start + t->length, s, length);
  t->length += length;
  t->start[t->length] = 0;
}

void text_number(struct text *t, uint64_t number) {
  char digits[21];
  char *at = digits + sizeof digits - 1;
  *at = 0;
  do
    *--at = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  text_add(t, at);
}

int text_parse_pid(const char *s) {
  int64_t pid = 0;
  for (; *s >= '0' && *s <= '9'; s++) {
    pid = 10 * pid + (*s - '0');
    if (pid > INT_MAX)
      return -1;
  }
  return *s == 0 && pid > 0 ? (int)pid : -1;
}
