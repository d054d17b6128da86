"""What holds for a container after its start, read off its plan: for comparing two of them.

A fact is about something (topic and key) and says one or several words about it. It knows the steps
that it comes from, so that what a plan does and what is said about it can be told side by side.
"""

from __future__ import annotations

import stat
import struct

from orlop.insight.notation import walk
from orlop.insight.notation.constants import CLONE, MOUNT_ATTR, MS, RLIMITS, flags, limit, octal
from orlop.insight.notation.network import addresses
from orlop.insight.notation.scene import ROOT as SCENE_ROOT
from orlop.kernel import capabilities
from orlop.kernel.namespaces import BY_FLAG
from orlop.launch import plan as ops
from orlop.launch.plan import NO_SLOT, RECURSIVE
from orlop.records import Record
from orlop.runtime.spec import ROOTFS_PROPAGATIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from orlop.insight.notation.scene import Scene
    from orlop.launch.plan import Operation, Plan, Slot

    Said = tuple[str, str, tuple[str, ...]]  # topic, key, words
    Table = dict[type[Operation], Callable[[Any, Scene], Iterator[Said]]]

NAMESPACES, NETWORK, SETTINGS, NAMES = "namespaces", "network", "kernel settings", "names"
LIMITS, NODES, LINKS, MOUNTS = "limits", "device nodes", "links", "mounts"
CGROUPS, ID_MAPS = "control groups", "id maps"
HIDDEN, PROTECTED, ROOT = "hidden paths", "read-only paths", "root file system"
CAPABILITIES, PRIVILEGES, PROCESS, HOOKS = "capabilities", "privileges", "process", "hooks"
SYSTEM_CALLS, DEVICES = "system calls", "devices that may be used"


_PROPAGATIONS = frozenset(ROOTFS_PROPAGATIONS)
_LAST_ONE_COUNTS = frozenset({(PROCESS, "user")})


class Fact(Record):
    """Something that holds; `steps` are indexes of the plan's steps.

    Where the words are not in the plan (what a seccomp filter does, which devices may be used), and
    where there is nothing to say, there are none.
    """

    topic: str
    key: str
    words: frozenset[str]
    steps: frozenset[int]


def facts_of(plan: Plan) -> dict[tuple[str, str], Fact]:
    """All facts, by topic and key."""
    found: dict[tuple[str, str], Fact] = {}
    targets = _targets(plan)
    for index, (step, _, scene) in enumerate(walk(plan)):
        say = _TABLE.get(type(step.op))
        said = list(say(step.op, scene)) if say else []
        mount, about = _of_mount(step.op, scene)
        if mount in targets:
            said.append((*targets[mount], about))
        for topic, key, words in said:
            before = found.get((topic, key), Fact(topic, key, frozenset(), frozenset()))
            kept = before.words - _replaced(topic, key, words, before.words)
            found[topic, key] = Fact(topic, key, kept | set(words), before.steps | {index})
    return found


def _replaced(
    topic: str, key: str, words: tuple[str, ...], before: frozenset[str]
) -> frozenset[str]:
    """Which words do not hold any more when these are said: of some things the last one counts."""
    if words and (topic, key) in _LAST_ONE_COUNTS:
        return before
    if topic in (MOUNTS, ROOT) and not _PROPAGATIONS.isdisjoint(words):
        return _PROPAGATIONS
    return frozenset()


def _inside(scene: Scene, base: Slot, path: str) -> str:
    """A path as the container has it."""
    return scene.place(base, path).removeprefix(SCENE_ROOT) or "/"


# --- control groups, namespaces -------------------------------------------------------------


def _write_cgroup(op: ops.WriteCgroup, _: Scene) -> Iterator[Said]:
    file = op.path.rpartition("/")[2]
    if file.startswith("devices."):
        yield DEVICES, "", ()
    elif file != "cgroup.subtree_control":
        yield LIMITS, file, (op.value,)


def _make_cgroup(op: ops.MakeCgroup | ops.InheritCpuset, _: Scene) -> Iterator[Said]:
    yield CGROUPS, op.path, ()


def _attach_device_filter(_op: ops.AttachDeviceFilter, _: Scene) -> Iterator[Said]:
    yield DEVICES, "", ()


def _new_namespaces(op: ops.Clone | ops.Unshare, _: Scene) -> Iterator[Said]:
    for flag in CLONE:
        if op.flags & flag:
            yield NAMESPACES, BY_FLAG[flag].name, ("one of its own",)


def _join(op: ops.Join, s: Scene) -> Iterator[Said]:
    for flag in CLONE:
        if op.types & flag:
            yield NAMESPACES, BY_FLAG[flag].name, (f"that of {s.what(op.namespace)}",)


_WRITTEN = {
    "oom_score_adj": (LIMITS, "OOM score adjustment"),
    "uid_map": (ID_MAPS, "user ids"),
    "gid_map": (ID_MAPS, "group ids"),
    "timens_offsets": (NAMESPACES, "time offsets"),
    "attr/exec": (PRIVILEGES, "SELinux label"),
    "attr/apparmor/exec": (PRIVILEGES, "AppArmor profile"),
}


