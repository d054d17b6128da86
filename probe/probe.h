/* The probe: tries, in a container's context, what a container should not be able to do.
 *
 * Each attempt is one short function. It must do no harm even where it succeeds, in a privileged
 * container with the host's namespaces too; above each stands why it cannot. Most of them ask the
 * kernel for something that it refuses for another reason once it has permitted it: nothing
 * happens, and the error tells. */
#ifndef ORLOP_PROBE_H
#define ORLOP_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How an attempt ended. */
enum word {
  BROKEN,  /* it could not be tried; number: errno */
  DONE,    /* the kernel did it, or permitted what is then impossible on purpose */
  REFUSED, /* number: errno */
  ABSENT,  /* there is nothing to try it on */
  KILLED,  /* number: the signal that ended the process that tried it */
  STUCK,   /* it took too long */
  LIMITED, /* number: what it got, in thousandths of one CPU */
};

struct outcome {
  enum word word;
  int number;
};

/* What the caller knows of the host and of the limits. Without it an attempt is not made. */
struct settings {
  const char *canary;  /* path of a file of the host */
  const char *socket;  /* name of an abstract unix socket of the host */
  const char *node;    /* path for a device node that is there for a moment */
  uint64_t memory;     /* bytes, more than the limit */
  uint64_t tasks;      /* tasks, more than the limit */
  uint64_t cpu;        /* the quota, in thousandths of one CPU */
  uint64_t cpu_period; /* its period in microseconds */
  pid_t host;          /* PID of a process of the host as seen from here, 0: none is seen */
};

static inline struct outcome outcome(enum word word, int number) {
  return (struct outcome){word, number};
}

/* What a call with this result has shown. `granted` is an errno that the kernel gives only after it
 * has permitted the call, 0 for none. */
struct outcome answer(long result, int granted);

/* The same for a call that has to fail, in more ways than one, once it is permitted. */
struct outcome answer_to_nonsense(long result);

/* The same for a path or device that need not exist. */
struct outcome answer_if_there(long result);

/* openat(2), which all architectures have; a filter may tell it from open(2). */
int open_path(const char *path, int flags);

/* A socket's domain, type and protocol as the argument of an attempt. */
#define SOCKET(domain, type, protocol) ((domain) | (type) << 8 | (protocol) << 16)

#define ALWAYS true

/* Name, function, its argument, and the setting without which it is not made. The names are those
 * of orlop.insight.probe_attempts. The limits come last, for they may take the probe with them. */
