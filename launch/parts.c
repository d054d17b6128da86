#include "parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "launch.h"
#include "report.h"
#include "shim.h"
#include "sides.h"
#include "text.h"

#define MAX_PLAN (64U << 20)
#define MAX_FDS 253 /* SCM_MAX_FD */

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#define F_SEAL_SHRINK 2
#define F_SEAL_WRITE 8
#endif

static struct plan next;

bool parts_sealed(int fd) {
  int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & needed) == needed;
}

/* Memory of earlier parts stays: their strings may be in use (find_program). */
static const char *map_plan(int fd, size_t *size, void **space) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return NULL;
  if (st.st_size < PLAN_HEADER || st.st_size > MAX_PLAN) {
    errno = EFBIG;
    return NULL;
  }
  *size = (size_t)st.st_size;
  void *data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
  *space = mmap(NULL, plan_space(*size), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return data == MAP_FAILED || *space == MAP_FAILED ? NULL : data;
}

int parts_load(struct launch *l, int fd) {
  struct plan_state before = {
      .cloned = l->container != 0, .created = l->created, .slots = l->slot_count};
  size_t size = 0;
  void *space = NULL;
  uint32_t at = 0;
  const char *data = map_plan(fd, &size, &space);
  if (data == NULL)
    return fail(l, "map the plan", NULL);
  close(fd);
  const char *error = plan_decode(data, size, &before, space, &next, &at);
  if (error != NULL) {
    char space_for_reason[128];
    struct text reason = TEXT(space_for_reason);
    text_add(&reason, error);
    text_add(&reason, " at operation ");
    text_number(&reason, at);
    errno = EINVAL;
    return fail(l, "decode the plan", space_for_reason);
  }
  if (l->plan.ops == NULL)
    parts_begin(l);
  return 0;
}

void parts_begin(struct launch *l) {
  l->first_index += l->plan.count;
  l->index = 0;
  l->plan = next;
  l->slot_count = next.slots;
}

/* What the caller sends comes with a command; anything else it sends before is too early. */
static int receive_from_caller(struct launch *l, int *fds, unsigned *count) {
  uint32_t command[3];
  struct pollfd p[] = {{.fd = l->control, .events = POLLIN}, {.fd = l->peer}};
  for (;;) {
    unsigned room = MAX_FDS;
    if (poll(p, 2, -1) < 0 && errno != EINTR)
      return fail(l, "poll", NULL);
    if (p[1].revents != 0)
      return -1; /* the container's process died */
    int got = sides_receive(l->control, command, sizeof command, fds, &room);
    if (got <= 0) {
      errno = got == 0 ? ECONNRESET : errno;
      return fail(l, "control socket", NULL);
    }
    if (command[0] == COMMAND_PART && room > 0) {
      *count = room;
      return 0;
    }
    while (room > 0)
      close(fds[--room]);
  }
}

int parts_receive(struct launch *l) {
  int fds[MAX_FDS] = {-1};
  unsigned count = MAX_FDS;
  uint32_t slots = l->slot_count;
  if (l->side == SIDE_LAUNCHER) {
    if (receive_from_caller(l, fds, &count) < 0)
      return -1;
    if (l->peer >= 0 && sides_send(l->peer, PART, 0, fds, count) < 0)
      return fail(l, "send", NULL);
  } else if (sides_expect(l, PART, NULL, fds, &count) < 0) {
    return -1;
  }
  if (count == 0 || fds[0] < 0 || !parts_sealed(fds[0])) {
    errno = EINVAL;
    return fail(l, "check the plan's seals", NULL);
  }
  if (parts_load(l, fds[0]) < 0)
    return -1;
  if (next.inherited != count - 1) {
    errno = EINVAL;
    return fail(l, "count the inherited descriptors", NULL);
  }
  for (uint32_t i = 0; i < next.inherited; i++)
    l->slots[slots + i] = fds[1 + i];
  return 0;
}

int op_next_part(struct launch *l, const struct arg *arg) {
  (void)arg;
  return parts_receive(l);
}