def _write_proc(op: ops.WriteProc, _: Scene) -> Iterator[Said]:
    if op.name in _WRITTEN:
        topic, key = _WRITTEN[op.name]
        yield topic, key, (op.data.decode("utf-8", "replace").strip(),)


def _run_id_map_helper(op: ops.RunIdMapHelper, _: Scene) -> Iterator[Said]:
    yield ID_MAPS, op.program, (" ".join(op.ranges),)


def _configure(op: ops.ConfigureNetDevice, _: Scene) -> Iterator[Said]:
    yield NETWORK, op.name, ("up", *(address for _, address in addresses(op.addresses)))


def _move(op: ops.MoveNetDevice, _: Scene) -> Iterator[Said]:
    yield NETWORK, op.new_name or op.name, (f"the host's {op.name}",)


def _hostname(op: ops.SetHostname, _: Scene) -> Iterator[Said]:
    yield NAMES, "hostname", (op.name,)


def _domainname(op: ops.SetDomainname, _: Scene) -> Iterator[Said]:
    yield NAMES, "domainname", (op.name,)


def _sysctl(op: ops.WriteSysctl, _: Scene) -> Iterator[Said]:
    yield SETTINGS, op.name.replace("/", "."), (op.value,)


def _hook(op: ops.RunHook, _: Scene) -> Iterator[Said]:
    yield HOOKS, op.path, (" ".join(op.argv),)


# --- devices, root --------------------------------------------------------------------------


def _node(op: ops.MakeNode, s: Scene) -> Iterator[Said]:
    kind = "b" if stat.S_ISBLK(op.mode) else "p" if stat.S_ISFIFO(op.mode) else "c"
    owner = f" of {op.uid}:{op.gid}" if op.uid or op.gid else ""
    what = f"{kind} {op.major}:{op.minor} {octal(stat.S_IMODE(op.mode))}{owner}"
    yield NODES, _inside(s, op.base, op.path), (what,)


def _link(op: ops.MakeSymlink, s: Scene) -> Iterator[Said]:
    yield LINKS, _inside(s, op.base, op.path), (op.target,)


def _mask(op: ops.Mask, s: Scene) -> Iterator[Said]:
    yield HIDDEN, _inside(s, op.base, op.path), ()


def _protect(op: ops.Protect, s: Scene) -> Iterator[Said]:
    yield PROTECTED, _inside(s, op.base, op.path), ()


def _pivot(_op: ops.PivotRoot, _: Scene) -> Iterator[Said]:
    yield ROOT, "entered by", ("pivot_root",)


def _switch(_op: ops.SwitchRoot | ops.ChangeRoot, _: Scene) -> Iterator[Said]:
    yield ROOT, "entered by", ("chroot",)


def _directory(op: ops.ChangeDirectory, _: Scene) -> Iterator[Said]:
    yield PROCESS, "working directory", (op.path,)


def _make_directory(_op: ops.MakeDirectory, _: Scene) -> Iterator[Said]:
    yield PROCESS, "working directory", ()


# --- the process ----------------------------------------------------------------------------


def _terminal(_op: ops.OpenConsole | ops.UseTerminal, _: Scene) -> Iterator[Said]:
    yield PROCESS, "terminal", ("of its own",)


def _rlimit(op: ops.SetRlimit, _: Scene) -> Iterator[Said]:
    name = RLIMITS.get(op.resource, str(op.resource))
    yield LIMITS, name, (f"{limit(op.soft)}:{limit(op.hard)}",)


def _umask(op: ops.SetUmask, _: Scene) -> Iterator[Said]:
    yield PROCESS, "umask", (octal(op.mask),)


def _bounding(op: ops.DropBounding, _: Scene) -> Iterator[Said]:
    yield CAPABILITIES, "bounding", capabilities.names(op.keep)


def _sets(op: ops.SetCapabilities, _: Scene) -> Iterator[Said]:
    for name in ("effective", "permitted", "inheritable", "ambient"):
        yield CAPABILITIES, name, capabilities.names(getattr(op, name))


def _user(op: ops.SetUser, _: Scene) -> Iterator[Said]:
    numbers = struct.unpack(f"<{len(op.groups) // 4}I", op.groups)
    groups = f" with groups {', '.join(map(str, numbers))}" if numbers else ""
    yield PROCESS, "user", (f"{op.uid}:{op.gid}{groups}",)


def _no_new_privileges(_op: ops.NoNewPrivileges, _: Scene) -> Iterator[Said]:
    yield PRIVILEGES, "no_new_privs", ("set",)


def _seccomp(_op: ops.LoadSeccomp, _: Scene) -> Iterator[Said]:
    yield SYSTEM_CALLS, "", ()


