"""What a container's root shows, and what was changed of it, by overlays and by copies alike."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Protocol

import pytest

from orlop.storage import copying
from orlop.storage.changes import ADDED, DELETED, MODIFIED, Change, changes
from orlop.storage.layers import LayerStore
from orlop.storage.overlay import can_be_upper
from orlop.storage.roots import Part, StoppedRoot, in_stopped_root
from tests.integration.storage.test_layers import facts
from tests.tarballs import END, directory, hardlink, member, pax, symlink

pytestmark = pytest.mark.requires_root


class Driver(Protocol):
    """How roots are made."""

    def change(self, script: object) -> None:
        """Something is done to the root, which gets a path of it."""

    def facts(self) -> dict[str, tuple[object, ...]]:
        """What the root shows."""

    def changes(self) -> tuple[Change, ...]:
        """What was changed."""


class Overlaid:
    def __init__(self, lowers: tuple[str, ...], directory: Path) -> None:
        self._lowers = lowers
        self._upper = directory / "upper"
        part = Part("/", lowers, str(self._upper), str(directory / "work"))
        self._root = StoppedRoot((part,))

    def change(self, script: object) -> None:
        in_stopped_root(self._root, lambda fd: script(Path(f"/proc/self/fd/{fd}")), writable=True)  # type: ignore[operator]

    def facts(self) -> dict[str, tuple[object, ...]]:
        return in_stopped_root(self._root, lambda fd: facts(f"/proc/self/fd/{fd}/."))

    def changes(self) -> tuple[Change, ...]:
        upper = os.open(self._upper, os.O_RDONLY)
        below = StoppedRoot((Part("/", self._lowers),))
        try:
            return in_stopped_root(below, lambda lower: changes(upper, lower))
        finally:
            os.close(upper)


class Copied:
    def __init__(self, lowers: tuple[str, ...], directory: Path) -> None:
        self._lowers = lowers
        self._directory = directory
        self._root = directory / "root"
        copying.make_root(lowers, str(self._root), lambda _: None)

    def change(self, script: object) -> None:
        script(self._root)  # type: ignore[operator]

    def facts(self) -> dict[str, tuple[object, ...]]:
        return facts(self._root)

    def changes(self) -> tuple[Change, ...]:
        return copying.changes(self._lowers, str(self._root), str(self._directory / "scratch"))


LOWEST = (
    directory(b"./", mode=0o755)
    + directory(b"etc/")
    + member(b"etc/passwd", content=b"root")
    + member(b"etc/group", content=b"root")
    + directory(b"var/", mode=0o1777)
    + member(b"var/a", content=b"a")
    + hardlink(b"var/b", b"var/a")
    + directory(b"old/")
    + member(b"old/x")
    + member(b"old/y")
    + symlink(b"link", b"etc")
    + member(b"turns", content=b"a file")
)
UPPER = (
    member(b"etc/.wh.group")
    + pax({b"SCHILY.xattr.user.note": b"hi", b"mtime": b"1234567890.5"})
    + member(b"etc/passwd", content=b"changed", uid=7, mode=0o4750)
    + directory(b"old/")
    + member(b"old/.wh..wh..opq")
    + member(b"old/z")
    + directory(b"turns/")
    + member(b"turns/into", content=b"a directory")
    + member(b"var/c")
)


@pytest.fixture(params=[Overlaid, Copied])
def driver(request: pytest.FixtureRequest, workspace: Path) -> Driver:
    if request.param is Overlaid and not can_be_upper(str(workspace)):
        pytest.skip("no overlays here")
    store = LayerStore(str(workspace / "layers"))
    ids = [store.add([archive + END]).diff_id for archive in (LOWEST, UPPER)]
    made: Driver = request.param(store.lowers(ids), workspace)
    return made


def test_what_layers_make_together(driver: Driver) -> None:
    found = driver.facts()
    assert set(found) == {
        ".",
        "etc",
        "etc/passwd",
        "link",
        "old",
        "old/z",
        "turns",
        "turns/into",
        "var",
        "var/a",
        "var/b",
        "var/c",
    }
    assert found["etc/passwd"][:3] == ("-rwsr-x---", 7, 0)
    assert found["etc/passwd"][5:7] == (1234567890_500_000_000, (("user.note", b"hi"),))
    assert found["var"][0] == "drwxrwxrwt"
    assert found["var/b"][8] == "var/a" == found["var/a"][8]


def test_nothing_was_changed(driver: Driver) -> None:
    driver.change(lambda root: None)
    assert driver.changes() == ()


def test_changes(driver: Driver) -> None:
    def script(root: Path) -> None:
        (root / "new").mkdir()
        (root / "new/file").write_text("x")
        (root / "etc/passwd").write_text("changed again")
        (root / "old/z").unlink()
        os.chown(root / "link", 5, 5, follow_symlinks=False)
        os.chmod(root / "turns", 0o700)

    driver.change(script)
    assert driver.changes() == (
        Change("/etc", MODIFIED),
        Change("/etc/passwd", MODIFIED),
        Change("/link", MODIFIED),
        Change("/new", ADDED),
        Change("/new/file", ADDED),
        Change("/old", MODIFIED),
        Change("/old/z", DELETED),
        Change("/turns", MODIFIED),
    )


def test_a_directory_that_was_made_anew(driver: Driver) -> None:
    def script(root: Path) -> None:
        shutil.rmtree(root / "var")
        (root / "var").mkdir(mode=0o755)
        (root / "var/d").touch()

    driver.change(script)
    found = driver.changes()
    assert set(found) >= {
        Change("/var", MODIFIED),
        Change("/var/a", DELETED),
        Change("/var/d", ADDED),
    }


def test_kinds_that_change(driver: Driver) -> None:
    def script(root: Path) -> None:
        shutil.rmtree(root / "turns")
        os.mkfifo(root / "turns")
        (root / "link").unlink()
        (root / "link").mkdir()

    driver.change(script)
    assert set(driver.changes()) >= {Change("/turns", MODIFIED), Change("/link", MODIFIED)}
    assert driver.facts()["turns"][0][:1] == "p"  # type: ignore[index]


def test_a_device(driver: Driver) -> None:
    def script(root: Path) -> None:
        os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))

    driver.change(script)
    assert driver.changes() == (Change("/null", ADDED),)


def test_a_copy_is_whole_or_not_there(workspace: Path) -> None:
    with pytest.raises(Exception, match="does not exist"):
        copying.make_root([str(workspace / "missing")], str(workspace / "root"), lambda _: None)
    assert list(workspace.iterdir()) == []
