/* Tests of plan.c. Every plan is decoded from a block of exactly its size into a block of exactly
 * plan_space(), so that the address sanitizer sees each byte too far. */

#include "../plan.h"

#include <stdlib.h>

#include "../ops.h"
#include "tap.h"

/* --- making plans --- */

static struct {
  unsigned char bytes[4096];
  size_t size;
  size_t operation; /* where the present one begins */
} made;

static void put(const void *data, size_t size) {
  memcpy(made.bytes + made.size, data, size);
  made.size += size;
}

static void u32(uint32_t value) { put(&value, sizeof value); }

static void at32(size_t at, uint32_t value) { memcpy(made.bytes + at, &value, sizeof value); }

static void u64(uint64_t value) { put(&value, sizeof value); }

static void bytes(const char *data, uint32_t size) {
  u32(size);
  put(data, size);
  put("\0\0\0\0", 4 - size % 4);
}

static void string(const char *text) { bytes(text, (uint32_t)strlen(text)); }

enum header { MAGIC = 0, VERSION = 4, COUNT = 8, SLOTS = 12, INHERITED = 16, SIZE = 20 };

static void begin(uint32_t slots, uint32_t inherited) {
  made.size = 0;
  u32(PLAN_MAGIC);
  u32(PLAN_VERSION | PLAN_STAY << 16);
  u32(0);
  u32(slots);
  u32(inherited);
  u32(0);
  u32(NO_FAULT);
  u32(0);
}

static void operation(enum op_kind kind, enum side side) {
  uint32_t count;
  memcpy(&count, made.bytes + COUNT, sizeof count);
  at32(COUNT, count + 1);
  made.operation = made.size;
  u32((uint32_t)kind | (uint32_t)side << 16);
  u32(0);
}

/* Fills in the length of the present operation, and the size of all. */
static void end(void) {
  at32(made.operation + 4, (uint32_t)(made.size - made.operation - 8));
  at32(SIZE, (uint32_t)made.size);
}

static void clone_by(enum side side) {
  operation(OP_clone, side);
  u64(0);
  u32(NO_SLOT);
  end();
}

static void execute(void) {
  operation(OP_execute, SIDE_CONTAINER);
  u32(2);
  string("sh");
  string("-c");
  u32(0);
  u32(0);
  u32(0);
  end();
}

static void empty(enum op_kind kind, enum side side) {
  operation(kind, side);
  end();
}

static void a_plan(void) {
  begin(4, 2);
  clone_by(SIDE_LAUNCHER);
  execute();
}

/* --- decoding them --- */

static struct plan plan;
static void *block;
static void *space;
static uint32_t found_at;

static const char *decode_after(const struct plan_state *before) {
  free(block);
  free(space);
  block = malloc(made.size);
  space = malloc(plan_space(made.size));
  memcpy(block, made.bytes, made.size);
  memset(&plan, 0, sizeof plan);
  return plan_decode(block, made.size, before, space, &plan, &found_at);
}

static const char *decode(void) {
  static const struct plan_state nothing;
  return decode_after(&nothing);
}

static void refused(const char *why, const char *what) {
  const char *error = decode();
  if (!check(error != NULL && strcmp(error, why) == 0, what))
    printf("# %s\n", error == NULL ? "accepted" : error);
}

static void accepted(const char *what) {
  const char *error = decode();
  if (!check(error == NULL, what))
    printf("# %s at operation %u\n", error, found_at);
}

/* --- tests --- */

static void test_fields(void) {
  begin(4, 2);
  clone_by(SIDE_LAUNCHER);
  operation(OP_run_hook, SIDE_LAUNCHER);
  string("/bin/hook");
  u32(2);
  string("hook");
  string("");
  u32(0);
  u32(1);
  string("abc");
  u32(1500);
  end();
  operation(OP_set_mount, SIDE_CONTAINER);
  u32(3);
  u64(0x1122334455667788);
  u64(0);
  u64(UINT64_MAX);
  u32(NO_SLOT);
  u32(1);
  end();
  operation(OP_set_affinity, SIDE_CONTAINER);
  bytes("\1\0\2", 3);
  end();
  execute();
  accepted("a plan with all types of fields");
  check(plan.count == 5 && plan.slots == 4 && plan.inherited == 2 && plan.flags == PLAN_STAY,
        "its header");
  check(plan.fault_op == NO_FAULT, "it has no fault");
  const struct arg *hook = plan.ops[1].args;
  check(plan.ops[1].kind == OP_run_hook && plan.ops[1].side == SIDE_LAUNCHER, "kind and side");
  check(strcmp(hook[0].bytes, "/bin/hook") == 0 && hook[0].length == 9, "a string");
  check(hook[1].length == 2 && strcmp(hook[1].list[0], "hook") == 0 && hook[1].list[1][0] == 0 &&
            hook[1].list[2] == NULL,
        "a list");
  check(hook[2].length == 0 && hook[2].list[0] == NULL, "an empty list");
  check(hook[4].number == 1500, "a number");
  const struct arg *mount = plan.ops[2].args;
  check(mount[0].number == 3 && mount[4].number == NO_SLOT, "slots");
  check(mount[1].number == 0x1122334455667788 && mount[3].number == UINT64_MAX, "long numbers");
  check(plan.ops[3].args[0].length == 3 && memcmp(plan.ops[3].args[0].bytes, "\1\0\2", 4) == 0,
        "bytes, with a NUL behind them");
}

