"""Doors that the kernel keeps for root: release_agent, core_pattern and their kin.

CVE-2022-0492: a process that gets new namespaces mounts cgroup v1 itself, and writes release_agent.
CVE-2023-25809: /sys/fs/cgroup stays writable.

runc 1.1.5 passes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import MASKED, READ_ONLY, Canaries, process
from tests.integration.support.bundles import REMOVE, Json
from tests.integration.support.runtimes import Runtime

pytestmark = [pytest.mark.requires_root, pytest.mark.vm]

FILTER: Json = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {
            "names": ["unshare", "mount", "setns", "fsopen", "move_mount", "open_tree"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 1,
        }
    ],
}
CGROUP: Json = {
    "destination": "/sys/fs/cgroup",
    "type": "cgroup",
    "source": "cgroup",
    "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
}
DOORS = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/printk_ratelimit_burst",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/memory/release_agent",
    "/sys/fs/cgroup/devices/devices.allow",
]
# A cgroup of one's own in every hierarchy that can be written.
MAKE_CGROUPS = """
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -e $hierarchy/cgroup.procs ] && mkdir $hierarchy/escape && echo opened $hierarchy
done
"""


def pwn(workspace: Path) -> Path:
    """A program that the kernel is asked to run on the host."""
    program = workspace / "pwn"
    program.write_text(f"#!/bin/sh\ntouch {workspace}/pwned\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("seccomp", [False, True], ids=["no filter", "filter"])
def test_release_agent(runtime: Runtime, trap: Trap, workspace: Path, *, seccomp: bool) -> None:
    linux: Json = {"readonlyPaths": READ_ONLY, "maskedPaths": MASKED}
    if seccomp:
        linux["seccomp"] = FILTER
    program = pwn(workspace)
    victim = trap(
        ["attack", "release-agent", str(program)], process=process(), linux=linux, mounts=[CGROUP]
    )
    result = runtime.run(victim).ok()
    assert "release_agent: done" not in result.out
    if seccomp:
        assert "unshare: Operation not permitted" in result.out
        assert "mount: done" not in result.out
    assert not (workspace / "pwned").exists()


@pytest.mark.parametrize("cgroupns", [None, REMOVE], ids=["own cgroupns", "host's cgroupns"])
def test_doors_are_closed(runtime: Runtime, trap: Trap, workspace: Path, cgroupns: object) -> None:
    """With Docker's capabilities and paths, and no help of seccomp or LSM."""
    program = pwn(workspace)
    attempts = "\n".join(f"echo '|{program}' > {door} && echo opened {door}" for door in DOORS)
    victim = trap(
        f"{attempts}\n{MAKE_CGROUPS}true",
        process=process(),
        linux={"readonlyPaths": READ_ONLY, "maskedPaths": MASKED},
        mounts=[CGROUP],
        namespaces={"cgroup": cgroupns},
    )
    assert "opened" not in runtime.run(victim).ok().out


def test_sysfs_and_cgroups_of_the_host_bound_read_only(
    runtime: Runtime, trap: Trap, canaries: Canaries
) -> None:
    """CVE-2023-25809: `ro` on a recursive bind of /sys covers /sys/fs/cgroup only with `rro`."""
    bound = {
        "destination": "/sys",
        "type": "none",
        "source": "/sys",
        "options": ["rbind", "nosuid", "noexec", "nodev", "rro"],
    }
    victim = trap(
        f"{MAKE_CGROUPS}true",
        process=process(),
        mounts=[bound],
    )
    assert "opened" not in runtime.run(victim).ok().out


def test_a_containers_cgroup_belongs_to_the_host_for_another_user(
    runtime: Runtime, trap: Trap
) -> None:
    """In user and cgroup namespaces of its own there is nothing to write, read-only or not."""
    writable = {**CGROUP, "options": ["nosuid", "noexec", "nodev", "rw"]}
    ids = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
    victim = trap(
        f"{MAKE_CGROUPS}true",
        process=process(),
        mounts=[writable],
        namespaces={"user": None, "cgroup": None},
        linux={"uidMappings": ids, "gidMappings": ids},
    )
    assert "opened" not in runtime.run(victim).out
