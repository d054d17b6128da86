"""/proc/PID/mountinfo, as records: proc_pid_mountinfo(5)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MountPoint:
    """One mount.

    Attributes:
        root: what of the file system is mounted.
        target: where.
        options: of the mount itself.
        propagation: the optional fields, such as `shared:3`; empty if it is private.
        fstype: the file system's type.
        source: what the file system calls its source.
        super_options: of the file system.
    """

    root: str
    target: str
    options: frozenset[str]
    propagation: tuple[str, ...]
    fstype: str
    source: str
    super_options: frozenset[str]


def parse(text: str) -> list[MountPoint]:
    """All mounts of a mountinfo file, in its order: what is mounted over comes first."""
    return [_parse_line(line) for line in text.splitlines() if " - " in line]


def _parse_line(line: str) -> MountPoint:
    before, _, after = line.partition(" - ")
    _, _, _, root, target, options, *propagation = before.split(" ")
    fstype, source, super_options = [*after.split(" "), ""][:3]
    return MountPoint(
        root=_plain(root),
        target=_plain(target),
        options=frozenset(options.split(",")),
        propagation=tuple(propagation),
        fstype=fstype,
        source=source,
        super_options=frozenset(super_options.split(",")),
    )


def _plain(text: str) -> str:
    return text.encode().decode("unicode_escape") if "\\" in text else text


def at(text: str, target: str) -> MountPoint:
    """The topmost mount at `target`.

    Raises:
        AssertionError: nothing is mounted there.
    """
    found = [mount for mount in parse(text) if mount.target == target]
    assert found, f"nothing is mounted at {target}:\n{text}"
    return found[-1]
