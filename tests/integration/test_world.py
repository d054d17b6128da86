"""The integration tests' world is what tests/isolation.py promises, here and in the machine."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

import pytest

from tests import isolation

pytestmark = [pytest.mark.requires_root, pytest.mark.vm]


def test_namespaces_are_not_those_of_the_supervisor() -> None:
    theirs = Path("/proc", str(isolation.supervisor()), "ns")
    for kind in ("mnt", "cgroup", "net", "uts", "ipc"):
        assert os.readlink(theirs / kind) != os.readlink(f"/proc/self/ns/{kind}")


def test_strays_are_adopted_and_reaped() -> None:
    # The shell ends at once and leaves an orphan, which waits until its input ends.
    reader, writer = os.pipe()
    shell = "exec 3<&0; cat <&3 >/dev/null 2>&1 & echo $!"
    done = subprocess.run(
        ["sh", "-c", shell], stdin=reader, check=False, capture_output=True, text=True
    )
    stray = int(done.stdout)
    os.close(reader)
    with open(os.pidfd_open(stray), "rb") as pidfd:
        assert stray in isolation.descendants_of(isolation.supervisor())
        os.close(writer)
        select.select([pidfd], [], [])
    while stray in isolation.descendants_of(isolation.supervisor()):
        os.sched_yield()  # between its end and the supervisor's wait


@pytest.mark.requires_cgroup_v1
def test_cgroup_v1_hierarchies_are_the_sessions_own() -> None:
    for hierarchy in isolation.hierarchies():
        assert not list(hierarchy.at.glob("orlop-tests-*"))
        inner = hierarchy.at / "inner"
        inner.mkdir()
        inner.rmdir()
    paths = dict(line.split(":", 1) for line in Path("/proc/self/cgroup").read_text().split())
    assert {path.rpartition(":")[2] for number, path in paths.items() if number != "0"} == {"/"}


@pytest.mark.requires_cgroup_v2
def test_cgroup_v2_limits_what_is_in_it() -> None:
    group = Path("/sys/fs/cgroup/test-limits")
    group.mkdir()
    (group / "pids.max").write_text("1")
    script = f"echo 0 >{group}/cgroup.procs; /bin/true"
    done = subprocess.run(["sh", "-c", script], check=False, capture_output=True, text=True)
    events = (group / "pids.events").read_text()
    group.rmdir()
    assert done.returncode != 0
    assert "fork" in done.stderr
    assert events.split()[:2] == ["max", "1"]


PROFILE = """
profile orlop-test-world flags=(attach_disconnected) {
  file,
  deny /etc/hostname r,
}
"""


@pytest.mark.requires_apparmor
def test_apparmor_profiles_can_be_loaded_and_bind() -> None:
    parser = ["apparmor_parser", "--skip-cache", "--quiet"]
    subprocess.run([*parser, "--replace"], input=PROFILE, text=True, check=True)
    # The switch happens at execve(2): proc_pid_attr(5), exec.
    switch = 'echo "exec orlop-test-world" >/proc/self/attr/apparmor/exec; exec cat "$0"'
    allowed = subprocess.run(
        ["sh", "-c", switch, "/proc/self/attr/current"], check=False, capture_output=True, text=True
    )
    denied = subprocess.run(
        ["sh", "-c", switch, "/etc/hostname"], check=False, capture_output=True, text=True
    )
    subprocess.run([*parser, "--remove"], input=PROFILE, text=True, check=True)
    assert allowed.stdout.strip() == "orlop-test-world (enforce)"
    assert "Permission denied" in denied.stderr


@pytest.mark.requires_selinux
def test_selinux_labels_can_be_given() -> None:
    label = "system_u:system_r:svirt_t:s0:c1,c2"
    give = f'printf %s {label} >/proc/self/attr/exec && exec cat "$0"'
    done = subprocess.run(
        ["sh", "-c", give, "/proc/self/attr/current"], check=False, capture_output=True, text=True
    )
    assert done.stdout.rstrip("\0\n") == label
