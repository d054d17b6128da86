"""What covers what, what is the host's, and what is hidden."""

from __future__ import annotations

import errno
import stat

import pytest

from orlop.insight.inside import Looked, Opened
from orlop.insight.mounts import (
    ABSENT,
    MASKED,
    READ_ONLY,
    UNKNOWN,
    WRITABLE,
    Mounts,
    SeenMount,
    holder,
    host_path,
)
from tests.unit.insight.facts import PROC, ROOT, mount, mounts

TREE = (
    mount("/", "ext4", number=1, parent=0),
    mount("/proc", "proc", number=2, parent=1),
    mount("/proc/sys", "proc", number=3, parent=2),
    mount("/data", number=4, parent=1),
    mount("/data/deep", number=5, parent=4),
    mount("/data", number=6, parent=4),  # over the former, and over what is below it
    mount("/datum", number=7, parent=1),
)


class TestHolder:
    @pytest.mark.parametrize(
        ("path", "number"),
        [
            ("/", 1),
            ("/etc", 1),
            ("/proc", 2),
            ("/proc/sys", 3),
            ("/proc/sys/kernel", 3),
            ("/proc/sysrq-trigger", 2),
            ("/data", 6),
            ("/data/deep", 6),
            ("/datum/x", 7),
        ],
    )
    def test_as_the_kernel_walks(self, path: str, number: int) -> None:
        found = holder(TREE, path)
        assert found is not None
        assert found.id == number

    def test_root_that_was_mounted_over(self) -> None:
        tree = (*TREE, mount("/", number=9, parent=1))
        found = holder(tree, "/proc")
        assert found is not None
        assert found.id == 9

    def test_without_root(self) -> None:
        assert holder(TREE[1:], "/proc") is None


class TestHostPath:
    HOST = (
        mount("/", "ext4", device=(8, 1)),
        mount("/home", "ext4", device=(8, 2)),
        mount("/part", "ext4", device=(8, 2), root="/ann"),
        mount("/proc", "proc", device=(0, 5)),
    )

    @pytest.mark.parametrize(
        ("device", "root", "path"),
        [
            ((8, 1), "/", "/"),
            ((8, 1), "/etc/passwd", "/etc/passwd"),
            ((8, 2), "/bob", "/home/bob"),
            ((8, 2), "/ann/x", "/part/x"),
            ((8, 2), "/anna", "/home/anna"),
            ((0, 5), "/", "/proc"),
            ((0, 6), "/", ""),
        ],
    )
    def test_path(self, device: tuple[int, int], root: str, path: str) -> None:
        assert host_path(mount("/x", device=device, root=root), self.HOST) == path


def opened(path: str = "/proc/x", *, number: int = 11, **changes: object) -> Opened:
    return Opened(path, mode=0o100444, mount=number, resolved=path).replace(**changes)


EMPTY = SeenMount(mount("/proc/x", number=12, parent=11, options=("ro",)))
DIRECTORY = stat.S_IFDIR | 0o555


class TestState:
    @pytest.mark.parametrize(
        ("found", "state"),
        [
            (opened(), WRITABLE),
            (opened(read_only=True), READ_ONLY),
            (opened(errno=errno.ENOENT), ABSENT),
            (opened(errno=errno.ENOTDIR), ABSENT),
            (opened(errno=errno.EACCES), UNKNOWN),
            (opened(mode=stat.S_IFCHR | 0o666, special=0x103), MASKED),
            (opened(mode=stat.S_IFCHR | 0o666, special=0x105), WRITABLE),
            (opened(number=12, mode=DIRECTORY, empty=True, read_only=True), MASKED),
            (opened(number=12, mode=DIRECTORY, empty=False, read_only=True), READ_ONLY),
            (opened(number=12, mode=DIRECTORY, empty=True), WRITABLE),
            (opened(number=11, mode=DIRECTORY, empty=True, read_only=True), READ_ONLY),
        ],
    )
    def test_by_descriptor(self, found: Opened, state: int) -> None:
        hidden = mounts(EMPTY, paths=(found,)).state("/proc/x")
        assert (hidden.state, hidden.by_descriptor) == (state, True)

    def test_writable_below_what_is_read_only(self) -> None:
        inner = SeenMount(mount("/proc/x/y", number=13, parent=12))
        found = opened(read_only=True, mode=DIRECTORY)
        assert mounts(inner, paths=(found,)).state("/proc/x").state == WRITABLE
        covered = inner.replace(covered=True)
        assert mounts(covered, paths=(found,)).state("/proc/x").state == READ_ONLY

    @pytest.mark.parametrize(
        ("seen", "state"),
        [
            (EMPTY, MASKED),
            (SeenMount(mount("/proc/x", "devtmpfs", parent=11, root="/null")), MASKED),
            (SeenMount(mount("/proc/x", "proc", parent=11, options=("ro",))), READ_ONLY),
            (SeenMount(mount("/proc/x", "proc", parent=11)), WRITABLE),
            (SeenMount(mount("/proc/y", "proc", parent=11)), UNKNOWN),
        ],
    )
    def test_by_list_if_nobody_could_look(self, seen: SeenMount, state: int) -> None:
        hidden = Mounts((ROOT, PROC, seen)).state("/proc/x")
        assert (hidden.state, hidden.by_descriptor) == (state, False)


class TestHolding:
    def test_descriptor_before_list(self) -> None:
        elsewhere = opened("/link", number=12, resolved="/proc/x")
        found = mounts(EMPTY, paths=(elsewhere,))
        assert found.holding("/link") == EMPTY
        assert found.resolved("/link") == "/proc/x"

    def test_list_if_nobody_could_look(self) -> None:
        found = Mounts((ROOT, PROC, EMPTY))
        assert found.holding("/proc/x/y") == EMPTY
        assert found.resolved("/link") == "/link"

    def test_what_is_not_there(self) -> None:
        gone = opened(errno=errno.ENOENT)
        assert Mounts((ROOT, PROC), Looked(opened("/"), (gone,), ())).holding("/proc/x") is None
