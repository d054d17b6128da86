"""The context of a target, read from the kernel: what is copied for the probe, and what decides.

Nothing is taken from a configuration, so it is the same for a container of any engine and for a
plain process.
"""

from __future__ import annotations

import os
import stat

from orlop.errors import PermissionDenied, Unsupported
from orlop.insight.filters import NONE, STRICT, action_for, read_filters, reading_of
from orlop.insight.limits import read_cgroups
from orlop.insight.mounts import read_mounts
from orlop.insight.probe import facts as of
from orlop.insight.probe.attempts import ATTEMPTS
from orlop.insight.probe.budget import Room
from orlop.insight.probe.facts import Devices, Facts, Machine, after_execve
from orlop.insight.proof.cgroups import name_of
from orlop.kernel import capabilities, idmap, lsm
from orlop.kernel import process as processes
from orlop.kernel.cgroup import control, convert, devices, devices_attach
from orlop.kernel.cgroup.settings import place_of, unified_of
from orlop.kernel.features import read_features
from orlop.kernel.namespaces import NAMESPACES, USER, lineage
from orlop.records import Record
from orlop.runtime.spec import Capabilities, Process, Rlimit, User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.insight.filters import Action, FilterReading
    from orlop.insight.limits import Cgroups
    from orlop.insight.mounts import Mounts
    from orlop.insight.probe.attempts import Attempt
    from orlop.insight.targets import Target
    from orlop.kernel.features import Features
    from orlop.kernel.process import Status
    from orlop.kernel.seccomp_live import LiveFilter

_NODE_DIRECTORIES = ("/tmp", "/run", "/", "/dev")  # noqa: S108 (in the container)
_PROC, _CGROUPS = "/proc", "/sys/fs/cgroup"
_NULL, _MEMORY, _LOG, _TERMINALS = ((1, 3), (1, 1), (1, 11), (5, 2))
_SYSCTLS = (
    "dev.tty.legacy_tiocsti",
    "kernel.dmesg_restrict",
    "kernel.io_uring_disabled",
    "kernel.kexec_load_disabled",
    "kernel.modules_disabled",
    "kernel.perf_event_paranoid",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "user.max_user_namespaces",
    "vm.unprivileged_userfaultfd",
)


class Context(Record):
    """A target's context.

    Attributes:
        facts: what decides about the attempts.
        process: what the probe has to be as a process; without its arguments.
        filters: the seccomp filters of the target's first process.
        differing: the kinds of namespaces in which it differs from this process.
        groups_fixed: see `Facts`.
        cgroups: its control groups.
        room: what there is for trying limits.
        node_directory: where a device node can be made in it, "" if nowhere.
        notes: what could not be copied.
    """

    facts: Facts
    process: Process
    filters: tuple[LiveFilter, ...]
    differing: tuple[str, ...]
    cgroups: Cgroups
    room: Room
    node_directory: str
    notes: tuple[str, ...] = ()


def read_context(target: Target, canary: str) -> Context:
    """The context of a target's first process, as it is now.

    Args:
        target: what is looked at.
        canary: host path of a file that may be visible in the target, or not.

    Raises:
        NotFound: the process has ended.
        PermissionDenied, SyscallError, LaunchError: this process may not look at it.
        Conflict, DeadlineExceeded: its seccomp filters cannot be read now.
        Unsupported: it has a root of its own (chroot).
    """
    pid = target.process.pid
    features = read_features()
    if not features.is_privileged:
        what = f"cannot probe {target.name}: CAP_SYS_ADMIN over the host is needed"
        raise PermissionDenied(what, hint="be root")
    status = processes.read_status(pid)
    users = _Users(pid)
    mine, its = processes.namespaces(os.getpid()), processes.namespaces(pid)
    mounts = _mounts(target, canary)
    cgroups = read_cgroups(pid, name_of(target.asked, target) or target.id)
    filters, without = _filters(target, status)
    label = _label(pid, features)
    uid, host_uid = users.uid(status.uids[1]), status.uids[1]
    shared = frozenset(kind for kind, inode in its.items() if mine.get(kind) == inode)
    facts = Facts(
        capabilities=after_execve(
            status.capabilities, root=uid == 0, no_new_privileges=status.no_new_privileges
        ),
        uid=uid,
        host_uid=host_uid,
        host_users="user" in shared and features.initial_user_namespace,
        shared=shared,
        governed=_governed(pid, its["user"]),
        groups_fixed=users.groups_fixed,
        answers=answers_of(filters),
        paths={path: mounts.state(path).state for path in of.PATHS},
        cgroups=_cgroup_mounts(mounts),
        host_file_visible=_is_the_hosts(mounts, canary),
        host_proc=_is_the_hosts(mounts, _PROC),
        devices=_devices(cgroups),
        confined=label.confines,
        machine=_machine(features),
    )
    rlimits, notes = _rlimits(pid, features)
    may_run = processes.read_rlimits(pid)["RLIMIT_NPROC"][0]
    return Context(
        facts=facts,
        process=_process(status, users, rlimits, label),
        filters=filters.filters,
        differing=tuple(kind for kind in its if kind not in shared),
        cgroups=cgroups,
        room=_room(cgroups, may_run),
        node_directory=_node_directory(mounts, root=host_uid == 0),
        notes=(*notes, *without),
    )