static void test_header(void) {
  a_plan();
  at32(MAGIC, PLAN_MAGIC + 1);
  refused("not a plan of this version", "another magic number");
  a_plan();
  at32(VERSION, PLAN_VERSION + 1);
  refused("not a plan of this version", "another version");
  a_plan();
  at32(VERSION, PLAN_VERSION | 32U << 16);
  refused("unknown flags", "a flag that is not known");
  a_plan();
  at32(SIZE, (uint32_t)made.size + 4);
  refused("another size than it says", "a size that is not the file's");
  a_plan();
  put("\0\0\0\0", 4);
  at32(SIZE, (uint32_t)made.size);
  refused("bytes behind the last operation", "bytes behind the last operation");
  a_plan();
  at32(COUNT, 3);
  refused("an operation behind one that ends a plan, or none such",
          "fewer operations than it says");
  a_plan();
  at32(COUNT, PLAN_MAX_OPERATIONS + 1);
  refused("no operations, or too many", "too many operations");
  a_plan();
  at32(COUNT, PLAN_MAX_OPERATIONS);
  refused("more operations than there is room for", "a count that the size does not allow");
  begin(0, 0);
  at32(SIZE, (uint32_t)made.size);
  refused("no operations, or too many", "no operations");
  a_plan();
  at32(SLOTS, PLAN_MAX_SLOTS + 1);
  refused("too many slots, or fewer than before", "too many slots");
  a_plan();
  at32(INHERITED, 5);
  refused("too many slots, or fewer than before", "more inherited slots than slots");
  for (size_t size = 0; size < PLAN_HEADER; size++) {
    a_plan();
    made.size = size;
    if (decode() == NULL)
      check(false, "a cut header");
  }
}

static void test_operations(void) {
  a_plan();
  at32(PLAN_HEADER, 9999);
  refused("an unknown kind of operation", "a kind above all");
  a_plan();
  at32(PLAN_HEADER, 19);
  refused("an unknown kind of operation", "a kind in a gap");
  a_plan();
  at32(PLAN_HEADER, OP_clone | 3U << 16);
  refused("an unknown side", "an unknown side");
  a_plan();
  at32(PLAN_HEADER + 4, 8);
  refused("a field beyond the end", "fields beyond their operation");
  a_plan();
  at32(PLAN_HEADER + 4, 16);
  refused("fields that do not fill the operation", "fields that leave something");
  a_plan();
  at32(PLAN_HEADER + 4, 0xfffffff0);
  refused("an operation beyond the end", "an operation beyond the end");
  a_plan();
  at32(PLAN_HEADER + 16, 4);
  refused("a slot out of range", "a slot out of range");
  a_plan();
  at32(PLAN_HEADER + 16, 3);
  accepted("the last slot");
}

static void hostname(uint32_t length, const char *data, size_t size) {
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  operation(OP_set_hostname, SIDE_CONTAINER);
  u32(length);
  put(data, size);
  end();
  execute();
}

static void test_strings(void) {
  hostname(0, "\0\0\0\0", 4);
  accepted("an empty string");
  hostname(3, "abc\0", 4);
  accepted("one NUL behind a string");
  hostname(4, "abcd\0\0\0\0", 8);
  accepted("four NULs behind a string");
  hostname(4, "abcd", 4);
  refused("a string beyond the end", "no NUL behind a string");
  hostname(3, "abcx", 4);
  refused("padding that is not zero", "no NUL where it should be");
  hostname(1, "a\0\0x", 4);
  refused("padding that is not zero", "something behind the NUL");
  hostname(3, "a\0c\0", 4);
  refused("a NUL inside a string", "a NUL inside a string");
  hostname(0xffffffff, "abc\0", 4);
  refused("a string beyond the end", "a length that overflows");
  hostname(0xfffffffc, "abc\0", 4);
  refused("a string beyond the end", "a length that overflows with its padding");
  hostname(200, "abc\0", 4);
  refused("a string beyond the end", "a string into the next operation");
}

