"""Archives that want to do harm: nothing outside of the root is touched, and errors are clear."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import Unavailable
from orlop.storage.decompress import decompressed
from orlop.storage.extract import OVERLAY, Extracted, Rules, extract
from orlop.storage.removal import remove_path
from orlop.storage.tar.entry import ArchiveError
from orlop.storage.tar.reader import TarReader
from tests.integration.storage.hostile import CASES, Case
from tests.tarballs import END, header

pytestmark = pytest.mark.requires_root

_TIME_NS = 1_000_000_000_123_456_789


class Canary:
    """A directory beside the root, in which nothing may change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        (path / "file").write_text("untouched")
        (path / "file").chmod(0o640)
        for place in (path / "file", path):
            os.utime(place, ns=(_TIME_NS, _TIME_NS))
        self._before = self._look()

    def _look(self) -> object:
        above = sorted(entry.name for entry in self.path.parent.iterdir())
        places = [self.path, *sorted(self.path.iterdir())]
        states = [place.lstat() for place in places]
        kept = [(s.st_mode, s.st_uid, s.st_gid, s.st_size, s.st_mtime_ns) for s in states]
        attributes = [os.listxattr(place) for place in places]
        text = (self.path / "file").read_text()
        links = (self.path / "file").stat().st_nlink
        return above, places, kept, attributes, text, links

    def check(self) -> None:
        assert self._look() == self._before


@pytest.fixture
def root(workspace: Path) -> Iterator[Path]:
    path = workspace / "root"
    path.mkdir(mode=0o755)
    yield path
    remove_path(str(path))


@pytest.fixture
def canary(workspace: Path, root: Path) -> Canary:
    return Canary(workspace / "canary")


def unpack(archive: bytes, root: Path, rules: Rules) -> Extracted:
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return extract(TarReader([archive]), fd, rules, lambda _: None)
    finally:
        os.close(fd)


def tree(root: Path, canary: Path) -> dict[str, str]:
    """What is below the root, in the words of `hostile.Tree`."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, root)] = _shown(path).replace(str(canary), "CANARY")
    return found


def _shown(path: str) -> str:
    status = os.lstat(path)
    device = f"{os.major(status.st_rdev)},{os.minor(status.st_rdev)}"
    match stat.S_IFMT(status.st_mode):
        case stat.S_IFREG:
            return f"f:{Path(path).read_text()}"
        case stat.S_IFDIR:
            return "d"
        case stat.S_IFLNK:
            return f"l:{os.readlink(path)}"
        case stat.S_IFCHR if device == "0,0":
            return "w"
        case stat.S_IFCHR:
            return f"c:{device}"
        case stat.S_IFBLK:
            return f"b:{device}"
        case stat.S_IFIFO:
            return "p"
    return "?"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_layer_does_no_harm(case: Case, root: Path, canary: Canary) -> None:
    rules = Rules(whiteouts=OVERLAY, fresh=True, devices=bool(case.rules.get("devices", True)))
    archive = case.archive(os.fsencode(canary.path))
    if case.tree is None:
        with pytest.raises((ArchiveError, Unavailable)) as refusal:
            unpack(archive, root, rules)
        assert str(refusal.value).isprintable()
        assert len(str(refusal.value)) < 500
    else:
        unpack(archive, root, rules)
        if not case.rules.get("parts"):
            assert tree(root, canary.path) == case.tree
    canary.check()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_copy_into_a_container_does_no_harm(case: Case, root: Path, canary: Canary) -> None:
    (root / "a").symlink_to(canary.path)
    (root / "d").symlink_to("../canary")
    (root / "x").symlink_to(canary.path / "file")
    archive = case.archive(os.fsencode(canary.path))
    try:
        unpack(archive, root, Rules(top=False))
    except (ArchiveError, Unavailable) as refusal:
        assert str(refusal).isprintable()
    canary.check()


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


# --- what is small and becomes large ----------------------------------------------------------


def test_a_bomb_is_unpacked_in_little_memory(root: Path) -> None:
    size = 64 << 20
    bomb = gzip.compress(header(b"zeros", size=size) + bytes(size) + END, 9)
    assert len(bomb) < 100_000
    for chunk in decompressed([bomb]):
        assert len(chunk) <= 1 << 20


def test_a_disk_is_not_filled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orlop.storage.space._EVERY_BYTES", 1 << 20)
    monkeypatch.setattr("orlop.storage.space._RESERVE_BYTES", 1 << 62)
    monkeypatch.setattr("orlop.storage.space._RESERVE_PART", 1)
    size = 2 << 20
    with pytest.raises(Unavailable, match="no space left"):
        unpack(header(b"zeros", size=size) + bytes(size) + END, root, Rules())
    assert not (root / "zeros").exists()


def test_a_tree_deeper_than_a_path_can_be_removed(workspace: Path) -> None:
    at = os.open(workspace, os.O_RDONLY)
    os.mkdir("deep", dir_fd=at)
    top = at
    for _ in range(2100):
        below = os.open("deep", os.O_RDONLY, dir_fd=at)
        if at != top:
            os.close(at)
        at = below
        os.mkdir("deep", dir_fd=at)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    os.close(top)
    remove_path(str(workspace / "deep"))
    assert not (workspace / "deep").exists()
