"""Every operation in strace's notation; what the launcher really calls is tested with strace."""

from __future__ import annotations

import struct
from itertools import chain

import pytest

from orlop.insight.notation import NOTATIONS, notate
from orlop.insight.notation.syntax import quoted
from orlop.launch import plan as ops
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    MIDDLE,
    NO_SLOT,
    Operation,
    Plan,
    Side,
    Slot,
    Step,
)

ONE, TWO, NINE = Slot(1), Slot(2), Slot(9)
BY_DESCRIPTORS = "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"
LO = struct.pack("<BBBB16s", 2, 8, 0, 0, bytes((127, 0, 0, 1)))

# Operation, and its notation without the calls that only prepare or check.
TABLE: list[tuple[Operation, str]] = [
    (
        ops.MakeCgroup("/sys/fs/cgroup/pids/web"),
        'mkdir("/sys/fs/cgroup/pids/web", 0755) /* may exist */',
    ),
    (ops.MakeCgroup("/c/web", ops.CGROUP_NEW), 'mkdir("/c/web", 0755)'),
    (
        ops.InheritCpuset("/c/web"),
        "write(</c/web/cpuset.cpus>, what its parent has) /* if it has none */; "
        "write(</c/web/cpuset.mems>, what its parent has) /* if it has none */",
    ),
    (
        ops.WriteCgroup("/c/memory.limit_in_bytes", "268435456"),
        'write(</c/memory.limit_in_bytes>, "268435456")',
    ),
    (
        ops.WriteCgroup("/c/cgroup.subtree_control", "+io", ops.MAY_BE_REFUSED),
        'write(</c/cgroup.subtree_control>, "+io") /* may be refused */',
    ),
    (
        ops.AttachDeviceFilter(NINE, bytes(16)),
        "bpf(BPF_PROG_LOAD, {prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt=2, insns=...,"
        ' license="Apache-2.0"}) = <device filter>; '
        "bpf(BPF_PROG_ATTACH, {target_fd=9, attach_bpf_fd=<device filter>,"
        " attach_type=BPF_CGROUP_DEVICE, attach_flags=BPF_F_ALLOW_MULTI})",
    ),
    (
        ops.Open(ONE, "/c/tasks", 1),
        'open("/c/tasks", O_WRONLY|O_CLOEXEC) = 1</c/tasks>',
    ),
    (ops.EnterCgroup(NINE), 'write(9, "0")'),
    (
        ops.Clone(0x20000000 | 0x40000000, NINE),
        "clone3({flags=CLONE_NEWPID|CLONE_NEWNET|CLONE_PIDFD|CLONE_PARENT_SETTID|CLONE_INTO_CGROUP,"
        " exit_signal=SIGCHLD, cgroup=9}) = PID",
    ),
    (ops.Unshare(0x02000000), "unshare(CLONE_NEWCGROUP)"),
    (ops.Join(NINE, 0x40000000), "setns(9, CLONE_NEWNET)"),
    (ops.WriteProc(ops.SELF, "attr/exec", b"x"), 'write(</proc/self/attr/exec>, "x")'),
    (
        ops.WriteProc(ops.OF_CONTAINER, "uid_map", b"0 1000 1\n"),
        'write(</proc/PID/uid_map>, "0 1000 1\\n")',
    ),
    (
        ops.RunIdMapHelper("newuidmap", ("0", "1000", "1")),
        'execve("newuidmap", ["newuidmap", "PID", "0", "1000", "1"], [/* 1 variables */])',
    ),
    (
        ops.RunHook("/bin/h", ("h", "a"), ("A=b", "C=d"), ("{", "}"), 1000),
        'execve("/bin/h", ["h", "a"], [/* 2 variables */])'
        " /* stdin: the container's state, 1000 ms at most */",
    ),
    (
        ops.SendPidfd(NINE),
        'sendmsg(9, {msg_iov=["standard"], cmsg_type=SCM_RIGHTS, cmsg_data=[pidfd of PID]},'
        " MSG_NOSIGNAL)",
    ),
    (
        ops.MoveNetDevice("eth7", "eth0"),
        'sendto(<NETLINK_ROUTE>, {nlmsg_type=RTM_NEWLINK, ifi_index=if_nametoindex("eth7"),'
        ' IFLA_NET_NS_PID=PID, IFLA_IFNAME="eth0"})',
    ),
    (
        ops.ConfigureNetDevice("lo", LO),
        "sendto(<NETLINK_ROUTE>, {nlmsg_type=RTM_NEWADDR, ifa_family=AF_INET,"
        ' ifa_index=if_nametoindex("lo"),'
        ' IFA_LOCAL="127.0.0.1/8"}); '
        'sendto(<NETLINK_ROUTE>, {nlmsg_type=RTM_NEWLINK, ifi_index=if_nametoindex("lo"),'
        " ifi_flags=IFF_UP})",
    ),
    (
        ops.MakeUserNamespace(ONE, "0 7 1", "0 8 1"),
        "clone3({flags=CLONE_NEWUSER, exit_signal=SIGCHLD}) = HELPER;"
        ' write(</proc/HELPER/uid_map>, "0 7 1"); '
        'write(</proc/HELPER/gid_map>, "0 8 1"); '
        'openat(</proc>, "HELPER/ns/user", O_RDONLY|O_CLOEXEC) = 1<user namespace>',
    ),
    (
        ops.Supervise(
            NINE, NINE, "shim.sock", NO_SLOT, ONE, ONE, NINE, "a-json.log", 1, 1, b"", 0, b"", ()
        ),
        "setsid() /* from now on it takes commands and clients, and keeps the log */;"
        ' openat(9, "a-json.log", O_RDWR|O_APPEND|O_CREAT|O_NOFOLLOW|O_NOCTTY|O_NONBLOCK|O_CLOEXEC,'
        " 0640) = <a-json.log>",
    ),
    (
        ops.Supervise(NINE, NINE, "s", NO_SLOT, ONE, ONE, NO_SLOT, "", 0, 0, b"", 0, b"", ()),
        "setsid() /* from now on it takes commands and clients, and keeps the log */",
    ),
    (
        ops.BecomeInit(),
        "clone(SIGCHLD) = PROGRAM /* which goes on; its parent is the init */",
    ),
    (ops.Undumpable(), "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)"),
    (ops.NewSession(), "setsid()"),
    (
        ops.CloneTree(ONE, NO_SLOT, "/srv/data", ops.RECURSIVE),
        'open_tree(AT_FDCWD, "/srv/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) ='
        " 1</srv/data>",
    ),
    (
        ops.CloneTree(ONE, NINE, ""),
        'open_tree(9, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) = 1<9>',
    ),
    (
        ops.CloneTree(ONE, NINE, "a", ops.NO_FOLLOW),
        'open_tree(<9/a>, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) = 1<9/a>',
    ),
    (
        ops.NewFilesystem(ONE, "tmpfs", "tmpfs", ("size=64m", "huge"), 0x6),
        'fsopen("tmpfs", FSOPEN_CLOEXEC); fsconfig(<fs>, FSCONFIG_SET_STRING, "size", "64m"); '
        'fsconfig(<fs>, FSCONFIG_SET_FLAG, "huge", NULL); '
        "fsmount(<fs>, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV) = 1<tmpfs>",
    ),
    (
        ops.SetMount(NINE, 0x1, 0x70, 1 << 19, ONE, 1),
        'mount_setattr(9, "", AT_EMPTY_PATH|AT_RECURSIVE,'
        " {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_IDMAP,"
        " attr_clr=MOUNT_ATTR__ATIME, propagation=MS_SLAVE, userns_fd=1})",
    ),
    (ops.Attach(NINE, NO_SLOT, "/mnt"), f'move_mount(9, "", </mnt>, "", {BY_DESCRIPTORS})'),
    (
        ops.CopyUp(NINE, "etc", ONE),
        "getdents64(<9/etc>) /* and a copy of each entry into 1 */",
    ),
    (ops.PivotRoot(NINE), 'fchdir(9<root>); pivot_root(".", "."); umount2(".", MNT_DETACH)'),
    (
        ops.SwitchRoot(NINE),
        "umount2(each procfs and sysfs of the host, MNT_DETACH); "
        f'move_mount(9<root>, "", </>, "", {BY_DESCRIPTORS}); fchdir(9<root>); chroot(".")',
    ),
    (ops.ChangeRoot(NINE), 'fchdir(9<root>); chroot(".")'),
    (ops.MakeDirectory(NINE, "a/b", 0o750), 'mkdirat(<9/a>, "b", 0750) /* if missing */'),
    (ops.MakeSymlink(NINE, "dev/fd", "/proc/self/fd"), 'symlinkat("/proc/self/fd", <9/dev>, "fd")'),
    (
        ops.MakeNode(NINE, "null", 0o20666, 1, 3, 0, 5),
        'mknodat(<9>, "null", S_IFCHR|0666, makedev(1, 3)) /* may exist */; '
        'fchownat(<9/null>, "", 0, 5, AT_EMPTY_PATH) /* if it was made */',
    ),
    (
        ops.MakeNode(NINE, "pipe", 0o10600, 0, 0, 0, 0),
        'mknodat(<9>, "pipe", S_IFIFO|0600, 0) /* may exist */',
    ),
    (
        ops.Mask(NINE, "kcore", ONE, TWO),
        f'move_mount(<clone of 1 or 2>, "", <9/kcore>, "", {BY_DESCRIPTORS}) /* if it is there */',
    ),
    (
        ops.Protect(NINE, "sys"),
        'mount_setattr(<clone of 9/sys>, "", AT_EMPTY_PATH|AT_RECURSIVE,'
        " {attr_set=MOUNT_ATTR_RDONLY}) /* if it is there */",
    ),
    (
        ops.OpenConsole(ONE, NINE, NO_SLOT, 24, 80, 0),
        "ioctl(<ptmx>, TIOCGPTPEER, O_RDWR|O_NOCTTY|O_CLOEXEC) = 1<terminal>; "
        "sendmsg(<launcher>, {cmsg_type=SCM_RIGHTS, cmsg_data=[<ptmx>]}, MSG_NOSIGNAL)",
    ),
    (ops.UseTerminal(NINE), "ioctl(9, TIOCSCTTY, 0)"),
    (ops.UseStdio(NINE, NO_SLOT, ONE), "dup2(9, 0); dup2(1, 2)"),
    (ops.OwnStdio(7), "fchown(0..2, 7, -1) /* those that are pipes or sockets of somebody else */"),
    (
        ops.OpenInside(ONE, NINE, "proc"),
        'openat2(9, "proc", {flags=O_RDONLY|O_CLOEXEC|O_PATH,'
        " resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT})"
        " = 1<9/proc>",
    ),
    (ops.SetHostname("web"), 'sethostname("web", 3)'),
    (ops.SetDomainname("lan"), 'setdomainname("lan", 3)'),
    (ops.WriteSysctl("net/ipv4/ip_forward", "1"), 'write(</proc/sys/net/ipv4/ip_forward>, "1")'),
    (
        ops.SetRlimit(7, 1024, (1 << 64) - 1),
        "prlimit64(PID, RLIMIT_NOFILE, {rlim_cur=1024, rlim_max=RLIM64_INFINITY}, NULL)",
    ),
    (ops.SetUmask(0o22), "umask(022)"),
    (
        ops.SetIoPriority(2 << 13 | 4),
        "ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4))",
    ),
    (
        ops.SetScheduler(3, (1 << 32) - 5, 0, 1, 0, 0, 0),
        "sched_setattr(0, {sched_policy=SCHED_BATCH, sched_flags=SCHED_FLAG_RESET_ON_FORK,"
        " sched_nice=-5}, 0)",
    ),
    (ops.SetAffinity(b"\x05" + bytes(7)), "sched_setaffinity(0, 8, [0, 2])"),
    (
        ops.SetMemoryPolicy(2 | 1 << 15, b"\x02" + bytes(7)),
        "set_mempolicy(MPOL_BIND|MPOL_F_STATIC_NODES, [1], 65)",
    ),
    (ops.SetPersonality(8), "personality(PER_LINUX32)"),
    (ops.JoinKeyring("_ses.web"), 'keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web")'),
    (ops.NoNewPrivileges(), "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)"),
    (
        ops.LoadSeccomp(bytes(24), 1 << 2 | 1 << 3),
        "seccomp(SECCOMP_SET_MODE_FILTER,"
        " SECCOMP_FILTER_FLAG_SPEC_ALLOW|SECCOMP_FILTER_FLAG_NEW_LISTENER,"
        " {len=3, filter=...})",
    ),
    (
        ops.SendSeccompListener("/run/agent", ("{", "}")),
        "pidfd_getfd(<pidfd of PID>, its listener, 0) = <listener>; "
        "sendmsg(<agent>, {msg_iov=[the container's state], cmsg_type=SCM_RIGHTS,"
        " cmsg_data=[<listener>]},"
        " MSG_NOSIGNAL)",
    ),
    (ops.DropBounding(1), "prctl(PR_CAPBSET_DROP, ~[CAP_CHOWN]) /* one by one */"),
    (
        ops.SetUser(1000, 100, struct.pack("<2I", 5, 6)),
        "setgroups(2, [5, 6]); setresgid(100, 100, 100); setresuid(1000, 1000, 1000)",
    ),
    (ops.SetUser(0, 0, b"", ops.KEEP_GROUPS), "setresgid(0, 0, 0); setresuid(0, 0, 0)"),
    (
        ops.SetCapabilities(1, 3, 1, 1),
        "capset({version=_LINUX_CAPABILITY_VERSION_3}, {effective=CAP_CHOWN,"
        " permitted=CAP_CHOWN|CAP_DAC_OVERRIDE, inheritable=CAP_CHOWN}); "
        "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN) /* one by one */",
    ),
    (
        ops.SetCapabilities((1 << 41) - 2, (1 << 41) - 2, 0, 0),
        "capset({version=_LINUX_CAPABILITY_VERSION_3}, {effective=permitted=~[CAP_CHOWN],"
        " inheritable=0})",
    ),
    (ops.ChangeDirectory("/w", ops.IF_PERMITTED), 'chdir("/w") /* may be refused */'),
    (ops.FindProgram("/bin/sh", "/bin"), 'faccessat2(AT_FDCWD, "/bin/sh", X_OK, AT_EACCESS)'),
    (
        ops.FindProgram("sh", "/bin:/sbin"),
        'faccessat2(AT_FDCWD, "$PATH/sh", X_OK, AT_EACCESS) /* PATH is /bin:/sbin */',
    ),
    (ops.AwaitStart(NINE), "accept4(9, NULL, NULL, SOCK_CLOEXEC)"),
    (ops.Execute(("sh", "-c"), ("A=b",)), 'execve("sh", ["sh", "-c"], [/* 1 variables */])'),
    (
        ops.FindHome(7),
        'open("/etc/passwd", O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC) = </etc/passwd> /* HOME'
        " of user 7 */",
    ),
    (ops.NextPart(), "recvmsg(<control socket>) /* the next part of the plan */"),
    (ops.UseProgram(NINE), "fcntl(9, F_DUPFD_CLOEXEC, 3)"),
    (
        ops.SendOpened(NINE, "proc", NINE),
        "sendmsg(9, {cmsg_type=SCM_RIGHTS, cmsg_data=[<9/proc>]}, MSG_NOSIGNAL) /* or the errno */",
    ),
    (ops.Serve(NINE, "/"), "recvmsg(9) /* programs to start, until the container ends */"),
    (
        ops.ReceiveFile("w/a", 0o644, 100),
        'openat(<w>, "a", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) = <w/a>',
    ),
    (
        ops.SendFile("w/a", 100),
        'openat2(</>, "w/a", {flags=O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC,'
        " resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT}) = <w/a>",
    ),
    (
        ops.ListDirectory("w", 100),
        'openat2(</>, "w", {flags=O_DIRECTORY|O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC,'
        " resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT}) = <w>",
    ),
]


