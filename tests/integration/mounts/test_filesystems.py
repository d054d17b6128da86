"""New file systems and what goes into them: new_filesystem, copy_up."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.kernel.mounts import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
)
from orlop.kernel.namespaces import CLONE_NEWCGROUP
from orlop.launch.plan import (
    CopyUp,
    MakeDirectory,
    Open,
)
from tests import isolation
from tests.integration.mounts.plans import NAMESPACES, Container, in_user_namespace

SAFE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC


@pytest.fixture(params=["root", "user namespace"])
def either(request: pytest.FixtureRequest, rootfs: Path) -> Container:
    """A container of root's, and one of a user namespace."""
    if request.param == "user namespace":
        return in_user_namespace(rootfs)
    container = Container(rootfs)
    container.enter_mounts(NAMESPACES | CLONE_NEWCGROUP)
    return container


@pytest.mark.parametrize(
    ("fstype", "options"),
    [
        ("proc", ()),
        ("proc", ("hidepid=invisible", "subset=pid")),
        ("sysfs", ()),
        ("mqueue", ()),
        ("tmpfs", ("mode=700", "size=1m", "nr_inodes=10")),
        ("devpts", ("newinstance", "ptmxmode=0666", "mode=0620")),
    ],
)
def test_file_systems(either: Container, fstype: str, options: tuple[str, ...]) -> None:
    either.proc()
    either.attach(either.filesystem(fstype, *options, attributes=SAFE), "/mnt")
    either.enter_root()
    mount = next(mount for mount in either.mounts() if mount.point == "/mnt")
    assert mount.type == fstype
    assert {"rw", "nosuid", "nodev", "noexec", "relatime"} <= mount.options
    wanted = {"tmpfs": {"mode=700", "size=1024k"}, "devpts": {"mode=620", "ptmxmode=666"}}
    assert wanted.get(fstype, set()) <= mount.superblock


def test_read_only_superblock(container: Container) -> None:
    container.proc()
    container.attach(container.filesystem("tmpfs", "ro"), "/mnt")
    container.enter_root()
    mount = next(mount for mount in container.mounts() if mount.point == "/mnt")
    assert ("ro" in mount.superblock, "rw" in mount.options) == (True, True)


def test_read_only_mount(container: Container) -> None:
    container.proc()
    container.attach(container.filesystem("tmpfs", attributes=MOUNT_ATTR_RDONLY), "/mnt")
    container.enter_root()
    mount = next(mount for mount in container.mounts() if mount.point == "/mnt")
    assert ("rw" in mount.superblock, "ro" in mount.options) == (True, True)


def test_cgroups(either: Container) -> None:
    """Every hierarchy of the host, as the container's cgroup namespace shows it."""
    either.proc()
    kinds = []
    for number, hierarchy in enumerate(isolation.hierarchies()):
        options = [option for option in hierarchy.options.split(",") if option]
        if hierarchy.options.startswith("name="):
            options.insert(0, "none")
        slot = either.filesystem(hierarchy.fstype, *options)
        either.attach(slot, f"/sys/{number}")
        kinds.append(hierarchy.fstype)
    assert kinds
    either.enter_root()
    seen = [mount.type for mount in either.mounts() if mount.point.startswith("/sys/")]
    assert seen == kinds


@pytest.fixture
def layers(workspace: Path) -> list[Path]:
    """Twelve directories with long names, each with a file of its own and one in common."""
    found = []
    for number in range(12):
        layer = workspace / f"layer-{number}-{'x' * 64}"
        layer.mkdir()
        (layer / f"own-{number}").write_text(str(number))
        (layer / "common").write_text(str(number))
        found.append(layer)
    return found


def overlay_options(workspace: Path, layers: list[Path]) -> tuple[str, ...]:
    for name in ("upper", "work"):
        (workspace / name).mkdir(mode=0o777)
    return (
        "lowerdir=" + ":".join(map(str, layers)),
        f"upperdir={workspace}/upper",
        f"workdir={workspace}/work",
    )


@pytest.fixture
def on_tmpfs(workspace: Path) -> Iterator[Path]:
    """Where an overlay's upper directory may be, even if the machine's root is an overlay."""
    where = workspace / "tmpfs"
    where.mkdir()
    isolation.mount("tmpfs", str(where), "tmpfs")
    yield where
    isolation.unmount(str(where))


