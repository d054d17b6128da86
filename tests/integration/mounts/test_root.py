"""Entering the root: pivot_root, switch_root, change_root."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from orlop.kernel.mounts import MOUNT_ATTR_RDONLY, MS_SHARED, MS_SLAVE
from orlop.kernel.namespaces import CLONE_NEWPID
from orlop.launch.plan import (
    CREATE,
    Attach,
    ChangeRoot,
    Clone,
    Mask,
    Open,
    PivotRoot,
    SetMount,
    SwitchRoot,
)
from tests import isolation
from tests.integration.mounts.plans import Container, parse_mountinfo

ROOT_AND_CWD = "readlink /proc/1/root; readlink /proc/1/cwd; pwd; ls -d /bin/busybox"


def host_mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def test_pivot(container: Container) -> None:
    container.proc()
    container.enter_root()
    before = host_mounts()
    outcome = container.run(f"{ROOT_AND_CWD}; cat /proc/self/mountinfo")
    assert outcome.lines()[:4] == ["/", "/", "/", "/bin/busybox"]
    points = [mount.point for mount in parse_mountinfo("\n".join(outcome.lines()[4:]))]
    assert points == ["/", "/proc"], "nothing is left of what was there before"
    assert host_mounts() == before, "and the host has all of its mounts"


def test_pivot_to_a_root_attached_over_its_own_path(over_itself: Container) -> None:
    over_itself.proc()
    over_itself.enter_root()
    assert [mount.point for mount in over_itself.mounts()] == ["/", "/proc"]


def test_unmounting_stays_inside_even_if_the_plan_forgot(rootfs: Path, workspace: Path) -> None:
    """All mounts of the host are shared but the root itself, so that the pivot is possible."""
    volume = workspace / "volume"
    volume.mkdir()
    isolation.mount("volume", str(volume), "tmpfs")
    isolation.mount("none", "/", "none", isolation.MS_REC | isolation.MS_SHARED)
    try:
        container = Container(rootfs)
        container.before(Clone(isolation.CLONE_NEWNS | CLONE_NEWPID))
        host = container.slot()
        container.do(Open(host, "/", os.O_PATH | os.O_DIRECTORY))
        container.do(SetMount(host, propagation=MS_SLAVE))  # not what is below it
        container.attach_root()
        container.do(SetMount(container.root, propagation=MS_SLAVE))
        container.enter_root()
        before = host_mounts()
        assert container.run("ls -d /bin/busybox").status == 0
        assert host_mounts() == before
    finally:
        isolation.unmount(str(volume))


def test_pivot_with_a_shared_parent(rootfs: Path) -> None:
    container = Container(rootfs)
    container.before(Clone(isolation.CLONE_NEWNS | CLONE_NEWPID))
    host = container.slot()
    container.do(Open(host, "/", os.O_PATH | os.O_DIRECTORY))
    container.do(SetMount(host, propagation=MS_SLAVE, recursive=1))
    container.do(SetMount(host, propagation=MS_SHARED))
    container.attach_root()
    container.enter_root()
    error = container.failure()
    assert (error.op, error.errno) == ("pivot_root", errno.EINVAL)


@pytest.mark.parametrize("where", ["container", "over_itself"])
def test_switch(request: pytest.FixtureRequest, where: str) -> None:
    container: Container = request.getfixturevalue(where)
    container.proc()
    container.do(SwitchRoot(container.root))
    before = host_mounts()
    outcome = container.run(f"{ROOT_AND_CWD}; cat /proc/self/mountinfo")
    assert outcome.lines()[:4] == ["/", "/", "/", "/bin/busybox"]
    points = [mount.point for mount in parse_mountinfo("\n".join(outcome.lines()[4:]))]
    assert points == ["/", "/proc"], "what is below can still be there, but has no path"
    assert host_mounts() == before


@pytest.mark.requires_userns
@pytest.mark.parametrize("enter", [PivotRoot, SwitchRoot])
@pytest.mark.parametrize("where", ["container", "over_itself"])
def test_no_whole_proc_is_left(
    request: pytest.FixtureRequest, where: str, enter: type[PivotRoot] | type[SwitchRoot]
) -> None:
    """A process in the container gets no procfs without the container's masks."""
    container: Container = request.getfixturevalue(where)
    null = container.tree("/dev/null", 0)
    empty = container.filesystem("tmpfs", attributes=MOUNT_ATTR_RDONLY)
    for fstype, point, secret in (("proc", "/proc", "/kallsyms"), ("sysfs", "/sys", "/kernel")):
        mount = container.filesystem(fstype)
        container.attach(mount, point)
        container.do(Mask(mount, secret, null, empty))
    container.do(enter(container.root))
    outcome = container.run(
        "for type in proc sysfs; do"
        " unshare -Urmpfn mount -t $type x /tmp 2>/dev/null && echo $type || echo refused; done"
    )
    assert outcome.lines() == ["refused", "refused"]


@pytest.mark.requires_userns
def test_control_of_the_above(container: Container) -> None:
    """With nothing masked the kernel lets it: the test above tests something."""
    container.proc()
    container.attach(container.filesystem("sysfs"), "/sys")
    container.enter_root()
    script = (
        "unshare -Urmpfn mount -t proc x /tmp; unshare -Urmpfn mount -t sysfs x /tmp; echo both"
    )
    assert container.run(script).stdout == "both\n"


def test_change(rootfs: Path) -> None:
    """Without a mount namespace."""
    container = Container(rootfs)
    container.before(Clone(CLONE_NEWPID))
    root = container.slot()
    container.do(Open(root, str(rootfs), os.O_PATH | os.O_DIRECTORY))
    container.do(ChangeRoot(root))
    before = host_mounts()
    assert container.run("pwd; ls -d /bin/busybox").lines() == ["/", "/bin/busybox"]
    assert host_mounts() == before


@pytest.mark.parametrize("enter", [PivotRoot, SwitchRoot, ChangeRoot])
def test_root_that_is_a_file(
    container: Container, enter: type[PivotRoot] | type[SwitchRoot] | type[ChangeRoot]
) -> None:
    (container.rootfs / "file").touch()
    slot = container.tree("/file", base=container.root)
    container.do(Attach(slot, container.root, "/etc/file", CREATE))
    container.do(enter(slot))
    error = container.failure()
    assert error.op in {"pivot_root", "switch_root", "change_root"}
    assert error.errno in {errno.ENOTDIR, errno.EINVAL}