def lines(*operations: Operation, side: Side = LAUNCHER, inherited: int = 0) -> list[str]:
    """The notation of each operation, without what only prepares or checks."""
    plan = Plan(tuple(Step(side, op) for op in operations), 20, inherited)
    return ["; ".join(call.text for call in calls if not call.detail) for calls in notate(plan)]


@pytest.mark.parametrize(
    ("operation", "expected"),
    TABLE,
    ids=[f"{number}-{type(operation).__name__}" for number, (operation, _) in enumerate(TABLE)],
)
def test_an_operation_in_strace_notation(operation: Operation, expected: str) -> None:
    assert lines(operation) == [expected]


def test_the_table_has_every_operation() -> None:
    everything = set(ops.operations().values())
    assert {type(operation) for operation, _ in TABLE} == set(NOTATIONS) == everything


def test_slots_are_what_was_put_into_them() -> None:
    root, dev, shm = Slot(0), Slot(1), Slot(2)
    shown = lines(
        ops.CloneTree(root, NO_SLOT, "/bundle/rootfs"),
        ops.Attach(root, NO_SLOT, "/"),
        ops.NewFilesystem(dev, "tmpfs", "tmpfs", ()),
        ops.Attach(dev, root, "dev", ops.CREATE),
        ops.NewFilesystem(shm, "tmpfs", "shm", ()),
        ops.Attach(shm, dev, "shm", ops.CREATE),
        ops.SetMount(shm, 1),
        ops.PivotRoot(root),
    )
    assert [line.rpartition(" = ")[2] for line in shown[::2][:3]] == [
        "0<root>",
        "1<tmpfs>",
        "2<tmpfs>",
    ]
    assert shown[1].startswith('move_mount(0<root>, "", </>, "", ')
    assert shown[5].startswith('move_mount(2<tmpfs>, "", <root/dev/shm>, "", ')
    assert shown[6].startswith("mount_setattr(2<root/dev/shm>, ")


