/* Attempts on the kernel itself: calls that few programs need, and that hold most of its bugs. */

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

/* Harmless: the key is in a keyring of this process's own, and goes with it. */
struct outcome try_add_key(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(
      syscall(SYS_add_key, "user", "orlop-probe", "x", (size_t)1, KEY_SPEC_PROCESS_KEYRING), 0);
}

/* Harmless: it asks for a number. */
struct outcome try_find_keyring(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), ENOKEY);
}

/* Harmless: there is no ring without entries (EINVAL). */
struct outcome try_io_uring(const struct settings *s, unsigned argument) {
  struct io_uring_params parameters = {0};
  (void)s;
  (void)argument;
  return answer(syscall(SYS_io_uring_setup, 0, &parameters), EINVAL);
}

/* Harmless: there is no program without instructions (E2BIG). */
struct outcome try_bpf(const struct settings *s, unsigned argument) {
  union bpf_attr attribute = {
      .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
      .license = (uintptr_t)"",
  };
  (void)s;
  (void)argument;
  return answer(syscall(SYS_bpf, BPF_PROG_LOAD, &attribute, sizeof attribute), E2BIG);
}

/* Harmless: it counts nothing, for this process, and is closed with it. An event of the kernel's,
 * and not of the program's alone, is what needs a right. */
struct outcome try_perf_event(const struct settings *s, unsigned argument) {
  struct perf_event_attr attribute = {
      .type = PERF_TYPE_SOFTWARE,
      .size = sizeof attribute,
      .config = PERF_COUNT_SW_DUMMY,
      .disabled = 1,
  };
  (void)s;
  (void)argument;
  return answer(syscall(SYS_perf_event_open, &attribute, 0, -1, -1, PERF_FLAG_FD_CLOEXEC), 0);
}

/* Harmless: no memory is registered with it, and it is closed with the process. */
struct outcome try_userfaultfd(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_userfaultfd, O_CLOEXEC), 0);
}

/* Harmless: no file has the inode number 0, and nothing would be read. What the kernel says to such
 * a handle, once it was looked at, differs by file system. */
struct outcome try_open_by_handle(const struct settings *s, unsigned argument) {
  struct {
    struct file_handle head;
    uint32_t inode[2];
  } handle = {.head = {.handle_bytes = sizeof handle.inode, .handle_type = 1}};
  (void)s;
  (void)argument;
  int root = open_path("/", O_RDONLY | O_DIRECTORY);
  if (root < 0)
    return outcome(BROKEN, errno);
  int fd = open_by_handle_at(root, &handle.head, O_PATH | O_CLOEXEC);
  return answer_to_nonsense(fd);
}

/* Harmless: it asks for the size of the log. */
struct outcome try_kernel_log(const struct settings *s, unsigned argument) {
  enum { SYSLOG_ACTION_SIZE_BUFFER = 10 };
  (void)s;
  (void)argument;
  return answer(syscall(SYS_syslog, SYSLOG_ACTION_SIZE_BUFFER, NULL, 0), 0);
}

/* Harmless: nothing is no module (ENOEXEC). */
struct outcome try_load_module(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_init_module, NULL, 0UL, ""), ENOEXEC);
}

/* Harmless: too many segments, and flags that do not exist (EINVAL). No segments at all would be
 * another matter: that unloads what is loaded. */
struct outcome try_load_kernel(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_kexec_load, 0UL, 0x7fffffffUL, NULL, 0xff00UL), EINVAL);
}

/* Harmless: without the magic numbers the kernel does nothing (EINVAL, reboot(2)). */
struct outcome try_reboot(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_reboot, 0, 0, 0, NULL), EINVAL);
}

/* Harmless: neither a time nor a time zone is given, so none is set. By the kernel's own call:
 * libc's would not ask. */
struct outcome try_set_clock(const struct settings *s, unsigned argument) {
  (void)s;
  (void)argument;
  return answer(syscall(SYS_settimeofday, NULL, NULL), 0);
}
