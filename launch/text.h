/* Short texts in fixed buffers, without stdio. What does not fit is left out, and `cut` says so. */
#ifndef ORLOP_TEXT_H
#define ORLOP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
  char *start;
  size_t length; /* without the final NUL */
  size_t room;   /* with it */
  bool cut;
};

#define TEXT(buffer) ((struct text){.start = (buffer), .room = sizeof(buffer)})

void text_add(struct text *t, const char *s);
void text_number(struct text *t, uint64_t number);

/* A PID in decimal digits: -1 if it is not one. */
int text_parse_pid(const char *s);

#endif