/* clang-format off */
#define ATTEMPTS(A)                                                          \
  /* processes.c */                                                          \
  A(see_host_process, try_see_host, 0, ALWAYS)                               \
  A(signal_host_process, try_signal_host, 0, ALWAYS)                         \
  A(trace_host_process, try_trace_host, 0, ALWAYS)                           \
  A(trace_child, try_trace_child, 0, ALWAYS)                                 \
  A(become_root, try_become_root, 0, ALWAYS)                                 \
  A(set_groups, try_set_groups, 0, ALWAYS)                                   \
  A(change_root, try_change_root, 0, ALWAYS)                                 \
  /* namespaces.c */                                                         \
  A(new_user_namespace, try_unshare, CLONE_NEWUSER, ALWAYS)                  \
  A(new_mount_namespace, try_unshare, CLONE_NEWNS, ALWAYS)                   \
  A(new_pid_namespace, try_unshare, CLONE_NEWPID, ALWAYS)                    \
  A(new_network_namespace, try_unshare, CLONE_NEWNET, ALWAYS)                \
  A(new_ipc_namespace, try_unshare, CLONE_NEWIPC, ALWAYS)                    \
  A(new_uts_namespace, try_unshare, CLONE_NEWUTS, ALWAYS)                    \
  A(new_cgroup_namespace, try_unshare, CLONE_NEWCGROUP, ALWAYS)              \
  A(new_time_namespace, try_unshare, CLONE_NEWTIME, ALWAYS)                  \
  A(join_namespace, try_join, 0, ALWAYS)                                     \
  A(move_mount, try_move_mount, 0, ALWAYS)                                   \
  A(mount_tmpfs, try_mount_tmpfs, 0, ALWAYS)                                 \
  A(set_hostname, try_set_hostname, 0, ALWAYS)                               \
  /* sockets.c */                                                            \
  A(connect_to_host, try_connect, 0, s->socket)                              \
  A(raw_socket, try_socket, SOCKET(AF_INET, SOCK_RAW, IPPROTO_ICMP), ALWAYS) \
  A(packet_socket, try_socket, SOCKET(AF_PACKET, SOCK_RAW, 0), ALWAYS)       \
  A(crypto_socket, try_socket, SOCKET(AF_ALG, SOCK_SEQPACKET, 0), ALWAYS)    \
  A(vm_socket, try_socket, SOCKET(AF_VSOCK, SOCK_STREAM, 0), ALWAYS)         \
  A(configure_network, try_configure_network, 0, ALWAYS)                     \
  /* kernel.c */                                                             \
  A(add_key, try_add_key, 0, ALWAYS)                                         \
  A(find_keyring, try_find_keyring, 0, ALWAYS)                               \
  A(use_io_uring, try_io_uring, 0, ALWAYS)                                   \
  A(use_bpf, try_bpf, 0, ALWAYS)                                             \
  A(trace_kernel, try_perf_event, 0, ALWAYS)                                 \
  A(use_userfaultfd, try_userfaultfd, 0, ALWAYS)                             \
  A(open_by_handle, try_open_by_handle, 0, ALWAYS)                           \
  A(read_kernel_log, try_kernel_log, 0, ALWAYS)                              \
  A(load_module, try_load_module, 0, ALWAYS)                                 \
  A(load_kernel, try_load_kernel, 0, ALWAYS)                                 \
  A(reboot, try_reboot, 0, ALWAYS)                                           \
  A(set_clock, try_set_clock, 0, ALWAYS)                                     \
  /* files.c */                                                              \
  A(read_host_file, try_read_host_file, 0, s->canary)                        \
  A(read_host_file_by_proc, try_read_by_proc, 0, s->canary)                  \
  A(write_sysctl, try_write_sysctl, 0, ALWAYS)                               \
  A(make_device, try_make_device, 0, s->node)                                \
  A(open_device, try_open_device, 0, s->node)                                \
  A(open_memory, try_open_memory, 0, ALWAYS)                                 \
  A(read_kernel_memory, try_kernel_memory, 0, ALWAYS)                        \
  A(see_cgroups, try_see_cgroups, 0, ALWAYS)                                 \
  A(write_cgroups, try_write_cgroups, 0, ALWAYS)                             \
  A(push_input, try_push_input, 0, ALWAYS)                                   \
  /* limits.c */                                                             \
  A(exceed_cpu, try_exceed_cpu, 0, s->cpu)                                   \
  A(exceed_tasks, try_exceed_tasks, 0, s->tasks)                             \
  A(exceed_memory, try_exceed_memory, 0, s->memory)
/* clang-format on */

typedef struct outcome attempt_fn(const struct settings *s, unsigned argument);

attempt_fn try_see_host, try_signal_host, try_trace_host, try_trace_child, try_become_root,
    try_set_groups, try_change_root, try_unshare, try_join, try_move_mount, try_mount_tmpfs,
    try_set_hostname, try_connect, try_socket, try_configure_network, try_add_key, try_find_keyring,
    try_io_uring, try_bpf, try_perf_event, try_userfaultfd, try_open_by_handle, try_kernel_log,
    try_load_module, try_load_kernel, try_reboot, try_set_clock, try_read_host_file,
    try_read_by_proc, try_write_sysctl, try_make_device, try_open_device, try_open_memory,
    try_kernel_memory, try_see_cgroups, try_write_cgroups, try_push_input, try_exceed_cpu,
    try_exceed_tasks, try_exceed_memory;

#endif
