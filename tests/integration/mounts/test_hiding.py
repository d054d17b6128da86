"""Masked and read-only paths: mask, protect."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from orlop.kernel.mounts import MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY
from orlop.launch.plan import (
    MakeNode,
    Mask,
    Protect,
    Slot,
)
from tests.integration.mounts.plans import Container, in_user_namespace


def covers(container: Container) -> tuple[Slot, Slot]:
    """The device and the directory to put over others."""
    null = container.tree("/dev/null", 0)
    empty = container.filesystem("tmpfs", "nr_inodes=1", "mode=555", attributes=MOUNT_ATTR_RDONLY)
    return null, empty


@pytest.fixture(params=["root", "user namespace"])
def secrets(request: pytest.FixtureRequest, rootfs: Path) -> Container:
    """A container with two secret directories and two secret files."""
    for name in ("one", "two"):
        (rootfs / name).mkdir()
        (rootfs / name / "file").write_text("secret")
    if request.param == "user namespace":
        return in_user_namespace(rootfs)
    container = Container(rootfs)
    container.enter_mounts()
    return container


def test_mask(secrets: Container) -> None:
    null, empty = covers(secrets)
    (secrets.rootfs / "link").symlink_to("two/file")
    (secrets.rootfs / "three").mkdir()
    (secrets.rootfs / "three/file").write_text("not secret")
    for path in ("/one", "/two/file", "/missing", "/two/file/x", "/link", "/bin/missing/x"):
        secrets.do(Mask(secrets.root, path, null, empty))
    secrets.proc()
    secrets.enter_root()
    outcome = secrets.run(
        "ls -A /one; cat /two/file /three/file; echo; stat -c '%t:%T %F' /two/file;"
        "touch /one/new 2>/dev/null || echo refused; grep -c ' /one ' /proc/self/mountinfo"
    )
    assert outcome.lines() == ["not secret", "1:3 character special file", "refused", "1"]


def test_mask_many_directories_with_one_mount(secrets: Container) -> None:
    """The first gets the mount itself where a detached one cannot be cloned (before Linux 6.15)."""
    null, empty = covers(secrets)
    for path in ("/one", "/two", "/etc", "/sys", "/one"):
        secrets.do(Mask(secrets.root, path, null, empty))
    secrets.enter_root()
    assert secrets.run("ls -A /one /two /etc /sys | grep -v : | tr -d '\\n'").stdout == ""


def test_mask_of_what_was_opened(container: Container) -> None:
    """The covers may also be plain descriptors of what is attached somewhere."""
    (container.rootfs / "empty").mkdir()
    (container.rootfs / "etc/secret").write_text("secret")
    container.do(MakeNode(container.root, "/dev/null", stat.S_IFCHR | 0o666, 1, 3, 0, 0))
    null, empty = (container.tree(path, 0, container.root) for path in ("/dev/null", "/empty"))
    container.do(Mask(container.root, "/etc/secret", null, empty))
    container.do(Mask(container.root, "/bin", null, empty))
    container.enter_root()
    error = container.failure()
    assert (error.op, error.errno) == ("find_program", errno.ENOENT), "/bin is empty now"


@pytest.mark.parametrize("fake", ["symlink", "file", "other device"])
def test_mask_with_something_else_than_null(
    container: Container, workspace: Path, fake: str
) -> None:
    """CVE-2025-31133: a /dev/null that is something else shows that, writable."""
    canary = workspace / "canary"
    canary.write_text("canary")
    null = container.rootfs / "dev/null"
    if fake == "symlink":
        null.symlink_to("../etc/target")
        (container.rootfs / "etc/target").write_text("target")
    elif fake == "file":
        null.write_text("")
    else:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (container.rootfs / "etc/secret").write_text("secret")
    slot = container.tree("/dev/null", 0, container.root)
    _, empty = covers(container)
    container.do(Mask(container.root, "/etc/secret", slot, empty))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("mask", errno.ENODEV, "/etc/secret")


def test_protect(secrets: Container) -> None:
    volume = secrets.filesystem("tmpfs", attributes=MOUNT_ATTR_NOSUID)
    secrets.attach(volume, "/one/volume")
    for path in ("/one", "/two/file", "/missing", "/two/file/x"):
        secrets.do(Protect(secrets.root, path))
    secrets.proc()
    secrets.enter_root()
    outcome = secrets.run(
        "for path in /one/new /one/volume/new /two/file /two/new; do"
        " echo x 2>/dev/null > $path && echo wrote || echo refused; done;"
        "cat /one/file"
    )
    assert outcome.lines() == ["refused", "refused", "refused", "wrote", "secret"]
    mounts = [mount for mount in secrets.mounts() if mount.point == "/one/volume"]
    assert {"ro", "nosuid"} <= mounts[-1].options


def test_protect_proc(container: Container) -> None:
    """What Docker protects, on a real procfs."""
    proc = container.proc()
    for path in ("/sys", "/sysrq-trigger", "/irq", "/bus"):
        container.do(Protect(proc, path))
    null, empty = covers(container)
    for path in ("/kcore", "/acpi", "/timer_list", "/scsi"):
        container.do(Mask(proc, path, null, empty))
    container.enter_root()
    outcome = container.run(
        "echo x 2>/dev/null > /proc/sys/kernel/domainname && echo wrote || echo refused;"
        "echo x 2>/dev/null > /proc/sysrq-trigger && echo wrote || echo refused;"
        "for path in kcore timer_list; do"
        " test -e /proc/$path && stat -c %t:%T /proc/$path || echo 1:3; done;"
        "ls -A /proc/acpi /proc/scsi 2>/dev/null | grep -v : | tr -d '\\n'"
    )
    assert outcome.lines() == ["refused", "refused", "1:3", "1:3"]


def test_a_mask_inside_a_protected_path(secrets: Container) -> None:
    null, empty = covers(secrets)
    secrets.do(Mask(secrets.root, "/one/file", null, empty))
    secrets.do(Protect(secrets.root, "/one"))
    secrets.enter_root()
    assert secrets.run("cat /one/file; stat -c %t:%T /one/file").lines() == ["1:3"]