static void with_list(uint32_t count, uint32_t strings) {
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  operation(OP_run_id_map_helper, SIDE_LAUNCHER);
  string("x");
  u32(count);
  for (uint32_t i = 0; i < strings; i++)
    string("");
  end();
  execute();
}

static void test_lists(void) {
  with_list(0, 0);
  accepted("an empty list");
  with_list(300, 300);
  accepted("a long list of the shortest strings");
  check(plan.ops[1].args[1].list[299][0] == 0 && plan.ops[1].args[1].list[300] == NULL,
        "all of it is there");
  with_list(301, 300);
  refused("a list beyond the end", "a list with too high a count");
  with_list(299, 300);
  refused("fields that do not fill the operation", "a list with too low a count");
  with_list(0xffffffff, 300);
  refused("a list beyond the end", "a count that overflows");
}

static void test_space(void) {
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  for (int i = 0; i < 200; i++)
    empty(OP_new_session, SIDE_CONTAINER);
  execute();
  accepted("many operations without fields");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  for (int i = 0; i < 100; i++) {
    operation(OP_set_user, SIDE_CONTAINER);
    u32(0);
    u32(0);
    string("");
    u32(0);
    end();
  }
  execute();
  accepted("many operations with many fields");
}

static void test_order(void) {
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  empty(OP_new_session, SIDE_CONTAINER);
  refused("an operation behind one that ends a plan, or none such", "no execute");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  execute();
  execute();
  refused("an operation behind one that ends a plan, or none such", "two of them");
  begin(0, 0);
  execute();
  refused("an operation of the container before the clone", "no clone");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  clone_by(SIDE_LAUNCHER);
  execute();
  refused("a second clone, or one by the launcher in spite of a middle process", "two clones");
  begin(0, 0);
  empty(OP_undumpable, SIDE_MIDDLE);
  clone_by(SIDE_LAUNCHER);
  execute();
  refused("a second clone, or one by the launcher in spite of a middle process",
          "a middle process that does not clone");
  begin(0, 0);
  empty(OP_undumpable, SIDE_MIDDLE);
  clone_by(SIDE_MIDDLE);
  execute();
  accepted("a middle process that clones");
  begin(0, 0);
  clone_by(SIDE_MIDDLE);
  empty(OP_undumpable, SIDE_MIDDLE);
  execute();
  refused("an operation of the middle process after the clone", "a middle process after its clone");
  begin(0, 0);
  empty(OP_undumpable, SIDE_MIDDLE);
  empty(OP_next_part, SIDE_LAUNCHER);
  refused("a middle process without a clone", "a part that leaves a middle process");
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  operation(OP_await_start, SIDE_CONTAINER);
  u32(0);
  end();
  empty(OP_new_session, SIDE_LAUNCHER);
  execute();
  refused("an operation of the launcher after await_start", "the launcher after await_start");
  check(found_at == 2, "the operation is named");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  empty(OP_next_part, SIDE_CONTAINER);
  refused("an operation on a side that cannot perform it", "next_part in the container");
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  operation(OP_use_program, SIDE_LAUNCHER);
  u32(0);
  end();
  execute();
  refused("an operation on a side that cannot perform it", "use_program by the launcher");
}

static void supervise(enum side side) {
  operation(OP_supervise, side);
  u32(0);
  u32(0);
  string("shim.sock");
  for (int i = 0; i < 4; i++)
    u32(0xffffffff);
  string("");
  u64(0);
  u32(0);
  bytes("", 0);
  u32(0);
  bytes("\x10\x11", 2);
  u32(0);
  end();
}

static void test_supervision(void) {
  begin(1, 1);
  supervise(SIDE_LAUNCHER);
  clone_by(SIDE_LAUNCHER);
  execute();
  accepted("a launcher that supervises");
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  supervise(SIDE_CONTAINER);
  execute();
  refused("an operation on a side that cannot perform it", "a container that does");
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  supervise(SIDE_LAUNCHER);
  execute();
  refused("supervise when there is another process already", "after the clone");
  begin(1, 1);
  empty(OP_undumpable, SIDE_MIDDLE);
  supervise(SIDE_LAUNCHER);
  clone_by(SIDE_MIDDLE);
  execute();
  refused("supervise when there is another process already", "beside a middle process");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  empty(OP_become_init, SIDE_CONTAINER);
  execute();
  accepted("an init");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  empty(OP_become_init, SIDE_CONTAINER);
  empty(OP_new_session, SIDE_CONTAINER);
  execute();
  refused("something else than execute behind become_init", "an init that goes on");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  empty(OP_become_init, SIDE_LAUNCHER);
  execute();
  refused("an operation on a side that cannot perform it", "a launcher as init");
}