def test_inherited_slots_are_what_they_are_used_for() -> None:
    shown = lines(
        ops.SendPidfd(Slot(0)), ops.AwaitStart(Slot(1)), ops.Join(Slot(2), 0x20000), inherited=3
    )
    assert [line.partition(",")[0] for line in shown] == [
        "sendmsg(0<pidfd socket>",
        "accept4(1<start socket>",
        "setns(2<pidfd>",
    ]


def test_the_container_sets_its_own_limits() -> None:
    (own,) = lines(ops.SetRlimit(7, 1, 2), side=CONTAINER)
    assert own.startswith("prlimit64(0, ")


def test_a_middle_process_clones_for_the_launcher() -> None:
    (line,) = lines(ops.Clone(0), side=MIDDLE)
    assert line == "clone3({flags=CLONE_PIDFD|CLONE_PARENT_SETTID|CLONE_PARENT}) = PID"


def test_the_second_change_of_directory_is_for_the_first_ones_failure() -> None:
    first, second = lines(ops.ChangeDirectory("/w", ops.IF_PERMITTED), ops.ChangeDirectory("/w"))
    assert (first, second) == (
        'chdir("/w") /* may be refused */',
        'chdir("/w") /* if it was refused before */',
    )


def test_values_that_fsconfig_has_no_room_for_go_through_mount() -> None:
    layers = "lowerdir=" + ":".join(["/layers/0123456789"] * 20)
    (line,) = lines(ops.NewFilesystem(ONE, "overlay", "overlay", (layers, "ro"), 2))
    assert line.startswith('mount("overlay", "/proc", "overlay", MS_RDONLY, "lowerdir=/layers/')
    assert 'mount_setattr(1<overlay>, "", AT_EMPTY_PATH, {attr_set=MOUNT_ATTR_NOSUID' in line


def test_what_is_read_from_a_terminal_cannot_be_forged() -> None:
    assert quoted('a"\n\033[2J\udcff') == '"a\\"\\n\\033[2J\\377"'
    (line,) = lines(ops.WriteCgroup("/\033[2J\udcff", "1"))
    assert line == 'write(</\\033[2J\\377>, "1")'
    assert quoted("x" * 200) == f'"{"x" * 96}"...'


def test_no_call_is_without_effect() -> None:
    every = chain.from_iterable(notate(Plan(tuple(Step(LAUNCHER, op) for op, _ in TABLE), 20)))
    assert all(call.name and not call.name.startswith("_") for call in every)
