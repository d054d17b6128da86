/* Operations that are not there yet: enough to link a launcher to try the others with. */
#include <errno.h>

#include "../launch.h"

#define MISSING(number, name, signature)                                                           \
  __attribute__((weak)) int op_##name(struct launch *l, const struct arg *arg) {                   \
    (void)arg;                                                                                     \
    errno = ENOSYS;                                                                                \
    return fail(l, #name, NULL);                                                                   \
  }
OPERATIONS(MISSING)
