"""What `orlop-probe` tries: the names of its attempts (probe/probe.h), and their system calls.

Of the calls those are here that decide, in the order in which they are made, so that a seccomp
filter can be asked what it would answer. Pointers are 0, for filters do not look at them.
"""

from __future__ import annotations

from orlop.kernel import namespaces
from orlop.records import Record

_NONE = (1 << 64) - 1  # -1


class Syscall(Record):
    """One system call by name, with the arguments that do not matter left out at the end."""

    name: str
    arguments: tuple[int, ...] = ()


class Attempt(Record):
    """One thing that is tried.

    Attributes:
        name: in the output of `orlop-probe`.
        title: for people: "to ...".
        calls: that decide whether it can be done.
        on_host_process: it is tried only where a process of the host is seen.
    """

    name: str
    title: str
    calls: tuple[Syscall, ...] = ()
    on_host_process: bool = False


_NAMES = {"pid": "PID", "ipc": "IPC", "uts": "UTS"}


def _socket(family: int, kind: int, protocol: int = 0) -> Syscall:
    return Syscall("socket", (family, kind, protocol))


def _unshare(kind: namespaces.NamespaceType) -> Attempt:
    title = f"make another {_NAMES.get(kind.name, kind.name)} namespace"
    return Attempt(f"new_{kind.name}_namespace", title, (Syscall("unshare", (kind.flag,)),))


_CLOEXEC = 0o2000000
_OPEN = Syscall("openat")
_MAKE_NODE = Syscall("mknodat")
_BPF_PROG_LOAD = 5
_IOCTL_METRIC, _IOCTL_PUSH = 0x891E, 0x5412  # SIOCSIFMETRIC, TIOCSTI
_PRIVATE_KEYRING, _SESSION_KEYRING = _NONE - 1, _NONE - 2
_MOVE = 8192  # MS_MOVE
_TOO_MANY = 0x7FFFFFFF

ATTEMPTS = (
    Attempt("see_host_process", "see a process of the host"),
    Attempt("signal_host_process", "signal a process of the host", (Syscall("kill"),), True),
    Attempt("trace_host_process", "read the memory of a process of the host",
            (Syscall("process_vm_readv"),), True),
    Attempt("trace_child", "trace a child", (Syscall("ptrace", (0x4206,)),)),
    Attempt("become_root", "become user 0", (Syscall("setuid"),)),
    Attempt("set_groups", "change the supplementary groups", (Syscall("setgroups"),)),
    Attempt("change_root", "chroot", (Syscall("chroot"),)),
    _unshare(namespaces.USER),
    _unshare(namespaces.MOUNT),
    _unshare(namespaces.PID),
    _unshare(namespaces.NETWORK),
    _unshare(namespaces.IPC),
    _unshare(namespaces.UTS),
    _unshare(namespaces.CGROUP),
    _unshare(namespaces.TIME),
    Attempt("join_namespace", "join a namespace",
            (_OPEN, Syscall("setns", (3, namespaces.CLONE_NEWUTS)))),
    Attempt("move_mount", "move a mount", (Syscall("mount", (0, 0, 0, _MOVE)),)),
    Attempt("mount_tmpfs", "mount a tmpfs", (Syscall("fsopen", (0, 1)),)),
    Attempt("set_hostname", "change the host name", (Syscall("sethostname", (0, _NONE)),)),
    Attempt("connect_to_host", "connect to a socket of the host",
            (_socket(1, 1 | _CLOEXEC), Syscall("connect"))),
    Attempt("raw_socket", "open a raw socket", (_socket(2, 3, 1),)),
    Attempt("packet_socket", "open a packet socket", (_socket(17, 3),)),
    Attempt("crypto_socket", "open a socket of the kernel's cryptography", (_socket(38, 5),)),
    Attempt("vm_socket", "open a socket to the hypervisor", (_socket(40, 1),)),
    Attempt("configure_network", "configure a network interface",
            (_socket(2, 2 | _CLOEXEC), Syscall("ioctl", (3, _IOCTL_METRIC)))),
    Attempt("add_key", "add a key to the kernel",
            (Syscall("add_key", (0, 0, 0, 1, _PRIVATE_KEYRING)),)),
    Attempt("find_keyring", "find a keyring", (Syscall("keyctl", (0, _SESSION_KEYRING)),)),
    Attempt("use_io_uring", "use io_uring", (Syscall("io_uring_setup"),)),
    Attempt("use_bpf", "load an eBPF program", (Syscall("bpf", (_BPF_PROG_LOAD,)),)),
    Attempt("trace_kernel", "count events of the kernel",
            (Syscall("perf_event_open", (0, 0, _NONE, _NONE, 8)),)),
    Attempt("use_userfaultfd", "handle page faults of the kernel",
            (Syscall("userfaultfd", (_CLOEXEC,)),)),
    Attempt("open_by_handle", "open files of a file system by number",
            (_OPEN, Syscall("open_by_handle_at", (3,)))),
    Attempt("read_kernel_log", "read the kernel's log", (Syscall("syslog", (10,)),)),
    Attempt("load_module", "load a kernel module", (Syscall("init_module"),)),
    Attempt("load_kernel", "load another kernel",
            (Syscall("kexec_load", (0, _TOO_MANY, 0, 0xFF00)),)),
    Attempt("reboot", "reboot the machine", (Syscall("reboot"),)),
    Attempt("set_clock", "set the clock", (Syscall("settimeofday"),)),
    Attempt("read_host_file", "read a file of the host", (_OPEN,)),
    Attempt("read_host_file_by_proc", "read it through /proc of a process of the host",
            (_OPEN,), True),
    Attempt("write_sysctl", "write a sysctl of the host", (_OPEN,)),
    Attempt("make_device", "make a device node", (_MAKE_NODE,)),
    Attempt("open_device", "use a device of the host", (_MAKE_NODE, _OPEN)),
    Attempt("open_memory", "open the machine's memory", (_OPEN,)),
    Attempt("read_kernel_memory", "read the kernel's memory", (_OPEN,)),
    Attempt("see_cgroups", "see control groups", (Syscall("statfs"),)),
    Attempt("write_cgroups", "write control groups", (Syscall("statfs"), _OPEN)),
    Attempt("push_input", "push input into a terminal",
            (_OPEN, Syscall("ioctl", (4, _IOCTL_PUSH)))),
    Attempt("exceed_cpu", "get more CPU time than the quota"),
    Attempt("exceed_tasks", "start more tasks than the limit"),
    Attempt("exceed_memory", "use more memory than the limit"),
)  # fmt: skip
"""All attempts, in the order in which they are made."""

BY_NAME = {attempt.name: attempt for attempt in ATTEMPTS}
