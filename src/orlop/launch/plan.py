"""The plan of a start: kernel operations as data, in the order in which they are performed.

A plan is a tuple of steps. A step is one operation, the side that performs it, and the reason
why it is there. Everything that orlop does to the kernel for a start is in it, so a plan can be
printed, timed, compared and checked; the launcher has no policy of its own.

Vocabulary:
    side: which process performs the step. LAUNCHER is the host-side parent, CONTAINER the
        process that becomes the container's program, MIDDLE a short-lived process between the
        two, which exists when the clone has to happen from inside other namespaces than the
        launcher's.
    slot: a numbered place for a file descriptor. Operations fill slots (`out`) and use them. Slots
        that are filled before the clone are inherited by the container's side. The first
        slots hold the descriptors that the caller passes with the plan.
    base: the directory, as a slot, in which a path is resolved; nothing leads out of it
        (openat2(2), RESOLVE_IN_ROOT without magic links). NO_SLOT means the host's own root and is
        legal only before the container's root is entered.

The normative description of operations and wire format is docs/launch-plan.md; the operations
here and the launcher's table are compared with it by a test.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, NewType

    Slot = NewType("Slot", int)
    Side = NewType("Side", int)
    U32 = int
    U64 = int
else:
    Slot = Side = int

NO_SLOT = Slot(0xFFFFFFFF)

LAUNCHER = Side(0)
MIDDLE = Side(1)
CONTAINER = Side(2)
SIDE_NAMES = ("launcher", "middle", "container")


class Operation(Record):
    """Base of all operations. `kind` is the operation's number in the wire format."""

    kind: ClassVar[int] = 0


class Step(Record):
    """One operation, who performs it, and why it is there (for people, never on the wire)."""

    side: Side
    op: Operation
    reason: str = ""


class Plan(Record):
    """What the launcher is given.

    `inherited` slots are filled by the caller with the descriptors that it passes, in order.
    """

    steps: tuple[Step, ...]
    slots: int
    inherited: int = 0
    flags: int = 0


# What the launcher does once the program runs (Plan.flags).
STAY = 1  # remain as the parent, until the container's first process has ended
KILL_ON_HANGUP = 2  # the container dies when the caller's end of the control socket closes
FORWARD_SIGNALS = 4  # pass the signals that the launcher gets on to the container
SUBREAPER = 8  # adopt and reap what the container's first process leaves behind
LINGER = 16  # at the end wait until the caller's end of the control socket closes

# --- control groups (host side, before the clone) -------------------------------------------


class MakeCgroup(Operation):
    """Make one directory of a cgroup hierarchy; one that is there already will do, unless NEW."""

    kind = 1
    path: str
    flags: U32 = 0


CGROUP_NEW = 1  # the directory must not exist yet
CGROUP_REMOVE = 2  # if it was made, the launcher removes it at its end


class InheritCpuset(Operation):
    """Give a v1 cpuset directory its parent's cpus and mems, where it has none (cpuset(7))."""

    kind = 2
    path: str


class WriteCgroup(Operation):
    """Write a value into a file of the cgroup file system, in one write(2)."""

    kind = 3
    path: str
    value: str
    flags: U32 = 0


MAY_BE_REFUSED = 1  # a refusal changes nothing of what was asked for


class AttachDeviceFilter(Operation):
    """Load eBPF instructions and attach them as device filter to a v2 cgroup (directory slot)."""

    kind = 4
    cgroup: Slot
    program: bytes


class Open(Operation):
    """Open a host path with open(2) flags; O_CLOEXEC is added."""

    kind = 5
    out: Slot
    path: str
    flags: U32


class EnterCgroup(Operation):
    """Move the calling process by writing "0" to an open v1 `tasks` or v2 `cgroup.procs` file."""

    kind = 6
    tasks: Slot


# --- processes and namespaces ---------------------------------------------------------------


class Clone(Operation):
    """Make the container's process with clone3(2); `cgroup` as in CLONE_INTO_CGROUP."""

    kind = 7
    flags: U64
    cgroup: Slot = NO_SLOT


class Unshare(Operation):
    """Leave namespaces for new ones (unshare(2))."""

    kind = 8
    flags: U32


class Join(Operation):
    """Enter the namespace of a descriptor or, with several types, those of a pidfd (setns(2))."""

    kind = 9
    namespace: Slot
    types: U32


class WriteProc(Operation):
    """Write a file of /proc/PID of the calling or of the container's process, in one write(2).

    Goes through a procfs descriptor that the launcher opened before anything else.
    """

    kind = 10
    whose: U32
    name: str
    data: bytes


SELF = 0
OF_CONTAINER = 1


class RunIdMapHelper(Operation):
    """Run newuidmap(1) or newgidmap(1) on the container's process with these ranges."""

    kind = 11
    program: str
    ranges: tuple[str, ...]


