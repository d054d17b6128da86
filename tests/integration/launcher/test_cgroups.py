"""Control groups: made, limited, entered."""

from __future__ import annotations

import errno
import os
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from orlop.launch.plan import (
    CGROUP_NEW,
    CGROUP_REMOVE,
    CONTAINER,
    LAUNCHER,
    LINGER,
    STAY,
    AttachDeviceFilter,
    ChangeDirectory,
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
    NEWPID,
    failure,
    output,
    sh,
    started,
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


def _fresh_cgroups() -> list[Path]:
    return [hierarchy.at / "launcher" for hierarchy in isolation.hierarchies()]


def _made(
    paths: list[Path], flags: int = CGROUP_NEW | CGROUP_REMOVE
) -> list[tuple[Side, Operation]]:
    return [(LAUNCHER, MakeCgroup(str(path), flags)) for path in paths]


def test_cgroups_are_removed_at_the_end() -> None:
    paths = _fresh_cgroups()
    with started(*_made(paths), (LAUNCHER, Clone(NEWPID)), *sh("exit 3")) as running:
        running.wait_running()
        assert running.wait_exit() == 3
        assert running.read_report().cgroups_left == 0
    assert not any(path.exists() for path in paths)


def test_cgroups_are_removed_after_a_failure() -> None:
    paths = _fresh_cgroups()
    failure(
        *_made(paths), (LAUNCHER, Clone(NEWPID)), (CONTAINER, ChangeDirectory("/nope")), *sh("")
    )
    assert not any(path.exists() for path in paths)


def test_cgroups_of_others_are_not_removed() -> None:
    paths = _fresh_cgroups()
    for path in paths:
        path.mkdir()
    try:
        with started(*_made(paths, CGROUP_REMOVE), (LAUNCHER, Clone(0)), *sh("")) as running:
            running.wait_running()
            running.wait_exit()
        assert all(path.exists() for path in paths)
    finally:
        for path in paths:
            isolation.remove_cgroup(path)


def test_what_is_in_use_is_left_and_counted() -> None:
    paths = _fresh_cgroups()[:1]
    with subprocess.Popen(["sleep", "100"]) as other:
        try:
            with started(*_made(paths), (LAUNCHER, Clone(0)), *sh("exec sleep 100")) as running:
                running.wait_running()
                (paths[0] / "cgroup.procs").write_text(str(other.pid))
                running.send_signal(signal.SIGKILL)
                running.wait_exit()
                assert running.read_report().cgroups_left == 1
        finally:
            other.kill()
            other.wait()
            isolation.remove_cgroup(paths[0])


def test_the_caller_can_read_what_was_used_until_it_hangs_up() -> None:
    paths = _fresh_cgroups()
    flags = STAY | LINGER
    with started(*_made(paths), (LAUNCHER, Clone(NEWPID)), *sh("exit 4"), flags=flags) as running:
        assert running.wait_ended() == 4 << 8
        assert not running.has_ended()
        assert all(path.exists() for path in paths)
        running.hang_up()
        assert running.wait_exit() == 4
    assert not any(path.exists() for path in paths)


def test_so_many_cannot_be_remembered() -> None:
    path = _fresh_cgroups()[0]
    many = [path, *(path / str(number) for number in range(64))]
    error = failure(*_made(many), (LAUNCHER, Clone(0)), *sh(""))
    assert (error.op, error.errno) == ("make_cgroup", errno.E2BIG)
    assert not path.exists()