def _keyring(_op: ops.JoinKeyring, _: Scene) -> Iterator[Said]:
    yield PRIVILEGES, "session keyring", ("of its own",)


def _execute(op: ops.Execute, _: Scene) -> Iterator[Said]:
    yield PROCESS, "arguments", (" ".join(op.argv),)
    for entry in op.env:
        yield PROCESS, f"variable {entry.partition('=')[0]}", (entry.partition("=")[2],)


def _home(_op: ops.FindHome | ops.OwnStdio, _: Scene) -> Iterator[Said]:
    yield PROCESS, "user", ()


def _find(_op: ops.FindProgram, _: Scene) -> Iterator[Said]:
    yield PROCESS, "arguments", ()


_TABLE: Table = {
    ops.MakeCgroup: _make_cgroup,
    ops.InheritCpuset: _make_cgroup,
    ops.WriteCgroup: _write_cgroup,
    ops.AttachDeviceFilter: _attach_device_filter,
    ops.Clone: _new_namespaces,
    ops.Unshare: _new_namespaces,
    ops.Join: _join,
    ops.WriteProc: _write_proc,
    ops.RunIdMapHelper: _run_id_map_helper,
    ops.ConfigureNetDevice: _configure,
    ops.MoveNetDevice: _move,
    ops.SetHostname: _hostname,
    ops.SetDomainname: _domainname,
    ops.WriteSysctl: _sysctl,
    ops.RunHook: _hook,
    ops.MakeNode: _node,
    ops.MakeSymlink: _link,
    ops.Mask: _mask,
    ops.Protect: _protect,
    ops.PivotRoot: _pivot,
    ops.SwitchRoot: _switch,
    ops.ChangeRoot: _switch,
    ops.ChangeDirectory: _directory,
    ops.MakeDirectory: _make_directory,
    ops.OpenConsole: _terminal,
    ops.UseTerminal: _terminal,
    ops.FindHome: _home,
    ops.OwnStdio: _home,
    ops.FindProgram: _find,
    ops.SetRlimit: _rlimit,
    ops.SetUmask: _umask,
    ops.DropBounding: _bounding,
    ops.SetUser: _user,
    ops.SetCapabilities: _sets,
    ops.NoNewPrivileges: _no_new_privileges,
    ops.LoadSeccomp: _seccomp,
    ops.JoinKeyring: _keyring,
    ops.Execute: _execute,
}


# --- mounts ---------------------------------------------------------------------------------


def _targets(plan: Plan) -> dict[Slot, tuple[str, str]]:
    """Topic and key of each mount by its slot: where it is attached in the end."""
    found = {}
    for step, _, scene in walk(plan):
        op = step.op
        if isinstance(op, ops.Attach):
            is_root = scene.what(op.mount) == SCENE_ROOT
            found[op.mount] = (ROOT, "/") if is_root else (MOUNTS, _at(scene, op))
        elif isinstance(op, ops.Mask):  # what paths are hidden with
            found[op.null] = found[op.empty] = (HIDDEN, "")
        elif isinstance(op, ops.OpenInside):
            found[op.out] = (MOUNTS, _inside(scene, op.base, op.path))
    return found


def _at(scene: Scene, op: ops.Attach) -> str:
    return _inside(scene, op.base, op.path)


def _of_mount(op: Operation, scene: Scene) -> tuple[Slot, tuple[str, ...]]:
    """The slot of the mount that an operation makes or changes, and what it says about it."""
    match op:
        case ops.NewFilesystem():
            own = () if op.source in ("", op.type, "none") else (f"source={op.source}",)
            return op.out, (f"new {op.type}", *own, *op.options, *_options(op.attributes))
        case ops.CloneTree():
            tree = "rbind" if op.flags & RECURSIVE else "bind"
            return op.out, (f"{tree} of {scene.place(op.base, op.path)}",)
        case ops.SetMount():
            propagation = flags(op.propagation, MS).removeprefix("MS_").lower()
            words = (f"r{propagation}" if op.recursive else propagation,) if op.propagation else ()
            mapped = () if op.user_namespace == NO_SLOT else ("idmap",)
            return op.mount, (*_options(op.set), *words, *mapped)
        case ops.Attach() | ops.CopyUp():
            return op.mount, ("tmpcopyup",) if isinstance(op, ops.CopyUp) else ()
        case _:
            return NO_SLOT, ()


def _options(attributes: int) -> tuple[str, ...]:
    """MOUNT_ATTR_ bits as mount options."""
    names = (name for value, name in MOUNT_ATTR.items() if value.bit_count() == 1)
    bits = {name: value for value, name in MOUNT_ATTR.items()}
    words = (_OPTION_NAMES.get(name, name) for name in names if attributes & bits[name])
    return tuple(word.removeprefix("MOUNT_ATTR_").lower() for word in words)


_OPTION_NAMES = {"MOUNT_ATTR_RDONLY": "ro", "MOUNT_ATTR_IDMAP": "idmap"}
