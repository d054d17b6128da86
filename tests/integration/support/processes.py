"""What /proc says of a process, on the host's side."""

from __future__ import annotations

import os
from pathlib import Path

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended (a zombie has)."""
    try:
        return status(pid)["State"][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def status(pid: int | str) -> dict[str, str]:
    """The fields of /proc/PID/status."""
    return parse_status(Path(f"/proc/{pid}/status").read_text())


def parse_status(text: str) -> dict[str, str]:
    """The fields of a text in the form of /proc/PID/status."""
    return {
        key: value.strip()
        for key, colon, value in (line.partition(":") for line in text.splitlines())
        if colon
    }


def namespace(pid: int | str, kind: str) -> str:
    """The identity of a namespace of a process, as `mnt:[4026531840]`."""
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def state_letter(pid: int) -> str:
    """The scheduler's state: R, S, D, T, Z, ..."""
    return status(pid)["State"][0]


def children(pid: int) -> list[int]:
    """The PIDs of the processes whose parent is `pid`."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found
