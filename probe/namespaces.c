/* Attempts on namespaces and mounts. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../launch/sys.h"
#include "probe.h"

/* Harmless: the namespace is this process's alone, and goes with it. */
struct outcome try_unshare(const struct settings *s, unsigned argument) {
  (void)s;
  int result = unshare((int)argument);
  /* Of a kind that this kernel does not have. */
  return result < 0 && errno == EINVAL ? outcome(ABSENT, 0) : answer(result, 0);
}

/* Harmless: it joins the namespace that it is in. */
struct outcome try_join(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  int fd = open_path("/proc/self/ns/uts", O_RDONLY);
  return fd < 0 ? answer_if_there(fd) : answer(setns(fd, CLONE_NEWUTS), 0);
}

/* Harmless: a mount cannot be moved into itself, and the uppermost one not at all (ELOOP, EINVAL).
 * (An empty path would do for the kernel, but AppArmor refuses that without looking at its rules.)
 */
struct outcome try_move_mount(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer_to_nonsense(mount("/", "/", NULL, MS_MOVE, NULL));
}

/* Harmless: the mount is attached nowhere, and goes with its descriptor. */
struct outcome try_mount_tmpfs(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  int context = sys_fsopen("tmpfs");
  if (context < 0)
    return answer(context, 0);
  int made = sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL);
  return answer(made < 0 ? made : sys_fsmount(context, 0), 0);
}

/* Harmless: no name has such a length (EINVAL). */
struct outcome try_set_hostname(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_sethostname, NULL, -1), EINVAL);
}
