"""What is in /dev: the specification's default devices, those of the configuration, and links.

Nodes are made with mknod(2), or, in a user namespace, where that is refused, by binding the
host's. If the configuration binds something over /dev, its content is left as it is.
"""

from __future__ import annotations

import os
import stat

from orlop.kernel.mounts import parse_options
from orlop.launch.plan import (
    CREATE,
    NO_SLOT,
    Attach,
    CloneTree,
    MakeNode,
    MakeSymlink,
    Open,
    OpenConsole,
    UseTerminal,
)
from orlop.records import Record
from orlop.runtime.paths import normal
from orlop.runtime.spec import Box

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.launch.plan import Slot
    from orlop.runtime.planner.builder import Builder
    from orlop.runtime.planner.rootfs import Sources
    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Device, Process, Spec


class Node(Record):
    """A device node as it shall be, and why; `mode` has the file type."""

    path: str
    mode: int
    major: int
    minor: int
    uid: int = 0
    gid: int = 0
    reason: str = "default device"


def _character(path: str, major: int, minor: int) -> Node:
    return Node(path, stat.S_IFCHR | 0o666, major, minor)


# runtime-spec config-linux.md#default-devices; /dev/console and /dev/ptmx are made elsewhere.
_DEFAULT = (
    _character("/dev/null", 1, 3),
    _character("/dev/zero", 1, 5),
    _character("/dev/full", 1, 7),
    _character("/dev/random", 1, 8),
    _character("/dev/urandom", 1, 9),
    _character("/dev/tty", 5, 0),
)
# runtime-spec runtime-linux.md#dev-symbolic-links
_LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)
_FILE_TYPES = {
    "b": stat.S_IFBLK,
    "c": stat.S_IFCHR,
    "u": stat.S_IFCHR,
    "p": stat.S_IFIFO,
}


def _bound_over(spec: Spec, path: str) -> bool:
    return any(
        normal(mount.destination) == path and parse_options(mount.options).bind
        for mount in spec.mounts
    )


def device_nodes(spec: Spec) -> tuple[Node, ...]:
    """The nodes that the container gets; those of the configuration replace defaults."""
    if _bound_over(spec, "/dev"):
        return ()
    nodes = {node.path: node for node in _DEFAULT}
    for index, device in enumerate(spec.linux.devices):
        node = _configured(device, f"OCI linux.devices[{index}]: {device.path}")
        nodes[node.path] = node
    return tuple(nodes.values())


def _configured(device: Device, reason: str) -> Node:
    mode = 0o666 if device.file_mode is None else device.file_mode & 0o7777
    return Node(
        normal(device.path),
        _FILE_TYPES[device.type] | mode,
        device.major or 0,
        device.minor or 0,
        device.uid or 0,
        device.gid or 0,
        reason,
    )


def plan_device_sources(b: Builder, spec: Spec, sources: Sources) -> dict[str, Slot]:
    """Clones of the host's nodes, for a container in a user namespace."""
    if not any(namespace.type == "user" for namespace in spec.linux.namespaces):
        return {}
    return {
        node.path: sources.clone(node.path, f"{node.reason} of the host", recursive=False)
        for node in device_nodes(spec)
    }


def plan_devices(b: Builder, spec: Spec, clones: dict[str, Slot]) -> None:
    """Nodes and links in /dev."""
    for node in device_nodes(spec):
        base, rest = b.locate(node.path)
        if node.path in clones:
            b.container(Attach(clones[node.path], base, rest, CREATE), node.reason)
        else:
            op = MakeNode(base, rest, node.mode, node.major, node.minor, node.uid, node.gid)
            b.container(op, node.reason)
    if _bound_over(spec, "/dev"):
        return
    for path, target in _LINKS:
        b.container(MakeSymlink(*b.locate(path), target), "default link")
    b.container(MakeSymlink(*b.locate("/dev/ptmx"), "pts/ptmx"), "default link")


def plan_console(b: Builder, spec: Spec, process: Process, situation: Situation) -> Slot | None:
    """The terminal of a container's first process: from its devpts, and bound on /dev/console."""
    if not process.terminal:
        return None
    devpts, rest = b.locate("/dev/pts")
    terminal = _open_console(b, devpts if not rest else NO_SLOT, process, situation)
    if not _bound_over(spec, "/dev/console"):
        console = b.slot()
        b.container(CloneTree(console, terminal, ""), "OCI process.terminal: /dev/console")
        b.container(Attach(console, *b.locate("/dev/console"), CREATE), "the terminal as console")
    return terminal


def plan_exec_console(b: Builder, process: Process, situation: Situation) -> Slot | None:
    """The terminal of a further process, from what the running container has at /dev/pts.

    That it is a devpts, whatever the container has done to its /dev, is checked by descriptor.
    """
    if not process.terminal:
        return None
    devpts = b.slot()
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
    b.container(Open(devpts, "/dev/pts", flags), "OCI process.terminal: the container's devpts")
    return _open_console(b, devpts, process, situation)


def _open_console(b: Builder, devpts: Slot, process: Process, situation: Situation) -> Slot:
    terminal = b.slot()
    size = process.console_size or Box(0, 0)
    socket = situation.handed.slot("console")
    op = OpenConsole(terminal, devpts, socket, size.height, size.width, process.user.uid)
    b.container(op, "OCI process.terminal")
    return terminal


def plan_use_terminal(b: Builder, terminal: Slot | None) -> None:
    """Makes the terminal the process's own."""
    if terminal is not None:
        b.container(UseTerminal(terminal), "OCI process.terminal")