class RunHook(Operation):
    """Run an OCI hook to its end: its stdin is `state`, joined by the container's host PID.

    Fails if the hook exits with another status than 0 or runs longer than `timeout_ms` (0: no
    limit), in which case it is killed. The environment is `env` and nothing else.
    """

    kind = 12
    path: str
    argv: tuple[str, ...]
    env: tuple[str, ...]
    state: tuple[str, ...]
    timeout_ms: U32


class SendPidfd(Operation):
    """Send a pidfd of the container's process over a connected unix socket."""

    kind = 13
    socket: Slot


class MoveNetDevice(Operation):
    """Move a network device of the host into the container's namespace, under a new name."""

    kind = 14
    name: str
    new_name: str


class ConfigureNetDevice(Operation):
    """Give a device addresses and bring it up.

    `addresses` is a row of 20-byte entries: family, prefix length, two zero bytes, then the
    address in network order, zero-padded to 16 bytes.
    """

    kind = 15
    name: str
    addresses: bytes = b""


class MakeUserNamespace(Operation):
    """Make a user namespace with these maps (user_namespaces(7)) and keep a descriptor of it."""

    kind = 16
    out: Slot
    uid_map: str
    gid_map: str


class Undumpable(Operation):
    """Make the calling process untraceable to those whose namespaces it is about to join."""

    kind = 17


class NewSession(Operation):
    """Start a session without a terminal (setsid(2))."""

    kind = 18


# --- mounts ---------------------------------------------------------------------------------


class CloneTree(Operation):
    """Clone a mount as a detached one (open_tree(2)): of a path, or of what slot `base` is."""

    kind = 20
    out: Slot
    base: Slot
    path: str
    flags: U32 = 0


RECURSIVE = 1  # with everything that is mounted below
NO_FOLLOW = 2  # the last component of the path may not be a symlink


class NewFilesystem(Operation):
    """Make a detached mount of a new file system instance (fsopen(2), fsconfig(2), fsmount(2)).

    `options` are "key=value" or "flag"; `attributes` are MOUNT_ATTR_ bits. A value of more than
    255 bytes is possible only before the root is entered, in a mount namespace of the container's
    own.
    """

    kind = 21
    out: Slot
    type: str
    source: str
    options: tuple[str, ...]
    attributes: U32 = 0


class SetMount(Operation):
    """Change attributes, propagation or id map of a mount (mount_setattr(2))."""

    kind = 22
    mount: Slot
    set: U64 = 0
    clear: U64 = 0
    propagation: U64 = 0
    user_namespace: Slot = NO_SLOT
    recursive: U32 = 0


class Attach(Operation):
    """Attach a detached mount at a path in `base` (move_mount(2)); the slot is then that mount."""

    kind = 23
    mount: Slot
    base: Slot
    path: str
    flags: U32 = 0


CREATE = 1  # make what is missing of the path; the last component is of the mount's own type
ORDINARY_DIRECTORY = 2  # the target must be a directory, and no part of the path a symlink
NOT_IN_PROC = 8  # the target must not be in a procfs, where a symlink could lead (CVE-2019-16884)
INHERIT_MODE = 4  # the mount's root gets the permissions of the directory that it covers, if any


class CopyUp(Operation):
    """Copy what is at a path in `base`, if anything, into a mount (the `tmpcopyup` option).

    What is mounted below is left out, and so are owners, attributes and devices that the user
    namespace cannot have.
    """

    kind = 24
    base: Slot
    path: str
    mount: Slot


class PivotRoot(Operation):
    """Make a mount the root and working directory, and drop the old root (pivot_root(2))."""

    kind = 25
    root: Slot


class SwitchRoot(Operation):
    """Move a mount over the root and chroot(2) into it: an initramfs cannot be pivoted."""

    kind = 26
    root: Slot


class ChangeRoot(Operation):
    """chroot(2) and chdir(2) into a directory, without a mount namespace of its own."""

    kind = 27
    root: Slot


class MakeDirectory(Operation):
    """Make a directory with the missing ones above it; one that is there already will do."""

    kind = 28
    base: Slot
    path: str
    mode: U32


class MakeSymlink(Operation):
    """Make a symlink; what is there is replaced if it is not the same one already.

    A directory that is not empty is not replaced.
    """

    kind = 29
    base: Slot
    path: str
    target: str


class MakeNode(Operation):
    """Make a device node or fifo with exactly this mode and owner.

    What is there is replaced if it is not this node. If it is, its mode and owner stay: it may be
    the host's own node, bound there.
    """

    kind = 30
    base: Slot
    path: str
    mode: U32
    major: U32
    minor: U32
    uid: U32
    gid: U32


