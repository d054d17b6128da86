"""make_directory, make_symlink, make_node."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from orlop.launch.plan import MakeDirectory, MakeNode, MakeSymlink, SetUmask
from tests.integration.mounts.plans import Container, in_user_namespace

NULL = (stat.S_IFCHR | 0o666, 1, 3, 0, 0)


def test_directory(container: Container) -> None:
    container.do(SetUmask(0o077))
    container.do(MakeDirectory(container.root, "/a/b/sticky", 0o1777))
    container.do(MakeDirectory(container.root, "/tmp", 0o700))
    container.enter_root()
    script = "stat -c %a /a /a/b /a/b/sticky /tmp"
    assert container.run(script).lines() == ["755", "755", "1777", "755"]


def test_directory_where_a_file_is(container: Container) -> None:
    (container.rootfs / "file").touch()
    container.do(MakeDirectory(container.root, "/file", 0o755))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_directory", errno.ENOTDIR, "/file")


def test_directory_on_a_read_only_file_system(container: Container) -> None:
    container.do(MakeDirectory(container.filesystem("tmpfs", "ro"), "/new", 0o755))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_directory", errno.EROFS, "/new")


@pytest.mark.parametrize("there", ["nothing", "the same", "another", "file", "empty directory"])
def test_symlink(container: Container, there: str) -> None:
    link = container.rootfs / "dev/fd"
    if there == "the same":
        link.symlink_to("/proc/self/fd")
    elif there == "another":
        link.symlink_to("/etc")
    elif there == "file":
        link.touch()
    elif there == "empty directory":
        link.mkdir()
    container.do(MakeSymlink(container.root, "/dev/fd", "/proc/self/fd"))
    container.enter_root()
    assert container.run("readlink /dev/fd").stdout == "/proc/self/fd\n"


def test_symlink_does_not_remove_content(container: Container) -> None:
    container.do(MakeSymlink(container.root, "/bin", "/usr/bin"))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_symlink", errno.ENOTEMPTY, "/bin")


@pytest.mark.parametrize(
    "there",
    ["nothing", "the same", "wrong mode", "wrong device", "symlink", "file", "empty directory"],
)
def test_node(container: Container, there: str, workspace: Path) -> None:
    node = container.rootfs / "dev/null"
    canary = workspace / "canary"
    canary.write_text("canary")
    if there in {"the same", "wrong mode"}:
        os.mknod(node, stat.S_IFCHR, os.makedev(1, 3))
        node.chmod(0o666 if there == "the same" else 0o600)
    elif there == "wrong device":
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    elif there == "symlink":
        node.symlink_to(canary)
    elif there == "file":
        node.touch()
    elif there == "empty directory":
        node.mkdir()
    container.do(SetUmask(0o077))
    container.do(MakeNode(container.root, "/dev/null", *NULL))
    container.enter_root()
    script = "stat -c '%F %t:%T %a %u:%g' /dev/null"
    mode = "600" if there == "wrong mode" else "666"
    assert container.run(script).stdout == f"character special file 1:3 {mode} 0:0\n"
    assert (canary.read_text(), canary.stat().st_mode & 0o777) == ("canary", 0o644)


def test_node_of_the_host_stays_as_it_is(container: Container, workspace: Path) -> None:
    """A configuration may bind a device, or a directory with some, and list it as well."""
    volume = workspace / "volume"
    volume.mkdir()
    for name in ("bound", "inside"):
        os.mknod(volume / name, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    container.attach(container.tree(volume / "bound"), "/dev/bound")
    container.attach(container.tree(volume), "/dev/volume")
    for path in ("/dev/bound", "/dev/volume/inside"):
        container.do(MakeNode(container.root, path, stat.S_IFCHR | 0o666, 1, 3, 7, 8))
    container.enter_root()
    assert container.run("stat -c %t:%T /dev/bound /dev/volume/inside").lines() == ["1:3", "1:3"]
    for name in ("bound", "inside"):
        status = (volume / name).stat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o600, 0, 0)


def test_device_bound_where_another_belongs(container: Container, workspace: Path) -> None:
    os.mknod(workspace / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    container.attach(container.tree(workspace / "zero"), "/dev/null")
    container.do(MakeNode(container.root, "/dev/null", *NULL))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_node", errno.EBUSY, "/dev/null")
    assert (workspace / "zero").exists()


def test_owner_and_strange_modes(container: Container) -> None:
    container.do(MakeNode(container.root, "/dev/new/sda", stat.S_IFBLK | 0o4640, 259, 70000, 7, 8))
    container.do(MakeNode(container.root, "/dev/fifo", stat.S_IFIFO | 0o620, 0, 0, 9, 10))
    container.enter_root()
    script = "stat -c '%F %a %u:%g' /dev/new/sda /dev/fifo"
    assert container.run(script).lines() == ["block special file 4640 7:8", "fifo 620 9:10"]
    device = (container.rootfs / "dev/new/sda").stat().st_rdev
    assert (os.major(device), os.minor(device)) == (259, 70000)


def test_a_fifo_is_a_fifo_whatever_its_numbers(container: Container) -> None:
    os.mkfifo(container.rootfs / "dev/fifo", 0o600)
    inode = (container.rootfs / "dev/fifo").stat().st_ino
    container.do(MakeNode(container.root, "/dev/fifo", stat.S_IFIFO | 0o600, 5, 6, 0, 0))
    container.enter_root()
    container.run()
    assert (container.rootfs / "dev/fifo").stat().st_ino == inode


def test_node_in_a_user_namespace(rootfs: Path) -> None:
    container = in_user_namespace(rootfs)
    container.do(MakeNode(container.root, "/dev/null", *NULL))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_node", errno.EPERM, "/dev/null")


@pytest.mark.parametrize(("mode", "path"), [(0o666, "/dev/null"), (stat.S_IFREG, "/dev/null")])
def test_what_is_no_node(container: Container, mode: int, path: str) -> None:
    container.do(MakeNode(container.root, path, mode, 1, 3, 0, 0))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_node", errno.EINVAL, path)


@pytest.mark.parametrize("path", ["", "/", "/dev/", "/dev/.."])
def test_path_without_a_name(container: Container, path: str) -> None:
    container.do(MakeNode(container.root, path, *NULL))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("make_node", errno.EINVAL, path)
