/* Fuzz target of the decoder: whatever the bytes are, it refuses them, or every field can be used.
 */

#include <stdlib.h>
#include <string.h>

#include "../ops.h"
#include "../plan.h"

static volatile size_t sum; /* so that reading is not optimised away */

static void use_text(const char *bytes, uint32_t length, bool nul_allowed) {
  if (bytes[length] != 0)
    abort();
  if (!nul_allowed && strlen(bytes) != length)
    abort();
  for (uint32_t i = 0; i < length; i++)
    sum += (unsigned char)bytes[i];
}

static void use_field(const struct plan *plan, char letter, const struct arg *arg) {
  switch (letter) {
  case 'u':
    if (arg->number > UINT32_MAX)
      abort();
    break;
  case 'f':
    if (arg->number >= plan->slots && arg->number != NO_SLOT)
      abort();
    break;
  case 's':
  case 'b':
    use_text(arg->bytes, arg->length, letter == 'b');
    break;
  case 'l':
    for (uint32_t i = 0; i < arg->length; i++)
      use_text(arg->list[i], (uint32_t)strlen(arg->list[i]), false);
    if (arg->list[arg->length] != NULL)
      abort();
    break;
  default:
    break;
  }
}

static bool ends_a_plan(unsigned kind) {
  return kind == OP_execute || kind == OP_next_part || kind == OP_serve ||
         kind == OP_receive_file || kind == OP_send_file || kind == OP_list_directory;
}

static void decode(const void *data, size_t size, const struct plan_state *before) {
  struct plan plan;
  uint32_t at = 0;
  void *space = malloc(plan_space(size));
  if (plan_decode(data, size, before, space, &plan, &at) == NULL) {
    unsigned last = plan.ops[plan.count - 1].kind;
    if (plan.count > PLAN_MAX_OPERATIONS || plan.slots > PLAN_MAX_SLOTS ||
        plan.inherited > plan.slots || !ends_a_plan(last))
      abort();
    for (uint32_t i = 0; i < plan.count; i++) {
      const char *signature = op_signature(plan.ops[i].kind);
      for (size_t field = 0; signature[field] != 0; field++)
        use_field(&plan, signature[field], &plan.ops[i].args[field]);
    }
  }
  free(space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct plan_state first;
  static const struct plan_state further = {.cloned = true, .slots = 2};
  decode(data, size, &first);
  if (size < PLAN_HEADER)
    return 0;
  /* Past the header, which is seldom right by chance. */
  uint32_t right[] = {PLAN_MAGIC, PLAN_VERSION};
  uint32_t stated = (uint32_t)size;
  char *copy = malloc(size);
  memcpy(copy, data, size);
  memcpy(copy, right, sizeof right);
  memcpy(copy + 20, &stated, sizeof stated);
  decode(copy, size, &first);
  decode(copy, size, &further);
  free(copy);
  return 0;
}