# --- what the probe has to be ---------------------------------------------------------------


class _Users:
    """The ids of a process in its own user namespace."""

    def __init__(self, pid: int) -> None:
        self._uids, self._gids = processes.id_maps(pid)
        self.groups_fixed = control.read_or(f"/proc/{pid}/setgroups", "").strip() == "deny"

    def uid(self, host_id: int) -> int:
        return _inside(self._uids, host_id)

    def gid(self, host_id: int) -> int:
        return _inside(self._gids, host_id)

    def groups(self, host_ids: tuple[int, ...]) -> tuple[int, ...]:
        found = (idmap.to_container(self._gids, host_id) for host_id in host_ids)
        return tuple(gid for gid in found if gid is not None)


def _inside(maps: tuple[idmap.IdMap, ...], host_id: int) -> int:
    found = idmap.to_container(maps, host_id)
    if found is None:
        raise Unsupported(
            f"probing a process whose user or group {host_id} its user namespace does not have",
            needs="an id map that has it",
        )
    return found


class _Label(Record):
    """A security module's label, as a configuration has it."""

    apparmor: str | None = None
    selinux: str | None = None
    confines: bool = False


def _label(pid: int, features: Features) -> _Label:
    if features.apparmor:
        name, _, mode = lsm.read_label(pid, lsm.APPARMOR).partition(" (")
        if name and name != "unconfined":
            return _Label(apparmor=name, confines=mode != "complain)")
    if features.selinux:
        enforcing = control.read_or("/sys/fs/selinux/enforce", "0").strip() == "1"
        return _Label(selinux=lsm.read_label(pid, lsm.SELINUX) or None, confines=enforcing)
    return _Label()


def _process(status: Status, users: _Users, rlimits: tuple[Rlimit, ...], label: _Label) -> Process:
    sets = status.capabilities
    return Process(
        cwd="/",
        env=("HOME=/",),
        user=User(
            uid=users.uid(status.uids[1]),
            gid=users.gid(status.gids[1]),
            additional_gids=users.groups(status.groups),
        ),
        capabilities=Capabilities(
            *(
                capabilities.names(bits)
                for bits in (
                    sets.bounding,
                    sets.effective,
                    sets.inheritable,
                    sets.permitted,
                    sets.ambient,
                )
            )
        ),
        rlimits=rlimits,
        no_new_privileges=status.no_new_privileges,
        apparmor_profile=label.apparmor,
        selinux_label=label.selinux,
    )


def _filters(target: Target, status: Status) -> tuple[FilterReading, tuple[str, ...]]:
    """The seccomp filters; where the kernel does not show them, the one that was asked for."""
    found = read_filters(target.process)
    if found.mode == STRICT:
        raise Unsupported(f"probing {target.name}, which is in seccomp's strict mode", needs="exec")
    if found.problem is None:
        return found, ()
    profile = target.asked.linux.seccomp if target.asked is not None else None
    if profile is None or status.seccomp_filters > 1 or not isinstance(found.problem, Unsupported):
        raise found.problem
    note = "this kernel does not show seccomp filters: the one that was asked for is taken instead"
    return reading_of(profile), (note,)


def _rlimits(pid: int, features: Features) -> tuple[tuple[Rlimit, ...], tuple[str, ...]]:
    """Its resource limits, but that of CPU time: how much of it is left is not known.

    Who cannot raise limits leaves those that are higher at its own. What is the same anyway is left
    out: in a user namespace the right to set it may be missing.
    """
    highest, own = features.hard_limits, processes.read_rlimits()
    found, notes = [], []
    for name, (soft, hard) in processes.read_rlimits(pid).items():
        if name == "RLIMIT_CPU":
            continue
        most = min(hard, highest.get(name, hard))
        if most < hard:
            notes.append(f"{name} is {most} and not {hard}, since raising it is not permitted")
        if own[name] != (min(soft, most), most):
            found.append(Rlimit(name, min(soft, most), most))
    return tuple(found), tuple(notes)


# --- what decides ---------------------------------------------------------------------------


def _mounts(target: Target, canary: str) -> Mounts:
    paths = (canary, _PROC, *of.PATHS, *_NODE_DIRECTORIES)
    mounts = read_mounts(target.process, paths)
    if mounts.looked is None:
        raise Unsupported(f"probing {target.name}", needs=f"a look into it: {mounts.obstacle}")
    return mounts


def _governed(pid: int, user_namespace: int) -> frozenset[str]:
    """The kinds whose namespaces belong to this user namespace, or to one below it."""
    found = set()
    for kind in NAMESPACES:
        path = f"/proc/{pid}/ns/{kind.file}"
        if not os.path.exists(path):
            continue
        owners = (entry.inode for entry in lineage(path)[1:] if entry.kind is USER)
        if user_namespace in owners:
            found.add(kind.name)
    return frozenset(found)


