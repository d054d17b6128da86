"""Control groups: made, limited, entered."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from orlop.launch.plan import (
    CGROUP_NEW,
    CONTAINER,
    LAUNCHER,
    AttachDeviceFilter,
    Clone,
    EnterCgroup,
    MakeCgroup,
    Open,
    Operation,
    Side,
    Slot,
    WriteCgroup,
)
from tests import isolation
from tests.integration.launcher.driver import (
    failure,
    output,
    sh,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.requires_cgroup_v1
def test_the_container_moves_itself_into_v1_cgroups() -> None:
    found = {h.options: h.at / "launcher" for h in isolation.hierarchies() if h.fstype == "cgroup"}
    memory, cpuset = found["memory"], found["cpuset"]
    try:
        shown = output(
            *[(LAUNCHER, MakeCgroup(str(path), CGROUP_NEW)) for path in found.values()],
            (LAUNCHER, WriteCgroup(f"{memory}/memory.limit_in_bytes", "67108864")),
            *[
                (LAUNCHER, Open(Slot(n), f"{path}/tasks", os.O_WRONLY))
                for n, path in enumerate(found.values())
            ],
            *_inherit_cpuset(str(cpuset)),
            (LAUNCHER, Clone(0)),
            *[(CONTAINER, EnterCgroup(Slot(n))) for n in range(len(found))],
            *sh("cat /proc/self/cgroup"),
            slots=len(found),
        )
        assert (memory / "memory.limit_in_bytes").read_text() == "67108864\n"
    finally:
        for path in found.values():
            isolation.remove_cgroup(path)
    rows = {line.split(":")[1]: line.split(":")[2] for line in shown.splitlines()}
    assert all(rows[options] == "/launcher" for options in found)


def _inherit_cpuset(path: str) -> list[tuple[Side, Operation]]:
    from orlop.launch.plan import InheritCpuset

    return [(LAUNCHER, InheritCpuset(path))]


def test_the_container_is_born_in_a_v2_cgroup() -> None:
    found = [h.at for h in isolation.hierarchies() if h.fstype == "cgroup2"]
    if not found:
        pytest.skip("no cgroup2 file system is mounted")
    path = found[0] / "launcher-born"
    try:
        shown = output(
            (LAUNCHER, MakeCgroup(str(path))),
            (LAUNCHER, Open(Slot(0), str(path), os.O_RDONLY | os.O_DIRECTORY)),
            (LAUNCHER, AttachDeviceFilter(Slot(0), _allow_all_devices())),
            (LAUNCHER, Clone(0, Slot(0))),
            *sh("grep 0:: /proc/self/cgroup"),
            slots=1,
        )
    finally:
        isolation.remove_cgroup(path)
    assert shown == "0::/launcher-born\n"


def _allow_all_devices() -> bytes:
    instruction = struct.Struct("<BBhi")
    return instruction.pack(0xB7, 0, 0, 1) + instruction.pack(0x95, 0, 0, 0)  # r0 = 1; exit


def test_a_cgroup_that_has_to_be_new() -> None:
    path = isolation.hierarchies()[0].at / "launcher-new"
    path.mkdir()
    try:
        error = failure(
            (LAUNCHER, MakeCgroup(str(path), CGROUP_NEW)), (LAUNCHER, Clone(0)), *sh("")
        )
        assert (error.op, error.errno, error.path) == ("make_cgroup", errno.EEXIST, str(path))
        assert (
            output((LAUNCHER, MakeCgroup(str(path))), (LAUNCHER, Clone(0)), *sh("echo x")) == "x\n"
        )
    finally:
        path.rmdir()