static void load(uint32_t flags) {
  operation(OP_load_seccomp, SIDE_CONTAINER);
  bytes("12345678", 8);
  u32(flags);
  end();
}

static void send_listener(void) {
  operation(OP_send_seccomp_listener, SIDE_LAUNCHER);
  string("/agent");
  u32(0);
  end();
}

static void test_listener(void) {
  const char *why = "a seccomp listener that is not sent, or sent without one";
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  load(8);
  send_listener();
  execute();
  accepted("a listener that is sent");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  load(8);
  execute();
  refused(why, "a listener that is not");
  begin(0, 0);
  clone_by(SIDE_LAUNCHER);
  load(0);
  send_listener();
  execute();
  refused(why, "one that is not there");
}

static void test_parts(void) {
  struct plan_state before = {.cloned = true, .slots = 2};
  begin(3, 1);
  empty(OP_new_session, SIDE_CONTAINER);
  execute();
  check(decode_after(&before) == NULL, "a further part needs no clone");
  at32(INHERITED, 2);
  check(decode_after(&before) != NULL, "its descriptors go behind the slots that are there");
  begin(1, 0);
  execute();
  check(decode_after(&before) != NULL, "it cannot have fewer slots");
  begin(2, 0);
  clone_by(SIDE_LAUNCHER);
  execute();
  check(decode_after(&before) != NULL, "it cannot clone once more");
}

static void serve(enum side side) {
  operation(OP_serve, side);
  u32(0);
  string("/");
  end();
}

static void file_of(enum op_kind kind) {
  operation(kind, SIDE_CONTAINER);
  string("/file");
  if (kind == OP_receive_file)
    u32(0644);
  u64(100);
  end();
}

static void test_serving(void) {
  static const enum op_kind ends[] = {OP_receive_file, OP_send_file, OP_list_directory};
  struct plan_state before = {.cloned = true, .created = true};
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  serve(SIDE_CONTAINER);
  accepted("a plan that ends with serve");
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  serve(SIDE_LAUNCHER);
  refused("an operation on a side that cannot perform it", "a launcher that serves");
  begin(1, 1);
  clone_by(SIDE_LAUNCHER);
  serve(SIDE_CONTAINER);
  execute();
  refused("an operation behind one that ends a plan, or none such", "a program behind it");
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    begin(2, 2);
    empty(OP_new_session, SIDE_CONTAINER);
    file_of(ends[i]);
    check(decode_after(&before) == NULL, "what is served ends with files");
  }
  begin(2, 2);
  empty(OP_new_session, SIDE_LAUNCHER);
  execute();
  check(decode_after(&before) != NULL, "what is served has no launcher");
}

/* Every plan that differs in one byte, or is shorter: nothing is read beyond it. */
static void test_damage(void) {
  static const unsigned char values[] = {0, 1, 2, 3, 4, 7, 8, 0x7f, 0x80, 0xff};
  test_fields();
  size_t size = made.size;
  unsigned accepted_count = 0;
  for (size_t i = 0; i < size; i++) {
    unsigned char before = made.bytes[i];
    for (size_t v = 0; v < sizeof values; v++) {
      made.bytes[i] = values[v];
      accepted_count += decode() == NULL;
    }
    made.bytes[i] = before;
  }
  for (; made.size > PLAN_HEADER; made.size--) {
    at32(SIZE, (uint32_t)made.size - 1);
    made.size--;
    if (decode() == NULL)
      check(false, "a cut plan");
    made.size++;
  }
  check(accepted_count > size, "damaged plans are decoded or refused");
}

static void test_table(void) {
  check(op_name(0) == NULL && op_name(19) == NULL && op_name(OP_COUNT) == NULL &&
            op_name(UINT32_MAX) == NULL && op_signature(OP_COUNT) == NULL,
        "kinds that there are not");
  check(strcmp(op_name(OP_clone), "clone") == 0 && strcmp(op_signature(OP_clone), "qf") == 0,
        "a kind that there is");
}

int main(void) {
  test_table();
  test_fields();
  test_header();
  test_operations();
  test_strings();
  test_lists();
  test_space();
  test_order();
  test_supervision();
  test_listener();
  test_parts();
  test_serving();
  test_damage();
  free(block);
  free(space);
  return tap_end();
}