@pytest.mark.requires_overlay
@pytest.mark.parametrize("count", [1, 2, 12])
@pytest.mark.parametrize("namespace", ["root", "user namespace"])
def test_overlay(
    rootfs: Path, on_tmpfs: Path, layers: list[Path], count: int, namespace: str
) -> None:
    """The lower directories of twelve layers are a thousand bytes: more than fsconfig(2) takes."""
    options = overlay_options(on_tmpfs, layers[:count])
    if namespace == "user namespace":
        container = in_user_namespace(rootfs)
        for path in (*on_tmpfs.iterdir(), *layers):
            os.chown(path, 100000, 100000)
    else:
        container = Container(rootfs)
        container.enter_mounts()
    container.proc()
    slot = container.filesystem("overlay", *options, attributes=MOUNT_ATTR_NODEV)
    container.attach(slot, "/mnt")
    container.enter_root()
    outcome = container.run(
        "cat /mnt/own-*; echo; cat /mnt/common; echo; echo new > /mnt/new;"
        "cd /proc/self; grep -c ' overlay ' mountinfo; grep -c nodev,relatime.*overlay mountinfo"
    )
    owned = "".join(sorted(map(str, range(count))))
    expected = [owned, "0", "1", "1"]
    assert outcome.lines()[1:] == expected[1:]
    assert sorted(outcome.lines()[0]) == sorted(owned)
    assert (on_tmpfs / "upper/new").read_text() == "new\n"


@pytest.mark.requires_overlay
def test_long_options_that_are_wrong(container: Container, layers: list[Path]) -> None:
    container.filesystem("overlay", "lowerdir=" + ":".join(map(str, layers)), "nonsense=1")
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("new_filesystem", errno.EINVAL, "overlay")


@pytest.mark.requires_overlay
def test_long_options_are_not_for_the_inside(container: Container, layers: list[Path]) -> None:
    """Once the root is entered, /proc is the container's and no place for the launcher."""
    container.proc()
    container.enter_root()
    container.filesystem("overlay", "lowerdir=" + ":".join(map(str, layers)))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("new_filesystem", errno.EINVAL, "overlay")


@pytest.mark.parametrize(
    ("fstype", "options", "number", "words"),
    [
        ("nonsense", (), errno.ENODEV, "nonsense"),
        ("tmpfs", ("nonsense=1",), errno.EINVAL, "Unknown parameter 'nonsense'"),
        ("tmpfs", ("nonsense",), errno.EINVAL, "Unknown parameter 'nonsense'"),
        ("tmpfs", ("size=lots",), errno.EINVAL, "Bad value for 'size'"),
    ],
)
def test_refusals_say_why(
    container: Container, fstype: str, options: tuple[str, ...], number: int, words: str
) -> None:
    container.filesystem(fstype, *options)
    error = container.failure()
    assert (error.op, error.errno) == ("new_filesystem", number)
    assert words in str(error)


def test_device_that_is_none(container: Container) -> None:
    container.filesystem("ext4", source="/dev/null")
    error = container.failure()
    assert (error.op, error.errno) == ("new_filesystem", errno.ENOTBLK)


# --- copy_up ----------------------------------------------------------------------------------


@pytest.fixture
def content(rootfs: Path) -> Path:
    """A directory of a root file system with one of everything."""
    top = rootfs / "content"
    (top / "sub/deeper").mkdir(parents=True)
    (top / "sub/deeper/file").write_text("deep")
    (top / "big").write_bytes(bytes(range(256)) * 4096)
    (top / "empty").touch()
    (top / "link").symlink_to("/etc/passwd")
    (top / "dangling").symlink_to("nowhere")
    os.mkfifo(top / "fifo", 0o640)
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(top / "socket"))
    with open(top / "sparse", "wb") as sparse:
        sparse.write(b"begin")
        sparse.seek(1 << 30)
        sparse.write(b"end")
    (top / "program").write_text("x")
    os.chown(top / "program", 1000, 1001)
    (top / "program").chmod(0o4755)
    os.setxattr(top / "program", "trusted.test", b"value")
    (top / "sub").chmod(0o1731)
    os.chown(top / "sub", 1000, 1001)
    os.utime(top / "big", ns=(1_000_000_000, 2_000_000_000))
    os.utime(top / "sub", ns=(3_000_000_000, 4_000_000_000))
    os.utime(top / "link", ns=(5_000_000_000, 6_000_000_000), follow_symlinks=False)
    return top


