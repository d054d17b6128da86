/* The operations: number, name and signature as in docs/launch-plan.md, and the functions that
 * perform them. The signature's letters are the ones of the wire format. */
#ifndef ORLOP_OPS_H
#define ORLOP_OPS_H

struct launch;
struct arg;

/* clang-format off */
#define OPERATIONS(OP)                            \
  /* control groups: cgroups.c */                 \
  OP(1, make_cgroup, "su")                        \
  OP(2, inherit_cpuset, "s")                      \
  OP(3, write_cgroup, "ssu")                      \
  OP(4, attach_device_filter, "fb")               \
  OP(5, open, "fsu")                              \
  OP(6, enter_cgroup, "f")                        \
  /* processes and namespaces: namespaces.c, hooks.c, netdev.c */ \
  OP(7, clone, "qf")                              \
  OP(8, unshare, "u")                             \
  OP(9, join, "fu")                               \
  OP(10, write_proc, "usb")                       \
  OP(11, run_id_map_helper, "sl")                 \
  OP(12, run_hook, "slllu")                       \
  OP(13, send_pidfd, "f")                         \
  OP(14, move_net_device, "ss")                   \
  OP(15, configure_net_device, "sb")              \
  OP(16, make_user_namespace, "fss")              \
  OP(17, undumpable, "")                          \
  OP(18, new_session, "")                         \
  /* mounts: mounts.c, copyup.c, console.c */     \
  OP(20, clone_tree, "ffsu")                      \
  OP(21, new_filesystem, "fsslu")                 \
  OP(22, set_mount, "fqqqfu")                     \
  OP(23, attach, "ffsu")                          \
  OP(24, copy_up, "fsf")                          \
  OP(25, pivot_root, "f")                         \
  OP(26, switch_root, "f")                        \
  OP(27, change_root, "f")                        \
  OP(28, make_directory, "fsu")                   \
  OP(29, make_symlink, "fss")                     \
  OP(30, make_node, "fsuuuuu")                    \
  OP(31, mask, "fsff")                            \
  OP(32, protect, "fs")                           \
  OP(33, open_console, "fffuuu")                  \
  OP(34, use_terminal, "f")                       \
  OP(35, use_stdio, "fff")                        \
  OP(36, own_stdio, "u")                          \
  OP(37, open_inside, "ffs")                      \
  OP(38, send_opened, "fsf")                      \
  /* what the process is and may: identity.c, seccomp.c, start.c */ \
  OP(40, set_hostname, "s")                       \
  OP(41, set_domainname, "s")                     \
  OP(42, write_sysctl, "ss")                      \
  OP(43, set_rlimit, "uqq")                       \
  OP(44, set_umask, "u")                          \
  OP(45, set_io_priority, "u")                    \
  OP(46, set_scheduler, "uuuqqqq")                \
  OP(47, set_affinity, "b")                       \
  OP(48, set_memory_policy, "ub")                 \
  OP(49, set_personality, "q")                    \
  OP(50, join_keyring, "s")                       \
  OP(51, no_new_privileges, "")                   \
  OP(52, load_seccomp, "bu")                      \
  OP(53, send_seccomp_listener, "sl")             \
  OP(54, drop_bounding, "q")                      \
  OP(55, set_user, "uubu")                        \
  OP(56, set_capabilities, "qqqq")                \
  OP(57, change_directory, "su")                  \
  OP(58, find_program, "ss")                      \
  OP(59, await_start, "f")                        \
  OP(60, execute, "lluu")                         \
  OP(61, next_part, "")                           \
  OP(62, find_home, "u")                          \
  /* instead of a program: serve.c, files.c */    \
  OP(63, serve, "fs")                             \
  OP(64, receive_file, "suq")                     \
  OP(65, send_file, "sq")                         \
  OP(66, list_directory, "sq")                    \
  OP(67, use_program, "f")                        \
  /* for as long as the container lives: supervise.c, init.c */ \
  OP(68, supervise, "ffsffffsqububl")             \
  OP(69, become_init, "")
/* clang-format on */

/* The kinds as constants: OP_make_cgroup and so on. */
enum op_kind {
#define KIND(number, name, signature) OP_##name = number,
  OPERATIONS(KIND)
#undef KIND
      OP_COUNT
};

/* Returns 0, or -1 after fail(). */
#define PROTOTYPE(number, name, signature) int op_##name(struct launch *l, const struct arg *arg);
OPERATIONS(PROTOTYPE)
#undef PROTOTYPE

#endif
