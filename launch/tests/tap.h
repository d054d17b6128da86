/* The Test Anything Protocol in a few lines: each check is a line "ok" or "not ok". */
#ifndef ORLOP_TESTS_TAP_H
#define ORLOP_TESTS_TAP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_tests, tap_failures;

static inline bool check(bool ok, const char *what) {
  int error = errno;
  tap_tests++;
  printf("%sok %d - %s\n", ok ? "" : "not ", tap_tests, what);
  if (!ok) {
    tap_failures++;
    printf("# errno %d %s\n", error, strerror(error));
  }
  return ok;
}

/* The exit status of the test program. */
static inline int tap_end(void) {
  printf("1..%d\n", tap_tests);
  return tap_failures > 0;
}

#endif
