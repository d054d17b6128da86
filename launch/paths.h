/* Paths inside a root: nothing that is resolved or made here leads out of it.
 *
 * `root` is a descriptor of a directory (O_PATH will do), or AT_FDCWD: then the path is one of the
 * host's. All return a close-on-exec descriptor, or -1 with errno, and need nothing of a launch,
 * so that they can be tested alone. */
#ifndef ORLOP_PATHS_H
#define ORLOP_PATHS_H

#include <stdint.h>
#include <sys/types.h>

/* Descriptor of an existing path; `flags` are those of open(2), without O_CREAT. An empty path is
 * `root` itself. */
int path_open(int root, const char *path, uint64_t flags);

/* As path_open(), but ELOOP if any part of the path is a symlink. (Without O_NOFOLLOW: together
 * with O_PATH it would mean that a symlink at the end is what is wanted.) */
int path_open_plain(int root, const char *path, uint64_t flags);

enum leaf {
  LEAF_DIRECTORY,
  LEAF_PLAIN_DIRECTORY, /* and no part of the path is a symlink (ELOOP) */
  LEAF_FILE,
};

/* O_PATH descriptor of a path of which missing parts are made: directories above the last
 * component with mode 0755, the last one, of the given type, with exactly `mode`, whatever the
 * umask is. Dangling symlinks are followed inside the root, so what they point to is made.
 *
 * Errors: ENOTDIR or EISDIR if the last component is there already and of the other type. */
int path_make(int root, const char *path, enum leaf leaf, mode_t mode);

/* O_PATH descriptor of the directory that holds the last component of `path`, made if missing;
 * `name` is set to that component (inside `path`). EINVAL if there is none: a path that is empty,
 * or ends in a slash, "." or "..". */
int path_parent(int root, const char *path, const char **name);

/* Name of an open descriptor, relative to the root of a procfs, for the calls that take no O_PATH
 * descriptor. Only for the host's procfs (launch.proc): in a container's anything may be there. */
#define SELF_FD_SIZE 24
const char *path_self_fd(int fd, char name[SELF_FD_SIZE]);

#endif