def describe(path: Path) -> dict[str, tuple[object, ...]]:
    """Type, mode, owner, size, device and modification time of all that is below a path."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, directories, files in os.walk(path):
        for name in directories + files:
            full = os.path.join(directory, name)
            status = os.lstat(full)
            size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
            found[os.path.relpath(full, path)] = (
                stat.filemode(status.st_mode),
                (status.st_uid, status.st_gid),
                size,
                status.st_rdev,
                status.st_mtime_ns,
            )
    return found


def copy_for_the_host(rootfs: Path, workspace: Path) -> Path:
    """What copy_up makes of /content, in a directory of the host."""
    target = workspace / "copy"
    target.mkdir()
    container = Container(rootfs)
    copy = container.slot()
    container.before(Open(copy, str(target), os.O_PATH | os.O_DIRECTORY))
    container.enter_mounts()
    container.do(CopyUp(container.root, "/content", copy))
    container.enter_root()
    container.run()
    return target


def test_copy_up_copies_everything(rootfs: Path, workspace: Path, content: Path) -> None:
    copy = copy_for_the_host(rootfs, workspace)
    assert describe(copy) == describe(content)
    assert (copy / "big").read_bytes() == (content / "big").read_bytes()
    assert os.readlink(copy / "link") == "/etc/passwd"
    assert os.getxattr(copy / "program", "trusted.test") == b"value"
    with open(copy / "sparse", "rb") as sparse:
        assert sparse.read(6) == b"begin\0"
        sparse.seek(1 << 30)
        assert sparse.read() == b"end"
    assert (copy / "sparse").stat().st_blocks * 512 < 1 << 20, "a hole stays a hole"


def test_copy_up_into_a_tmpfs(container: Container, content: Path) -> None:
    tmpfs = container.filesystem("tmpfs", "size=16m")
    container.do(CopyUp(container.root, "/content", tmpfs))
    container.attach(tmpfs, "/content")
    container.enter_root()
    script = (
        "stat -f -c %T /content; cat /content/sub/deeper/file; echo; stat -c '%a %u' /content/sub"
    )
    outcome = container.run(f"{script}; rm /content/big; touch /content/new")
    assert outcome.lines() == ["tmpfs", "deep", "1731 1000"]
    assert (content / "big").exists()
    assert not (content / "new").exists()


def test_copy_up_of_nothing(container: Container) -> None:
    tmpfs = container.filesystem("tmpfs")
    container.do(CopyUp(container.root, "/not/there", tmpfs))
    container.attach(tmpfs, "/not/there")
    container.enter_root()
    assert container.run("ls /not/there").stdout == ""


def test_copy_up_says_that_it_is_full(container: Container, content: Path) -> None:
    tmpfs = container.filesystem("tmpfs", "size=64k")
    container.do(CopyUp(container.root, "/content", tmpfs))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("copy_up", errno.ENOSPC, "big")


def test_copy_up_of_a_file(container: Container) -> None:
    (container.rootfs / "file").touch()
    container.do(CopyUp(container.root, "/file", container.filesystem("tmpfs")))
    error = container.failure()
    assert (error.op, error.errno, error.path) == ("copy_up", errno.ENOTDIR, "/file")


def test_copy_up_stays_out_of_other_mounts(container: Container, content: Path) -> None:
    volume = container.filesystem("tmpfs")
    container.attach(volume, "/content/volume")
    container.do(MakeDirectory(volume, "/secret", 0o755))
    tmpfs = container.filesystem("tmpfs")
    container.do(CopyUp(container.root, "/content", tmpfs))
    container.attach(tmpfs, "/content")
    container.enter_root()
    assert container.run("ls -A /content/volume; ls -d /content/sub").lines() == ["/content/sub"]


def test_copy_up_in_a_user_namespace(rootfs: Path, content: Path) -> None:
    """Owners that are not mapped and devices cannot be copied; all else can."""
    container = in_user_namespace(rootfs, size=1000)
    os.chown(content / "big", 0, 0)
    tmpfs = container.filesystem("tmpfs")
    container.do(CopyUp(container.root, "/content", tmpfs))
    container.attach(tmpfs, "/content")
    container.enter_root()
    os.chown(content / "program", 0, 0)
    (content / "program").chmod(0o4755)
    script = "stat -c '%n %A %u' big program; test -e null || echo none; cat sub/deeper/file"
    assert container.run(f"cd /content; {script}").lines() == [
        "big -rw-r--r-- 0",
        "program -rwxr-xr-x 0",
        "none",
        "deep",
    ]


def test_copy_up_of_too_many_levels(container: Container) -> None:
    deep = container.rootfs
    for _ in range(450):
        deep = deep / "d"
        os.mkdir(deep)
    container.do(CopyUp(container.root, "/d", container.filesystem("tmpfs")))
    error = container.failure()
    assert error.op == "copy_up"
    assert error.errno in {errno.ENAMETOOLONG, errno.EMFILE}