def answers_of(filters: FilterReading) -> Mapping[str, Action]:
    """What seccomp filters answer to the attempts that they do not let through, by name.

    Raises:
        Unsupported: there is no libseccomp, which knows the numbers of system calls.
    """
    if filters.mode == NONE:
        return {}
    answers = ((attempt.name, _answer(filters, attempt)) for attempt in ATTEMPTS)
    return {name: answer for name, answer in answers if answer is not None}


def _answer(filters: FilterReading, attempt: Attempt) -> Action | None:
    """The first answer that is not yes."""
    for call in attempt.calls:
        answer = action_for(filters, call.name, call.arguments)
        if not answer.permits:
            return answer
    return None


def _cgroup_mounts(mounts: Mounts) -> int:
    found = [
        seen
        for seen in mounts.all
        if seen.mount.type in ("cgroup", "cgroup2")
        and not seen.covered
        and (seen.target == _CGROUPS or seen.target.startswith(f"{_CGROUPS}/"))
    ]
    if not found:
        return of.NOT_MOUNTED
    writable = any(seen.writable for seen in found)
    return of.WRITABLE_CGROUPS if writable else of.READ_ONLY_CGROUPS


def _is_the_hosts(mounts: Mounts, path: str) -> bool:
    """Whether what is at this path in the target is what is there on the host."""
    opened, mine = mounts.opened(path), os.stat(path)
    if opened is None or opened.errno:
        return False
    return (opened.device, opened.inode) == (mine.st_dev, mine.st_ino)


def _devices(cgroups: Cgroups) -> Devices:
    place, unified = place_of(cgroups.places, "devices"), unified_of(cgroups.places)
    if place is None:
        filtered = unified is not None and devices_attach.tags(unified.directory)
        return Devices(*(4 * [None if filtered else True]))
    rules = devices.parse_list(control.read(f"{place.directory}/devices.list"))

    def permits(number: tuple[int, int], access: int) -> bool:
        return rules.permits(devices.Devices(devices.CHARACTER, *number), access)

    return Devices(
        make=permits(_NULL, devices.MKNOD),
        use=permits(_LOG, devices.MKNOD) and permits(_LOG, devices.WRITE),
        memory=permits(_MEMORY, devices.READ),
        terminals=permits(_TERMINALS, devices.READ | devices.WRITE),
    )


def _node_directory(mounts: Mounts, *, root: bool) -> str:
    """A directory where a device node can be made, and would be one."""
    for path in _NODE_DIRECTORIES:
        opened, seen = mounts.opened(path), mounts.holding(path)
        if opened is None or opened.errno or seen is None or opened.read_only:
            continue
        writable = root or opened.mode & stat.S_IWOTH
        if stat.S_ISDIR(opened.mode) and writable and "nodev" not in seen.mount.options:
            return path
    return ""


# --- the machine ----------------------------------------------------------------------------


def _machine(features: Features) -> Machine:
    lockdown = control.read_or("/sys/kernel/security/lockdown", "[none]")
    return Machine(
        sysctls=_sysctls(),
        modules=os.path.exists("/proc/modules"),
        kexec=os.path.exists("/sys/kernel/kexec_loaded"),
        time_namespaces="time" in features.namespaces,
        locked_down="[none]" not in lockdown,
        capabilities=features.capabilities.permitted,
    )


def _sysctls() -> Mapping[str, int]:
    texts = {
        name: control.read_or(f"/proc/sys/{name.replace('.', '/')}", "").strip()
        for name in _SYSCTLS
    }
    return {name: int(text) for name, text in texts.items() if text}


def _room(cgroups: Cgroups, processes_limit: int) -> Room:
    memory = control.read("/proc/meminfo")
    numbers = {line.split(":")[0]: int(line.split()[1]) << 10 for line in memory.splitlines()}
    return Room(
        memory=numbers.get("MemAvailable", 0),
        swap=numbers.get("SwapTotal", 0),
        cpus=_cpus(cgroups),
        period_us=_period_us(cgroups),
        processes=processes_limit,
    )


def _cpus(cgroups: Cgroups) -> int:
    for subset in cgroups.subsets:
        if subset.kind == "CPUs":
            ranges = (part.partition("-") for part in subset.allowed.split(","))
            return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)
    return os.cpu_count() or 1


def _period_us(cgroups: Cgroups) -> int:
    place = place_of(cgroups.places, "cpu")
    if place is None:
        return convert.DEFAULT_PERIOD_US
    if place.v2:
        text = control.read_or(f"{place.directory}/cpu.max", "")
        return convert.cpu_max_parts(text)[1] or convert.DEFAULT_PERIOD_US
    text = control.read_or(f"{place.directory}/cpu.cfs_period_us", "")
    return int(text or convert.DEFAULT_PERIOD_US)
