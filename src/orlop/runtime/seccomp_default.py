"""The seccomp profile of a container for which nobody chose one.

It allows what moby's default profile allows (moby/profiles, seccomp/default_linux.go), so that
what runs in Docker runs here. One thing is stricter: moby's condition on the family of a socket
compares 64 bits, of which the kernel uses 32, so that 0x100000026 gets by as AF_ALG (38).
"""

from __future__ import annotations

import errno

from orlop.errors import Unsupported
from orlop.kernel.namespaces import NAMESPACES, TIME
from orlop.kernel.seccomp import OF_MACHINE, ArgRule, Profile, SyscallRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_ALLOW = "SCMP_ACT_ALLOW"
_ERRNO = "SCMP_ACT_ERRNO"

# Not among them, with any capability: io_uring_*, keyctl and its relatives, kexec_*, swapon,
# userfaultfd and what else the kernel does not need for containers.
_ALWAYS = """
    accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32
    clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2
    dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
    epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
    fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat
    fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64
    fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64
    futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd
    getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32
    getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
    getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid
    gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
    inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup
    io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset
    landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
    listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise
    map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock
    mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
    mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget
    msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect
    open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
    pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease
    process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2
    read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg
    remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall
    riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
    rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
    sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
    semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list
    set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
    setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32
    setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr
    setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask
    sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink
    symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate
    truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64
    utimes vfork vmsplice wait4 waitid waitpid write writev
"""

_ON_MACHINE = {
    "x86_64": "arch_prctl modify_ldt",
    "aarch64": """
        arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls
    """,
}

_WITH_CAPABILITY = {
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYS_ADMIN": """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie
        lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount
        open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount
        umount2 unshare
    """,
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYSLOG": "syslog",
}

# PER_LINUX, PER_LINUX32, UNAME26 with either, and the question which one it is.
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

# clone(2) has no room for the time namespace's flag, which is in its mask of signals.
_NEW_NAMESPACES = sum(kind.flag for kind in NAMESPACES if kind != TIME)

_AF_ALG = 38  # the kernel's cryptography (CVE-2026-31431)
_AF_VSOCK = 40  # reaches the hypervisor and other containers, whatever the network namespace
_FAMILIES = 256  # there are 46; sockets of others are refused
_U32 = 0xFFFFFFFF


def default_profile(capabilities: Collection[str], machine: str) -> Profile:
    """The default profile for a container.

    Args:
        capabilities: what is in the container's bounding set, by name; what a call needs a
            capability for is allowed only with it.
        machine: uname(2)'s name of the host's machine.

    Raises:
        Unsupported: there is no profile for that machine.
    """
    if machine not in OF_MACHINE:
        raise Unsupported(
            f"the default seccomp profile on {machine}", needs=" or ".join(OF_MACHINE)
        )
    key = (frozenset(capabilities), machine)
    known = _known.get(key)
    if known is None:
        known = _known[key] = _profile(*key)
    return known


_known: dict[tuple[frozenset[str], str], Profile] = {}


def _profile(capabilities: frozenset[str], machine: str) -> Profile:
    allowed = f"{_ALWAYS} {_ON_MACHINE[machine]}".split()
    for capability, names in _WITH_CAPABILITY.items():
        if capability in capabilities:
            allowed += names.split()
    rules = [SyscallRule(tuple(dict.fromkeys(allowed)), _ALLOW)]
    rules += _sockets()
    rules += _personalities()
    if "CAP_SYS_ADMIN" not in capabilities:
        rules += _clones()
    return Profile(
        default_action=_ERRNO,
        default_errno_ret=errno.EPERM,
        architectures=OF_MACHINE[machine],
        syscalls=tuple(rules),
    )


def _personalities() -> Iterator[SyscallRule]:
    for persona in _PERSONALITIES:
        yield SyscallRule(("personality",), _ALLOW, args=(ArgRule(0, persona),))


def _clones() -> Iterator[SyscallRule]:
    """Threads and processes, but no namespaces.

    The flags of clone3(2) are in memory, where no filter can look: ENOSYS makes libc use clone(2).
    """
    no_namespace = ArgRule(0, _NEW_NAMESPACES, 0, "SCMP_CMP_MASKED_EQ")
    yield SyscallRule(("clone",), _ALLOW, args=(no_namespace,))
    yield SyscallRule(("clone3",), _ERRNO, errno_ret=errno.ENOSYS)


def _sockets() -> Iterator[SyscallRule]:
    """All families but AF_ALG and AF_VSOCK, by the 32 bits that the kernel looks at.

    libseccomp cannot compare the lower half of an argument, but it can compare it under a mask; so
    this covers the other numbers by blocks of powers of two. (A program of i386 can still use
    socketcall(2), whose arguments are in memory.)
    """
    for first, size in _blocks((_AF_ALG, _AF_VSOCK), _FAMILIES):
        in_block = ArgRule(0, _U32 & ~(size - 1), first, "SCMP_CMP_MASKED_EQ")
        yield SyscallRule(("socket",), _ALLOW, args=(in_block,))


def _blocks(holes: Collection[int], end: int) -> Iterator[tuple[int, int]]:
    """The numbers from 0 to `end`, without the holes, as aligned blocks: (first, power of two)."""
    first = 0
    while first < end:
        if first in holes:
            first += 1
            continue
        size = first & -first or end
        while any(first <= hole < first + size for hole in holes):
            size //= 2
        yield first, size
        first += size
