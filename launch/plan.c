#include "plan.h"

#include <string.h>

#include "ops.h"

#define SECCOMP_NEW_LISTENER (1U << 3) /* SECCOMP_FILTER_FLAG_NEW_LISTENER */

static const struct {
  const char *name;
  const char *signature;
} kinds[OP_COUNT] = {
#define ROW(number, name, signature) [number] = {#name, signature},
    OPERATIONS(ROW)
#undef ROW
};

const char *op_name(unsigned kind) { return kind < OP_COUNT ? kinds[kind].name : NULL; }

const char *op_signature(unsigned kind) { return kind < OP_COUNT ? kinds[kind].signature : NULL; }

/* What is left of the input, and of the working memory. */
struct reader {
  const char *at;
  const char *end;
  char *space;
  char *space_end;
  uint32_t slots;
  const char *error;
};

/* Eight bytes of memory for each byte of input are enough: a field takes at least four bytes and
 * a 32-byte `arg`, a string of a list eight and an 8-byte pointer, an operation's head eight and
 * at most 24 and, for each of its at most two lists, a final NULL. */
_Static_assert(sizeof(struct arg) <= 32 && sizeof(struct op) + 2 * sizeof(char *) <= 64,
               "plan_space is too small");

size_t plan_space(size_t size) { return 8 * size; }

static void *reserve(struct reader *r, size_t size) {
  if ((size_t)(r->space_end - r->space) < size) {
    r->error = "no space";
    return NULL;
  }
  void *at = r->space;
  r->space += size;
  return at;
}

static uint32_t read_u32(struct reader *r) {
  uint32_t value = 0;
  if (r->end - r->at < (ptrdiff_t)sizeof value) {
    r->error = "a field beyond the end";
    return 0;
  }
  memcpy(&value, r->at, sizeof value);
  r->at += sizeof value;
  return value;
}

static uint64_t read_u64(struct reader *r) {
  uint64_t low = read_u32(r);
  return low | (uint64_t)read_u32(r) << 32;
}

static void read_bytes(struct reader *r, const char **bytes, uint32_t *length, bool nul_allowed) {
  uint32_t size = read_u32(r);
  uint64_t padded = (uint64_t)size + 4 - size % 4;
  *bytes = "";
  *length = 0;
  if (r->error != NULL)
    return;
  if (padded > (uint64_t)(r->end - r->at)) {
    r->error = "a string beyond the end";
    return;
  }
  for (uint64_t i = size; i < padded; i++)
    if (r->at[i] != 0)
      r->error = "padding that is not zero";
  if (!nul_allowed && memchr(r->at, 0, size) != NULL)
    r->error = "a NUL inside a string";
  *bytes = r->at;
  *length = size;
  r->at += padded;
}

static void read_list(struct reader *r, struct arg *arg) {
  uint32_t count = read_u32(r);
  uint32_t ignored = 0;
  if (r->error == NULL && count > (uint64_t)(r->end - r->at) / 8)
    r->error = "a list beyond the end";
  if (r->error != NULL)
    return;
  const char **list = reserve(r, (count + (size_t)1) * sizeof *list);
  if (list == NULL)
    return;
  for (uint32_t i = 0; i < count && r->error == NULL; i++)
    read_bytes(r, &list[i], &ignored, false);
  list[count] = NULL;
  arg->list = list;
  arg->length = count;
}

static void read_field(struct reader *r, char letter, struct arg *arg) {
  memset(arg, 0, sizeof *arg);
  switch (letter) {
  case 'u':
    arg->number = read_u32(r);
    break;
  case 'q':
    arg->number = read_u64(r);
    break;
  case 'f':
    arg->number = read_u32(r);
    if (r->error == NULL && arg->number != NO_SLOT && arg->number >= r->slots)
      r->error = "a slot out of range";
    break;
  case 's':
  case 'b':
    read_bytes(r, &arg->bytes, &arg->length, letter == 'b');
    break;
  case 'l':
    read_list(r, arg);
    break;
  default:
    r->error = "an unknown type of field";
  }
}

static void read_operation(struct reader *r, struct op *op) {
  uint32_t head = read_u32(r);
  uint32_t length = read_u32(r);
  op->kind = (uint16_t)(head & 0xffff);
  op->side = (uint16_t)(head >> 16);
  op->args = NULL;
  const char *signature = op_signature(op->kind);
  if (r->error != NULL)
    return;
  if (signature == NULL)
    r->error = "an unknown kind of operation";
  else if (op->side > SIDE_CONTAINER)
    r->error = "an unknown side";
  else if (length > (size_t)(r->end - r->at))
    r->error = "an operation beyond the end";
  if (r->error != NULL)
    return;

  const char *end = r->end;
  r->end = r->at + length;
  size_t fields = strlen(signature);
  struct arg *args = reserve(r, fields * sizeof *args);
  for (size_t i = 0; i < fields && r->error == NULL; i++)
    read_field(r, signature[i], &args[i]);
  if (r->error == NULL && r->at != r->end)
    r->error = "fields that do not fill the operation";
  r->end = end;
  op->args = args;
}

