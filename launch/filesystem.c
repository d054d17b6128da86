/* Operation 21, new_filesystem: out, type, source, options, attributes. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"
#include "sys.h"
#include "text.h"

/* fsconfig(2) takes values up to this length, without the NUL. */
enum { MAX_VALUE = 255 };

struct filesystem {
  const char *type;
  const char *source;
  const char *const *options; /* "key=value" or "flag" */
  unsigned attributes;
};

/* Fails with the errno and, behind what was being done, with what the kernel wrote about it into
 * the context's log, which says more than the errno ("tmpfs: Bad value for 'size'"). */
static int fail_context(struct launch *l, int context, const char *call, const char *type,
                        const char *key) {
  int error = errno;
  char description[448];
  char message[256];
  struct text text = TEXT(description);
  text_add(&text, type);
  if (*key) {
    text_add(&text, " ");
    text_add(&text, key);
  }
  ssize_t got;
  while ((got = read(context, message, sizeof message - 1)) > 0) {
    message[got] = 0;
    message[strcspn(message, "\n")] = 0;
    if (strncmp(message, "e ", 2) == 0) {
      text_add(&text, ": ");
      text_add(&text, message + 2);
    }
  }
  errno = error;
  return fail(l, call, description);
}

static int set_option(struct launch *l, int context, const char *type, const char *option) {
  const char *equals = strchr(option, '=');
  char key[MAX_VALUE + 1];
  size_t length = equals ? (size_t)(equals - option) : strlen(option);
  if (length >= sizeof key)
    return errno = EINVAL, fail(l, "fsconfig", type);
  memcpy(key, option, length);
  key[length] = 0;
  int result = equals ? sys_fsconfig(context, FSCONFIG_SET_STRING, key, equals + 1)
                      : sys_fsconfig(context, FSCONFIG_SET_FLAG, key, NULL);
  return result < 0 ? fail_context(l, context, "fsconfig", type, key) : 0;
}

static int make_new(struct launch *l, const struct filesystem *fs) {
  int context = sys_fsopen(fs->type);
  if (context < 0)
    return fail(l, "fsopen", fs->type);
  if (*fs->source && sys_fsconfig(context, FSCONFIG_SET_STRING, "source", fs->source) < 0)
    return fail_context(l, context, "fsconfig", fs->type, "source");
  for (const char *const *option = fs->options; *option; option++)
    if (set_option(l, context, fs->type, *option) < 0)
      return -1;
  if (sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
    return fail_context(l, context, "create superblock", fs->type, "");
  int mount = sys_fsmount(context, fs->attributes);
  if (mount < 0)
    return fail_context(l, context, "fsmount", fs->type, "");
  close(context);
  return mount;
}

/* --- values that fsconfig(2) has no room for --- */

static bool is_long(const struct filesystem *fs) {
  if (strlen(fs->source) > MAX_VALUE)
    return true;
  for (const char *const *option = fs->options; *option; option++) {
    const char *equals = strchr(*option, '=');
    if (equals && strlen(equals + 1) > MAX_VALUE)
      return true;
  }
  return false;
}

/* Options as mount(2) takes them: one string, and some of them as flags. -1 if it gets too long. */
static int join_options(const char *const *options, struct text *data, unsigned long *flags) {
  for (; *options; options++) {
    if (strcmp(*options, "ro") == 0) {
      *flags |= MS_RDONLY;
      continue;
    }
    if (data->length)
      text_add(data, ",");
    text_add(data, *options);
  }
  return data->cut ? errno = E2BIG, -1 : 0;
}

/* Whether /proc is the procfs that the launcher began with, that is, no root was entered yet. */
static bool is_host_proc(struct launch *l) {
  struct stat ours, there;
  return fstat(l->proc, &ours) == 0 && lstat("/proc", &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

/* The same through mount(2), for overlays of many layers: their `lowerdir` is longer than 255
 * bytes, and `lowerdir+`, which adds one layer at a time, is newer than the kernels that we run on.
 * mount(2) wants a place to attach to: it is /proc for a moment, in this mount namespace of our
 * own, because that exists on every host and nobody looks there meanwhile (what we need of it is
 * open). What is wanted is a clone, which is as detached as what fsmount(2) returns. */
static int make_classic(struct launch *l, const struct filesystem *fs) {
  char data[4096] = ""; /* the kernel takes one page at most */
  struct text text = TEXT(data);
  unsigned long flags = 0;
  if (join_options(fs->options, &text, &flags) < 0)
    return fail(l, "mount", fs->type);
  if (!is_host_proc(l))
    return errno = EINVAL, fail(l, "mount", fs->type);

  if (mount(fs->source, "/proc", fs->type, flags, data) < 0)
    return fail(l, "mount", fs->type);
  int tree = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  int error = errno;
  if (umount2("/proc", MNT_DETACH) < 0)
    return fail(l, "umount2", fs->type);
  errno = error;
  if (tree < 0)
    return fail(l, "open_tree", fs->type);

  struct sys_mount_attr attr = {.set = fs->attributes, .clear = MOUNT_ATTR__ATIME};
  if (sys_mount_setattr(tree, 0, &attr) < 0)
    return fail(l, "mount_setattr", fs->type);
  return tree;
}

int op_new_filesystem(struct launch *l, const struct arg *arg) {
  struct filesystem fs = {
      .type = arg[1].bytes,
      .source = arg[2].bytes,
      .options = arg[3].list,
      .attributes = (unsigned)arg[4].number,
  };
  int mount = is_long(&fs) ? make_classic(l, &fs) : make_new(l, &fs);
  if (mount < 0)
    return -1;
  slot_set(l, &arg[0], mount);
  return 0;
}
