/* Walking through a plan: each side performs its operations and waits at the others'. */

#include "walk.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "parts.h"
#include "process.h"
#include "report.h"
#include "sides.h"

static op_fn *const functions[OP_COUNT] = {
#define ROW(number, name, signature) [number] = op_##name,
    OPERATIONS(ROW)
#undef ROW
};

static int kill_self(void) {
  kill(getpid(), SIGKILL);
  prctl(PR_SET_DUMPABLE, 0); /* no core file */
  __builtin_trap();          /* process 1 of a PID namespace ignores the former, not the latter */
}

static int inject_fault(struct launch *l) {
  struct message m;
  unsigned none = 0;
  switch (l->plan.fault_errno) {
  case FAULT_KILL:
    return kill_self();
  case FAULT_KILL_LAUNCHER:
    if (l->side == SIDE_LAUNCHER)
      return kill_self();
    if (l->peer >= 0 && sides_send(l->peer, KILL_LAUNCHER, 0, NULL, 0) == 0)
      sides_receive(l->peer, &m, sizeof m, NULL, &none);
    if (!l->created)
      _exit(1);
    return 0;
  default:
    errno = (int)l->plan.fault_errno;
    return fail(l, "fault", NULL);
  }
}

static int perform(struct launch *l, const struct op *op) {
  const struct plan *plan = &l->plan;
  enum side side = l->side;
  report_begin(l);
  if (plan->fault_op == l->index && inject_fault(l) < 0)
    return -1;
  if (functions[op->kind](l, op->args) < 0)
    return -1;
  if (l->side == side)
    report_done(l); /* after a clone, only where it was called */
  return 0;
}

/* Decides whose turn it is after the operation that this side has just performed. */
static int pass_turn(struct launch *l, const struct op *op) {
  if (l->index + 1 == l->plan.count)
    return 0;
  enum side next = op[1].side;
  if (op->kind == OP_clone) {
    /* Both processes know the plan: no message is needed. */
    if (l->side == SIDE_MIDDLE) {
      sides_send(l->peer, CLONED, l->container, NULL, 0);
      _exit(0);
    }
    l->turn = next == l->side;
    return 0;
  }
  l->turn = next == l->side;
  if (l->turn || (next == SIDE_MIDDLE && l->side == SIDE_LAUNCHER && l->middle == 0))
    return 0; /* the middle process begins with the turn when it is made */
  return sides_send(l->peer, TURN, 0, NULL, 0) < 0 ? fail(l, "send", NULL) : 0;
}

/* The middle process has cloned (with CLONE_PARENT, so the container's process is our child). */
static int take_clone_of_middle(struct launch *l, const struct op *op) {
  struct message m;
  if (sides_expect(l, CLONED, &m, NULL, NULL) < 0)
    return -1;
  l->container = m.value;
  l->pidfd = (int)syscall(SYS_pidfd_open, m.value, 0);
  if (l->pidfd < 0)
    return fail(l, "pidfd_open", NULL);
  while (waitpid(l->middle, NULL, 0) < 0 && errno == EINTR)
    ;
  l->middle = 0;
  close(l->peer);
  close(l->link[1]);
  l->peer = l->link[0];
  l->link[0] = l->link[1] = -1;
  l->turn = l->index + 1 < l->plan.count && op[1].side == SIDE_LAUNCHER;
  return 0;
}

static int take_step(struct launch *l, const struct op *op) {
  if (op->side == SIDE_MIDDLE && l->side == SIDE_LAUNCHER && l->middle == 0)
    if (process_start_middle(l) < 0)
      return -1;
  if (op->side != l->side) {
    if (op->kind == OP_clone && l->side == SIDE_LAUNCHER)
      return take_clone_of_middle(l, op);
    return 0;
  }
  if (l->side == SIDE_LAUNCHER && sides_caller_gone(l)) {
    errno = ECONNRESET;
    return fail(l, "control socket", NULL);
  }
  if (!l->turn) {
    /* The listener is sent while the container's process loads the filter. */
    enum what call = op->kind == OP_send_seccomp_listener ? LOADING : TURN;
    if (sides_expect(l, call, NULL, NULL, NULL) < 0)
      return -1;
    l->turn = true;
  }
  if (perform(l, op) < 0)
    return -1;
  return pass_turn(l, op);
}

int walk_plan(struct launch *l) {
  l->turn = l->plan.ops[0].side == l->side;
  for (;;) {
    const struct op *op = &l->plan.ops[l->index];
    if (take_step(l, op) < 0)
      return -1;
    if (op->kind == OP_next_part) {
      if (l->side != SIDE_LAUNCHER && parts_receive(l) < 0)
        return -1;
      parts_begin(l);
      l->turn = l->plan.ops[0].side == l->side;
    } else if (++l->index == l->plan.count) {
      return 0;
    }
  }
}