/* What the order of operations has to fulfil, see docs/launch-plan.md. */
struct order {
  struct plan_state now;
  bool middle;  /* there is a middle process, which waits for its clone */
  bool pending; /* a seccomp listener waits to be sent */
  bool init;    /* become_init was the last operation */
};

static const char *check_side(const struct order *o, const struct op *op) {
  switch (op->side) {
  case SIDE_LAUNCHER:
    return o->now.created ? "an operation of the launcher after await_start" : NULL;
  case SIDE_MIDDLE:
    return o->now.cloned ? "an operation of the middle process after the clone" : NULL;
  default:
    return o->now.cloned ? NULL : "an operation of the container before the clone";
  }
}

/* The side that an operation has to have: the one whose state it changes. -1: any. */
static int required_side(unsigned kind) {
  switch (kind) {
  case OP_send_pidfd:
  case OP_send_seccomp_listener:
  case OP_next_part:
  case OP_supervise:
    return SIDE_LAUNCHER;
  case OP_load_seccomp:
  case OP_find_program:
  case OP_use_program:
  case OP_await_start:
  case OP_become_init:
  case OP_execute:
  case OP_serve:
  case OP_receive_file:
  case OP_send_file:
  case OP_list_directory:
    return SIDE_CONTAINER;
  default:
    return -1;
  }
}

static bool is_end(unsigned kind) {
  switch (kind) {
  case OP_execute:
  case OP_next_part:
  case OP_serve:
  case OP_receive_file:
  case OP_send_file:
  case OP_list_directory:
    return true;
  default:
    return false;
  }
}

static const char *check_order(struct order *o, const struct op *op, bool last) {
  const char *error = check_side(o, op);
  int side = required_side(op->kind);
  if (error != NULL)
    return error;
  if (side >= 0 && op->side != (unsigned)side)
    return "an operation on a side that cannot perform it";
  if (o->pending != (op->kind == OP_send_seccomp_listener))
    return "a seccomp listener that is not sent, or sent without one";
  o->pending = op->kind == OP_load_seccomp && (op->args[1].number & SECCOMP_NEW_LISTENER) != 0;
  if (op->side == SIDE_MIDDLE)
    o->middle = true;
  if (last != is_end(op->kind))
    return "an operation behind one that ends a plan, or none such";
  if (o->init && op->kind != OP_execute)
    return "something else than execute behind become_init";
  o->init = op->kind == OP_become_init;

  switch (op->kind) {
  case OP_clone:
    if (o->now.cloned || (o->middle && op->side != SIDE_MIDDLE))
      return "a second clone, or one by the launcher in spite of a middle process";
    o->now.cloned = true;
    o->middle = false;
    break;
  case OP_await_start:
    if (o->now.created)
      return "a second await_start";
    o->now.created = true;
    break;
  case OP_supervise:
    if (o->now.cloned || o->middle)
      return "supervise when there is another process already";
    break;
  case OP_next_part:
    if (o->middle)
      return "a middle process without a clone";
    break;
  default:
    break;
  }
  return NULL;
}

static const char *read_header(struct reader *r, const struct plan_state *before, size_t size,
                               struct plan *plan) {
  uint32_t magic = read_u32(r);
  uint32_t version = read_u32(r);
  plan->count = read_u32(r);
  plan->slots = read_u32(r);
  plan->inherited = read_u32(r);
  uint32_t stated = read_u32(r);
  plan->fault_op = read_u32(r);
  plan->fault_errno = read_u32(r);
  plan->flags = (uint16_t)(version >> 16);
  if (r->error != NULL || magic != PLAN_MAGIC || (version & 0xffff) != PLAN_VERSION)
    return "not a plan of this version";
  if (stated != size || size % 4 != 0)
    return "another size than it says";
  if ((plan->flags & ~PLAN_FLAGS) != 0)
    return "unknown flags";
  if (plan->count == 0 || plan->count > PLAN_MAX_OPERATIONS)
    return "no operations, or too many";
  if (plan->slots > PLAN_MAX_SLOTS || before->slots > plan->slots ||
      plan->inherited > plan->slots - before->slots)
    return "too many slots, or fewer than before";
  r->slots = plan->slots;
  return NULL;
}

const char *plan_decode(const void *data, size_t size, const struct plan_state *before, void *space,
                        struct plan *plan, uint32_t *at) {
  const char *bytes = data;
  struct reader r = {.at = bytes, .end = bytes + size, .space = space};
  struct order order = {.now = *before};
  r.space_end = r.space + plan_space(size);
  *at = 0;
  const char *error = read_header(&r, before, size, plan);
  if (error != NULL)
    return error;
  /* Before the table is made: every operation has a head of eight bytes. */
  if (plan->count > (size - PLAN_HEADER) / 8)
    return "more operations than there is room for";
  struct op *ops = reserve(&r, plan->count * sizeof *ops);
  if (ops == NULL)
    return r.error;
  for (; *at < plan->count; ++*at) {
    read_operation(&r, &ops[*at]);
    if (r.error != NULL)
      return r.error;
    error = check_order(&order, &ops[*at], *at + 1 == plan->count);
    if (error != NULL)
      return error;
  }
  if (r.at != r.end)
    return "bytes behind the last operation";
  plan->ops = ops;
  return NULL;
}
