/* The terminal and the standard descriptors (operations 33 to 36). */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "launch.h"
#include "sys.h"
#include "text.h"

#define MASTER (O_RDWR | O_NOCTTY | O_CLOEXEC)

/* --- 33 open_console: out, devpts, socket, rows, columns, uid --- */

static int is_devpts(int fd) {
  struct statfs fs;
  if (fstatfs(fd, &fs) < 0)
    return -1;
  return fs.f_type == DEVPTS_SUPER_MAGIC;
}

/* A new master of the devpts instance in the slot. In a devpts nobody can make or replace anything,
 * so it is enough to know that the slot is one (a container's /dev/pts may be anything), and that
 * nothing is mounted on its ptmx (CVE-2025-52565). */
static int open_ptmx(struct launch *l, int devpts) {
  int sure = is_devpts(devpts);
  if (sure < 0)
    return fail(l, "fstatfs", "devpts");
  if (!sure)
    return errno = ENODEV, fail(l, "verify devpts", "/dev/pts");
  int master =
      sys_openat2(devpts, "ptmx", MASTER, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
  return master < 0 ? fail(l, "openat2", "/dev/pts/ptmx") : master;
}

static int open_host_ptmx(struct launch *l) {
  int master = open("/dev/ptmx", MASTER);
  return master < 0 ? fail(l, "open", "/dev/ptmx") : master;
}

/* Whether what was opened is the multiplexer and not something that was bound over it. */
static int verify_ptmx(struct launch *l, int master) {
  struct stat st;
  if (fstat(master, &st) < 0)
    return fail(l, "fstat", "ptmx");
  if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2))
    return 0;
  errno = ENODEV;
  return fail(l, "verify ptmx", "ptmx");
}

static int set_size(struct launch *l, int master, uint64_t rows, uint64_t columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  if (!rows && !columns)
    return 0;
  return sys_ioctl(master, TIOCSWINSZ, &size) < 0 ? fail(l, "TIOCSWINSZ", NULL) : 0;
}

/* The group is what the devpts's `gid=` says (tty, so that its members may write to it). */
static int give_to(struct launch *l, int terminal, uid_t uid) {
  struct stat st;
  if (fstat(terminal, &st) < 0)
    return fail(l, "fstat", "terminal");
  if (st.st_uid == uid)
    return 0;
  return fchown(terminal, uid, (gid_t)-1) < 0 ? fail(l, "fchown", "terminal") : 0;
}

/* One message as runc sends it (its --console-socket): a name as data, without a NUL, and the
 * master as only ancillary data. Receivers (conmon, containerd's shim) take the name for a label.
 * runc's name is the one of the multiplexer; ours says which terminal it is, in the container's
 * /dev. */
static int send_master(struct launch *l, int socket, int master) {
  unsigned number;
  char name[32];
  if (sys_ioctl(master, TIOCGPTN, &number) < 0)
    return fail(l, "TIOCGPTN", NULL);
  struct text text = TEXT(name);
  text_add(&text, "/dev/pts/");
  text_number(&text, number);

  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct iovec data = {.iov_base = name, .iov_len = text.length};
  struct msghdr message = {
      .msg_iov = &data,
      .msg_iovlen = 1,
      .msg_control = &control,
      .msg_controllen = sizeof control.space,
  };
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &master, sizeof master);

  ssize_t sent;
  do
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return fail(l, "sendmsg", "console socket");
  close(master);
  return 0;
}

int op_open_console(struct launch *l, const struct arg *arg) {
  int devpts = base_fd(l, &arg[1]);
  if (devpts == -1)
    return -1;
  int master = devpts == AT_FDCWD ? open_host_ptmx(l) : open_ptmx(l, devpts);
  if (master < 0 || verify_ptmx(l, master) < 0)
    return -1;

  /* TIOCGPTPEER (Linux 4.13) opens the other end of this very master: there is no /dev/pts/N on the
   * way that could be something else by now. */
  int unlocked = 0;
  if (sys_ioctl(master, TIOCSPTLCK, &unlocked) < 0)
    return fail(l, "TIOCSPTLCK", NULL);
  int terminal = sys_ioctl(master, TIOCGPTPEER, (void *)(intptr_t)MASTER);
  if (terminal < 0)
    return fail(l, "TIOCGPTPEER", NULL);
  if (set_size(l, master, arg[3].number, arg[4].number) < 0)
    return -1;
  if (give_to(l, terminal, (uid_t)arg[5].number) < 0)
    return -1;

  if (arg[2].number == NO_SLOT) {
    if (keep_terminal(l, master) < 0)
      return fail(l, "keep terminal", NULL);
  } else {
    int socket = slot_fd(l, &arg[2]);
    if (socket < 0 || send_master(l, socket, master) < 0)
      return -1;
  }
  slot_set(l, &arg[0], terminal);
  return 0;
}

/* --- 34 use_terminal: terminal --- */

int op_use_terminal(struct launch *l, const struct arg *arg) {
  int terminal = slot_fd(l, &arg[0]);
  if (terminal < 0)
    return -1;
  if (sys_ioctl(terminal, TIOCSCTTY, NULL) < 0)
    return fail(l, "TIOCSCTTY", NULL);
  for (int fd = 0; fd < 3; fd++)
    if (dup2(terminal, fd) < 0)
      return fail(l, "dup2", NULL);
  return 0;
}

/* --- 35 use_stdio: stdin, stdout, stderr --- */

int op_use_stdio(struct launch *l, const struct arg *arg) {
  for (int fd = 0; fd < 3; fd++) {
    if (arg[fd].number == NO_SLOT)
      continue;
    int given = slot_fd(l, &arg[fd]);
    if (given < 0)
      return -1;
    if (dup2(given, fd) < 0)
      return fail(l, "dup2", NULL);
  }
  return 0;
}

/* --- 36 own_stdio: uid --- */

/* Pipes and sockets exist for their users' sake. A terminal that is the container's own was given
 * to its user when it was opened; another one, a file or a device belongs to somebody else. */
static bool is_conduit(const struct stat *st) {
  return S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode);
}

int op_own_stdio(struct launch *l, const struct arg *arg) {
  uid_t uid = (uid_t)arg[0].number;
  for (int fd = 0; fd < 3; fd++) {
    struct stat st;
    if (fstat(fd, &st) < 0 || !is_conduit(&st) || st.st_uid == uid)
      continue;
    /* EPERM: not ours to give. EINVAL: its owner, or the new one, is not in our user namespace. */
    if (fchown(fd, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL && errno != EROFS)
      return fail(l, "fchown", "stdio");
  }
  return 0;
}