class Mask(Operation):
    """Hide a path: mount `null` over a file, `empty` over a directory; absent is fine."""

    kind = 31
    base: Slot
    path: str
    null: Slot
    empty: Slot


class Protect(Operation):
    """Make a path read-only, with everything below; absent is fine."""

    kind = 32
    base: Slot
    path: str


class OpenConsole(Operation):
    """Open a pseudo-terminal of a devpts mount (NO_SLOT: of the host's) and send its master away.

    The master goes over `socket` (SCM_RIGHTS, with the terminal's name as data; NO_SLOT: to the
    launcher, which keeps it), the other end into `out`. Rows and columns of 0 leave the size
    alone; the terminal is given to `uid`.
    """

    kind = 33
    out: Slot
    devpts: Slot
    socket: Slot
    rows: U32
    columns: U32
    uid: U32


class UseTerminal(Operation):
    """Make a terminal the controlling one, and stdin, stdout and stderr (TIOCSCTTY, dup3(2))."""

    kind = 34
    terminal: Slot


class UseStdio(Operation):
    """Make these descriptors stdin, stdout and stderr; NO_SLOT leaves one as it is."""

    kind = 35
    stdin: Slot
    stdout: Slot
    stderr: Slot


class OwnStdio(Operation):
    """Give those of stdin, stdout and stderr that are pipes or sockets to a user.

    Then the program can open /dev/stdout and the like again. Where the kernel refuses, nothing is
    changed. Files, devices and terminals of the caller's stay as they are.
    """

    kind = 36
    uid: U32


class OpenInside(Operation):
    """Open what is at a path in `base`, as O_PATH: to change the mount there."""

    kind = 37
    out: Slot
    base: Slot
    path: str


class SendOpened(Operation):
    """Send what is at a path in `base`, opened as O_PATH, over a connected unix socket.

    The message is an i32: 0 with the descriptor (SCM_RIGHTS), or the errno without one, which is no
    failure.
    """

    kind = 38
    base: Slot
    path: str
    socket: Slot


# --- what the process is and may ------------------------------------------------------------


class SetHostname(Operation):
    """sethostname(2)."""

    kind = 40
    name: str


class SetDomainname(Operation):
    """setdomainname(2)."""

    kind = 41
    name: str


class WriteSysctl(Operation):
    """Write a sysctl ("net/ipv4/ip_forward") as it is in the caller's namespaces."""

    kind = 42
    name: str
    value: str


class SetRlimit(Operation):
    """prlimit(2) on the container's process; RLIM_INFINITY is 2^64 - 1."""

    kind = 43
    resource: U32
    soft: U64
    hard: U64


class SetUmask(Operation):
    """umask(2)."""

    kind = 44
    mask: U32


class SetIoPriority(Operation):
    """ioprio_set(2), class and level in one number as the kernel has it."""

    kind = 45
    priority: U32


class SetScheduler(Operation):
    """sched_setattr(2); times in ns, `nice` as two's complement in 32 bits."""

    kind = 46
    policy: U32
    nice: U32
    priority: U32
    flags: U64
    runtime_ns: U64
    deadline_ns: U64
    period_ns: U64


class SetAffinity(Operation):
    """sched_setaffinity(2) with a little-endian bit mask of CPUs, for the calling process."""

    kind = 47
    mask: bytes


class SetMemoryPolicy(Operation):
    """set_mempolicy(2); mode includes its flags, `nodes` is a little-endian bit mask."""

    kind = 48
    mode: U32
    nodes: bytes


class SetPersonality(Operation):
    """personality(2)."""

    kind = 49
    persona: U64


class JoinKeyring(Operation):
    """Start a session keyring of this name (keyctl(2)); a kernel without keyrings is fine."""

    kind = 50
    name: str


class NoNewPrivileges(Operation):
    """Set no_new_privs (prctl(2))."""

    kind = 51


class LoadSeccomp(Operation):
    """Load a BPF program as seccomp filter with SECCOMP_FILTER_FLAG_ bits (seccomp(2)).

    With SECCOMP_FILTER_FLAG_NEW_LISTENER the next step has to be SendSeccompListener.
    """

    kind = 52
    program: bytes
    flags: U32


class SendSeccompListener(Operation):
    """Hand the listener of the filter just loaded to the unix socket at a host path.

    The message is `state`, joined by the container's host PID, with the listener as SCM_RIGHTS.
    """

    kind = 53
    socket_path: str
    state: tuple[str, ...]


class DropBounding(Operation):
    """Drop all capabilities that are not in the mask from the bounding set."""

    kind = 54
    keep: U64


class SetUser(Operation):
    """Become this user, group and these supplementary groups (little-endian u32).

    The permitted capabilities are kept for the next step.
    """

    kind = 55
    uid: U32
    gid: U32
    groups: bytes
    flags: U32 = 0


