"""Bind mounts, attributes and propagation: clone_tree, set_mount, attach."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.kernel.mounts import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_SHARED,
    MS_SLAVE,
)
from orlop.launch.plan import (
    CREATE,
    INHERIT_MODE,
    LAUNCHER,
    NO_FOLLOW,
    NO_SLOT,
    NOT_IN_PROC,
    ORDINARY_DIRECTORY,
    RECURSIVE,
    Attach,
    MakeUserNamespace,
    Open,
    SetMount,
)
from tests import isolation
from tests.integration.mounts.plans import Container, MountLine


@pytest.fixture
def tree(workspace: Path) -> Iterator[Path]:
    """A mount with another one in it."""
    top = workspace / "tree"
    top.mkdir()
    isolation.mount("top", str(top), "tmpfs", isolation.MS_NOSUID)
    (top / "below").mkdir()
    isolation.mount("below", str(top / "below"), "tmpfs")
    (top / "file").write_text("top")
    (top / "below/file").write_text("below")
    yield top
    isolation.unmount(str(top))


def mount_at(mounts: list[MountLine], point: str) -> MountLine:
    return [mount for mount in mounts if mount.point == point][-1]


def test_bind_makes_its_target(container: Container, workspace: Path) -> None:
    (workspace / "source").mkdir()
    (workspace / "source/file").write_text("from the host")
    container.attach(container.tree(workspace / "source"), "/made/for/it")
    container.enter_root()
    assert container.run("cat /made/for/it/file").stdout == "from the host"
    assert (container.rootfs / "made/for/it").stat().st_mode & 0o777 == 0o755


def test_bind_of_a_file_makes_a_file(container: Container, workspace: Path) -> None:
    (workspace / "hosts").write_text("127.0.0.1 here")
    container.attach(container.tree(workspace / "hosts"), "/etc/deep/hosts")
    container.enter_root()
    assert container.run("cat /etc/deep/hosts").stdout == "127.0.0.1 here"
    assert (container.rootfs / "etc/deep/hosts").read_bytes() == b""


@pytest.mark.parametrize(("flags", "seen"), [(RECURSIVE, "below"), (0, "nothing")])
def test_only_a_recursive_bind_has_what_is_below(
    container: Container, tree: Path, flags: int, seen: str
) -> None:
    container.attach(container.tree(tree, flags), "/tree")
    container.enter_root()
    assert container.run("cat /tree/below/file 2>/dev/null || echo -n nothing").stdout == seen


def test_clone_of_a_path_in_a_base(container: Container) -> None:
    (container.rootfs / "etc/inside").mkdir()
    (container.rootfs / "etc/inside/file").write_text("inside")
    (container.rootfs / "link").symlink_to("/etc/inside")
    container.attach(container.tree("/link", base=container.root), "/second")
    container.enter_root()
    assert container.run("cat /second/file").stdout == "inside"


def test_clone_of_what_a_slot_is(container: Container, tree: Path) -> None:
    opened = container.slot()
    container.do(Open(opened, str(tree / "file"), os.O_PATH))
    container.attach(container.tree("", base=opened), "/etc/file")
    container.enter_root()
    assert container.run("cat /etc/file").stdout == "top"


@pytest.mark.parametrize("inside", [False, True])
def test_no_follow_refuses_a_symlink(container: Container, workspace: Path, inside: bool) -> None:
    where = container.rootfs if inside else workspace
    (where / "link").symlink_to("etc")
    base, path = (container.root, "/link") if inside else (NO_SLOT, str(where / "link"))
    container.tree(path, NO_FOLLOW, base)
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("clone_tree", errno.ELOOP, path)


def test_missing_source(container: Container) -> None:
    container.tree("/does/not/exist")
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("clone_tree", errno.ENOENT, "/does/not/exist")


def test_missing_target_is_made_only_on_demand(container: Container, tree: Path) -> None:
    container.attach(container.tree(tree), "/missing", flags=0)
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("attach", errno.ENOENT, "/missing")
    assert not (container.rootfs / "missing").exists()


@pytest.mark.parametrize(
    ("source", "target", "number"),
    [("file", "/etc", errno.EISDIR), (".", "/etc/file", errno.ENOTDIR)],
)
@pytest.mark.parametrize("flags", [0, CREATE])
def test_files_and_directories_do_not_mix(
    container: Container, tree: Path, source: str, target: str, number: int, flags: int
) -> None:
    (container.rootfs / "etc/file").touch()
    container.attach(container.tree(tree / source), target, flags)
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("attach", number, target)


def test_dangling_symlink_as_target(container: Container, tree: Path) -> None:
    (container.rootfs / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub.conf")
    container.attach(container.tree(tree / "file"), "/etc/resolv.conf")
    container.enter_root()
    script = "cat /etc/resolv.conf /run/systemd/resolve/stub.conf"
    assert container.run(script).stdout == "toptop"
    assert (container.rootfs / "run/systemd/resolve/stub.conf").is_file()


def test_attributes(container: Container, tree: Path) -> None:
    slot = container.tree(tree)
    container.do(SetMount(slot, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID))
    container.attach(slot, "/tree")
    container.proc()
    container.enter_root()
    mounts = container.mounts()
    assert {"ro", "nodev"} <= mount_at(mounts, "/tree").options
    assert "nosuid" not in mount_at(mounts, "/tree").options
    assert "rw" in mount_at(mounts, "/tree/below").options


def test_recursive_attributes(container: Container, tree: Path) -> None:
    slot = container.tree(tree)
    container.do(SetMount(slot, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, recursive=1))
    container.attach(slot, "/tree")
    container.proc()
    container.enter_root()
    mounts = container.mounts()
    assert {"ro", "noexec", "nosuid"} <= mount_at(mounts, "/tree").options
    assert {"ro", "noexec"} <= mount_at(mounts, "/tree/below").options


def test_attributes_after_attaching(container: Container, tree: Path) -> None:
    slot = container.tree(tree)
    container.attach(slot, "/tree")
    container.do(SetMount(slot, MOUNT_ATTR_RDONLY))
    container.enter_root()
    script = "touch /tree/new 2>/dev/null && echo wrote || echo refused"
    assert container.run(script).stdout == "refused\n"


def test_impossible_attributes(container: Container, tree: Path) -> None:
    container.do(SetMount(container.tree(tree), set=1 << 40))
    error = container.failure()
    assert (error.op, error.errno) == ("set_mount", errno.EINVAL)


@pytest.mark.parametrize(
    ("propagation", "inside", "outside"),
    [(MS_SLAVE, True, False), (MS_PRIVATE, False, False), (MS_SHARED, True, True)],
)
def test_propagation(
    rootfs: Path, workspace: Path, propagation: int, inside: bool, outside: bool
) -> None:
    """Mounts below a volume of the host, made on the host and in the container.

    The launcher clones it: in the container's namespace it is cut off from the host already.
    """
    container = Container(rootfs)
    volume = workspace / "volume"
    volume.mkdir()
    isolation.mount("volume", str(volume), "tmpfs")
    isolation._call("mount", None, str(volume).encode(), None, isolation.MS_SHARED, None)
    (volume / "by-host").mkdir()
    (volume / "by-container").mkdir()
    slot = container.tree(volume, side=LAUNCHER)
    container.before(SetMount(slot, propagation=propagation, recursive=1))
    container.enter_mounts()
    container.attach(slot, "/volume")
    container.enter_root()
    read, write = os.pipe()
    try:
        started = container.start(
            "mount -t tmpfs by-container /volume/by-container; echo ready;"
            " until [ -e /volume/done ]; do sleep 0.01; done;"
            " [ -e /volume/by-host/seen ] && echo seen || echo hidden",
            write,
        )
        os.close(write)
        with started, os.fdopen(read) as pipe:
            assert pipe.readline() == "ready\n"
            isolation.mount("by-host", str(volume / "by-host"), "tmpfs")
            (volume / "by-host/seen").touch()
            mounted = os.path.ismount(volume / "by-container")
            (volume / "done").touch()
            assert pipe.readline() == ("seen\n" if inside else "hidden\n")
            assert mounted is outside
            assert started.wait_exit() == 0
    finally:
        isolation.unmount(str(volume))


@pytest.mark.requires_userns
def test_idmapped_mount(rootfs: Path, workspace: Path) -> None:
    tree = workspace / "mapped"  # not on a tmpfs: those can be mapped since Linux 6.3
    tree.mkdir()
    (tree / "file").touch()
    os.chown(tree / "file", 1000, 1000)
    container = Container(rootfs)
    namespace = container.slot()
    container.before(MakeUserNamespace(namespace, "1000 5000 1", "1000 6000 1"))
    slot = container.tree(tree, side=LAUNCHER)
    container.before(SetMount(slot, user_namespace=namespace))
    container.enter_mounts()
    container.attach(slot, "/tree")
    container.enter_root()
    assert container.run("stat -c %u:%g /tree/file").stdout == "5000:6000\n"


def test_ordinary_directory(container: Container) -> None:
    container.attach(container.filesystem("tmpfs"), "/new/one", CREATE | ORDINARY_DIRECTORY)
    container.attach(container.filesystem("tmpfs"), "/tmp", ORDINARY_DIRECTORY)
    container.enter_root()
    assert container.run("stat -f -c %T /new/one /tmp").lines() == ["tmpfs", "tmpfs"]


@pytest.mark.parametrize("flags", [ORDINARY_DIRECTORY, CREATE | ORDINARY_DIRECTORY])
@pytest.mark.parametrize(
    ("target", "number"),
    [("/link", errno.ELOOP), ("/dangling", errno.ELOOP), ("/up/tmp", errno.ELOOP)],
)
def test_what_is_no_ordinary_directory(
    container: Container, flags: int, target: str, number: int
) -> None:
    (container.rootfs / "link").symlink_to("tmp")
    (container.rootfs / "dangling").symlink_to("nowhere")
    (container.rootfs / "up").symlink_to("/")
    container.attach(container.filesystem("tmpfs"), target, flags)
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("attach", number, target)
    assert "ordinary directory" in str(error)
    assert not (container.rootfs / "nowhere").exists()


def test_a_file_is_no_ordinary_directory(container: Container) -> None:
    (container.rootfs / "file").touch()
    container.attach(container.filesystem("tmpfs"), "/file", CREATE | ORDINARY_DIRECTORY)
    error = container.failure()
    assert (error.errno, "ordinary directory" in str(error)) == (errno.ENOTDIR, True)


@pytest.mark.parametrize("flags", [NOT_IN_PROC, CREATE | NOT_IN_PROC])
def test_symlink_into_proc(container: Container, flags: int) -> None:
    """CVE-2019-16884: what is mounted there would stand for what the kernel says."""
    (container.rootfs / "volume").symlink_to("/proc/sys/kernel")
    container.proc()
    container.attach(container.filesystem("tmpfs"), "/volume", flags)
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("attach", errno.EPERM, "/volume")


def test_mode_of_the_target(container: Container) -> None:
    (container.rootfs / "tmp").chmod(0o1733)
    for path in ("/tmp", "/new"):
        container.attach(container.filesystem("tmpfs"), path, CREATE | INHERIT_MODE)
    container.attach(container.filesystem("tmpfs"), "/etc")
    container.enter_root()
    modes = container.run("stat -c %a /tmp /new /etc").lines()
    assert modes == ["1733", "1777", "1777"], "the last two are the kernel's own default"


def test_attach_over_a_host_path(container: Container, workspace: Path, tree: Path) -> None:
    """In the container's mount namespace, before the root is entered."""
    covered = workspace / "covered"
    covered.mkdir()
    container.do(Attach(container.tree(tree), NO_SLOT, str(covered)))
    container.attach(container.tree(covered / "file"), "/etc/file")
    container.enter_root()
    assert container.run("cat /etc/file").stdout == "top"
    assert not (covered / "file").exists(), "on the host nothing is mounted there"


def test_clones_of_the_launcher(rootfs: Path, tree: Path) -> None:
    """Detached clones that the launcher makes pass to the container's side by descriptor."""
    container = Container(rootfs)
    clone = container.tree(tree, side=LAUNCHER)
    container.enter_mounts()
    container.attach(clone, "/tree")
    container.enter_root()
    assert container.run("cat /tree/file /tree/below/file").stdout == "topbelow"


def test_slot_without_descriptor(container: Container) -> None:
    container.attach(container.slot(), "/tmp")
    error = container.failure()
    assert (error.op, error.errno) == ("attach", errno.EBADF)
