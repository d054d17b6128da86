/* Tests of report.c, text.c, and what of process.c needs no process. */

#include "../report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../launch.h"
#include "../process.h"
#include "../text.h"
#include "tap.h"

static struct launch l;
static int slots[4] = {-1, -1, -1, -1};
static bool opened[4];
static const struct op ops[2];

static void set_up(off_t size) {
  int fd = memfd_create("report", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, size) < 0 || report_map(&l, fd) < 0)
    abort();
  close(fd);
  l.report->failed = NO_OPERATION;
  l.slots = slots;
  l.opened = opened;
  l.slot_count = 4;
}

static void test_map(void) {
  int small = memfd_create("small", MFD_CLOEXEC);
  check(ftruncate(small, 1023) == 0 && report_map(&l, small) < 0 && errno == EINVAL,
        "a report that is too small");
  close(small);
  check(report_map(&l, -1) < 0 && errno == EBADF, "no report");
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  check(report_map(&l, null) < 0 && errno == EINVAL, "a report that is no file");
  close(null);
}

static void test_fail(void) {
  struct report *r = l.report;
  errno = ENOTTY;
  check(fail(&l, "setup", NULL) == -1 && errno == ENOTTY, "fail() is -1 and keeps errno");
  check(r->failed == SETUP_FAILED && r->error == ENOTTY && strcmp(r->call, "setup") == 0 &&
            r->path[0] == 0,
        "a failure before there is a plan");
  r->failed = NO_OPERATION;
  l.plan.ops = ops;
  l.plan.count = 2;
  l.first_index = 10;
  l.index = 1;
  char path[1000];
  memset(path, 'p', sizeof path);
  path[sizeof path - 1] = 0;
  memset(r->path, 'x', sizeof r->path);
  memset(r->call, 'x', sizeof r->call);
  errno = ENOENT;
  fail(&l, "a_call_with_a_name_that_is_far_too_long", path);
  check(r->failed == 11, "operations are counted over all parts");
  check(strlen(r->call) == 31 && strlen(r->path) == 447, "names that are too long are cut");
  check(r->status == 0, "and nothing behind them is written");
  errno = EIO;
  fail(&l, "second", "other");
  check(r->error == ENOENT && strlen(r->path) == 447, "the first failure is the one that counts");
}

static void test_slots(void) {
  struct arg slot = {.number = 2};
  struct arg none = {.number = NO_SLOT};
  struct arg beyond = {.number = 4};
  l.report->failed = NO_OPERATION;
  check(slot_fd(&l, &slot) < 0 && errno == EBADF && strcmp(l.report->call, "slot") == 0,
        "an empty slot");
  check(slot_fd(&l, &none) < 0 && slot_fd(&l, &beyond) < 0, "no slot");
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
  slot_set(&l, &slot, fd);
  check(slot_fd(&l, &slot) == fd && opened[2], "a slot is set");
  slot_set(&l, &slot, other);
  check(slot_fd(&l, &slot) == other && fcntl(fd, F_GETFD) < 0, "what was there is closed");
  slot_set(&l, &none, other);
  check(fcntl(other, F_GETFD) < 0, "so is what has no place");
  slots[2] = -1;
  check(base_fd(&l, &none) == AT_FDCWD, "no base is the host's root");
}

static void test_times(void) {
  struct timespec t;
  uint64_t now = report_now();
  clock_gettime(CLOCK_MONOTONIC, &t);
  int64_t apart = (int64_t)((uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec - now);
  check(apart > -1000000 && apart < 1000000000, "times are monotonic ones");
  l.first_index = 0;
  l.index = 1;
  report_begin(&l);
  report_done(&l);
  check(l.report->times[1].before_ns >= now && l.report->times[0].before_ns == 0 &&
            l.report->times[1].after_ns >= l.report->times[1].before_ns,
        "an operation has its times");
  l.index = 2;
  report_begin(&l);
  report_done(&l);
  check(l.report->current == 2, "there need not be room for all times");
}

static void test_text(void) {
  char buffer[8];
  struct text t = TEXT(buffer);
  text_add(&t, "abc");
  text_number(&t, 1234);
  check(strcmp(buffer, "abc1234") == 0 && !t.cut && t.length == 7, "a text that just fits");
  text_add(&t, "");
  check(!t.cut, "nothing more");
  text_add(&t, "x");
  check(strcmp(buffer, "abc1234") == 0 && t.cut, "one more");
  t = TEXT(buffer);
  text_add(&t, "0123456789");
  check(strcmp(buffer, "0123456") == 0 && t.cut, "a text that is cut");
  char wide[32];
  t = TEXT(wide);
  text_number(&t, UINT64_MAX);
  check(strcmp(wide, "18446744073709551615") == 0, "the largest number");
  t = TEXT(wide);
  text_number(&t, 0);
  check(strcmp(wide, "0") == 0, "the smallest number");
  check(text_parse_pid("1234") == 1234 && text_parse_pid("2147483647") == 2147483647, "PIDs");
  check(text_parse_pid("") < 0 && text_parse_pid("0") < 0 && text_parse_pid("12x") < 0 &&
            text_parse_pid("-1") < 0 && text_parse_pid("2147483648") < 0 &&
            text_parse_pid("99999999999999999999999") < 0,
        "no PIDs");
}

static void test_state(void) {
  static const char *const list[] = {"{\"pid\":", ",\"x\":", "}", NULL};
  static const char *const many[40];
  struct arg arg = {.list = list, .length = 3};
  struct state s;
  char text[64] = "";
  l.container = 77;
  check(process_state(&l, &arg, &s) == 0 && s.count == 5, "a state has the PID between its parts");
  for (unsigned i = 0; i < s.count; i++)
    strncat(text, s.parts[i].iov_base, s.parts[i].iov_len);
  check(strcmp(text, "{\"pid\":77,\"x\":77}") == 0 && s.size == strlen(text), "in their order");
  arg.length = 0;
  check(process_state(&l, &arg, &s) == 0 && s.count == 0 && s.size == 0, "no state");
  arg = (struct arg){.list = many, .length = 40};
  check(process_state(&l, &arg, &s) < 0 && errno == E2BIG, "a state with too many parts");
}

int main(void) {
  test_map();
  set_up(sizeof(struct report) + 2 * sizeof(struct times));
  check(l.report_times == 2, "a report has room for as many times as fit");
  test_fail();
  test_slots();
  test_times();
  test_text();
  test_state();
  return tap_end();
}