KEEP_GROUPS = 1  # leave the supplementary groups alone (setgroups is denied)


class SetCapabilities(Operation):
    """Set effective, permitted, inheritable and ambient capabilities to these masks."""

    kind = 56
    effective: U64
    permitted: U64
    inheritable: U64
    ambient: U64


class ChangeDirectory(Operation):
    """chdir(2), and make sure that the result is inside the root (CVE-2024-21626).

    Does nothing if an earlier one of the same plan has succeeded.
    """

    kind = 57
    path: str
    flags: U32 = 0


IF_PERMITTED = 1  # EACCES is fine: a later step tries again, as another user


class FindProgram(Operation):
    """Find the program to execute: a path with a slash, or a name along `search` (PATH's form)."""

    kind = 58
    name: str
    search: str


class UseProgram(Operation):
    """Execute the program of this descriptor (execveat(2), AT_EMPTY_PATH), instead of a path's.

    So a program can run in a container whose file system does not have it. No script can: its
    interpreter would have to open it by a path.
    """

    kind = 67
    program: Slot


class AwaitStart(Operation):
    """Tell the caller that the container is created; go on when somebody connects to the socket.

    The connection gets a failure record if a later step fails, and the byte "S" right before
    the program is executed. Slots that operations have filled are closed before the wait: they
    lead to the host, and later steps have only those that the caller passed.
    """

    kind = 59
    listener: Slot


class Supervise(Operation):
    """Supervise the container's streams from here to its end; the launcher has to STAY.

    Commands and clients come over the listening `socket`, which is removed at the end, by its
    `name` in `directory`. What comes out of `stdout` and `stderr`, or of the terminal that the
    launcher keeps, goes to the clients and to the file `log_name` in the directory `log`; what
    clients send goes to `stdin`. `counters` are control group files and keys in them, alternately,
    of which at most four numbers are put into the report at the end. The slots are the launcher's
    alone and empty afterwards. See docs/launch-plan.md#supervision.
    """

    kind = 68
    socket: Slot
    directory: Slot
    name: str
    stdin: Slot
    stdout: Slot
    stderr: Slot
    log: Slot
    log_name: str
    max_bytes: U64
    max_files: U32
    attributes: bytes
    flags: U32
    detach_keys: bytes
    counters: tuple[str, ...]


HAS_TERMINAL = 1  # the streams are a terminal's, of which the launcher gets the master
OPEN_STDIN = 2  # clients may send
STDIN_ONCE = 4  # stdin is closed when the first of them has ended that


class BecomeInit(Operation):
    """Go on in a child; the process itself becomes an init that waits for it.

    It passes on signals, reaps what is left to it, and ends as the child does (128 + n after
    signal n). It has nothing that leads to the host: no descriptor but stdin, stdout and stderr,
    no memory that it shares with the launcher. Only `execute` follows.
    """

    kind = 69


class Execute(Operation):
    """Execute the program that was found or given (execve(2)).

    Descriptors from 3 + `preserve` on are closed; the preserved ones are the inherited slots from
    `first` on.
    """

    kind = 60
    argv: tuple[str, ...]
    env: tuple[str, ...]
    first: U32 = 0
    preserve: U32 = 0


class FindHome(Operation):
    """Find the home directory of a user in the container's /etc/passwd, for `execute`.

    An entry "HOME=" in its environment gets it; "/" where nothing is found. The file is read with
    the container's rights and view, a bounded part of it.
    """

    kind = 62
    uid: U32


class Serve(Operation):
    """Stay as the container's first process, and start programs when somebody asks for it.

    It needs a PID namespace of its own. Requests come over `socket`; what is told of the disk is
    the use of the file system that `disk` is in. See docs/launch-plan.md#serving.
    """

    kind = 63
    socket: Slot
    disk: str


class ReceiveFile(Operation):
    """Make a file with what comes on stdin, at most `limit` bytes, in place of what is there.

    Missing directories above it are made.
    """

    kind = 64
    path: str
    mode: U32
    limit: U64


class SendFile(Operation):
    """Write what is in a regular file, at most `limit` bytes, to stdout."""

    kind = 65
    path: str
    limit: U64


class ListDirectory(Operation):
    """Write what is in a directory to stdout: "MODE SIZE NAME" with a NUL behind it, in decimal.

    `limit` is the most that is written, in bytes.
    """

    kind = 66
    path: str
    limit: U64


class NextPart(Operation):
    """Wait for the next part of the plan: its steps follow (the prepared launchers of a pool)."""

    kind = 61


def operations() -> dict[int, type[Operation]]:
    """All operations by kind."""
    return {cls.kind: cls for cls in Operation.__subclasses__()}
