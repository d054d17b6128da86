#include "keys.h"

#include <string.h>

/* The longest beginning of the keys with which `kept` bytes of them and then `c` end: after a false
 * start a right one may have begun already. */
static size_t longest_match(const struct keys *k, size_t kept, char c) {
  for (size_t length = kept + 1; length > 0; length--) {
    size_t skipped = kept + 1 - length;
    if (k->keys[length - 1] == c && memcmp(k->keys + skipped, k->keys, length - 1) == 0)
      return length;
  }
  return 0;
}

size_t keys_filter(struct keys *k, const char *bytes, size_t size, char *out, bool *left) {
  size_t made = 0;
  *left = false;
  if (k->length == 0) {
    memcpy(out, bytes, size);
    return size;
  }
  for (size_t i = 0; i < size; i++) {
    size_t matched = longest_match(k, k->matched, bytes[i]);
    size_t given_up = k->matched + 1 - matched; /* of the held ones and this one */
    size_t held = given_up < k->matched ? given_up : k->matched;
    memcpy(out + made, k->keys, held);
    made += held;
    if (given_up > held)
      out[made++] = bytes[i];
    k->matched = matched;
    if (matched == k->length) {
      k->matched = 0;
      *left = true;
      return made;
    }
  }
  return made;
}
