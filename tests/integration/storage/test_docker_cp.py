"""`docker cp` against this engine and against dockerd: the same table, the same outcome.

See: docker-cp(1), whose table of sources and destinations this is.
"""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.integration.api.conftest import engine, shared_engine
from tests.integration.storage.copies import members
from tests.integration.support.dockerd import running_daemon
from tests.integration.support.engine import Engine
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Result
from tests.preconditions import need

__all__ = ["engine", "shared_engine"]

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]


class Client(Protocol):
    def __call__(self, *words: str | Path, **options: object) -> Result:
        """A docker command."""


@pytest.fixture(scope="module")
def dockerd(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Client]:
    need("docker")
    directory = session_directory / "docker-cp"
    directory.mkdir()
    runc = Path(shutil.which("runc") or "/usr/sbin/runc")
    with running_daemon(directory, runc, archive(rootfs_template, directory)) as docker:
        yield docker


# In the container, and on this side: the same files.
FILES = {
    "file": "f:a file",
    "dir": "d",
    "dir/inner": "f:inner",
    "dir/sub": "d",
    "dir/sub/deep": "f:deep",
    "empty": "d",
    "tofile": "l:file",
    "todir": "l:dir",
    "dangling": "l:nowhere",
}
OTHERS = {
    "file": "f:another file",
    "dir": "d",
    "dir/kept": "f:kept",
    "todir": "l:dir",
    "tofile": "l:file",
}

SOURCES = ("file", "dir", "dir/.", "todir", "todir/", "dangling", "missing")
TARGETS = ("new", "new/", "file", "dir", "dir/", "todir", "no/such")


def build(top: Path, tree: dict[str, str]) -> None:
    """Makes a tree of these files."""
    top.mkdir()
    for name, what in tree.items():
        kind, _, text = what.partition(":")
        if kind == "d":
            (top / name).mkdir()
        elif kind == "l":
            (top / name).symlink_to(text)
        else:
            (top / name).write_text(text)


def tree_of(top: Path) -> dict[str, str]:
    """The files of a tree, in the same words."""
    found = {}
    for path in sorted(top.rglob("*")):
        kind = stat.S_IFMT(path.lstat().st_mode)
        name = str(path.relative_to(top))
        if kind == stat.S_IFLNK:
            found[name] = f"l:{path.readlink()}"
        elif kind == stat.S_IFDIR:
            found[name] = "d"
        else:
            found[name] = f"f:{path.read_text()}"
    return found


class Side:
    """One engine, with a container that has the files."""

    def __init__(self, client: Client, workspace: Path, name: str) -> None:
        self.client = client
        self.workspace = workspace / name
        self.workspace.mkdir()
        self.container = client("create", "--network", "none", IMAGE, "true").ok().out.strip()

    def remove(self) -> None:
        self.client("rm", "-f", "-v", self.container)

    def fill(self, tree: dict[str, str], number: int = 1) -> None:
        """The container has so many of these trees: /trees/0 and so on."""
        top = self.workspace / "trees"
        top.mkdir()
        for each in range(number):
            build(top / str(each), tree)
        self.client("cp", top, f"{self.container}:/").ok()

    def seen(self, path: str) -> dict[str, str]:
        """What is at a container path."""
        out = self.workspace / "seen"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        command: list[str | Path] = ["tar", "-C", out, "--strip-components=1", "-xf", "-"]
        with (self.workspace / "seen.tar").open("w+b") as file:
            self.client("cp", f"{self.container}:{path}", "-", stdout=file).ok()
            file.seek(0)
            subprocess.run(command, stdin=file, check=True)
        return tree_of(out)


@pytest.fixture
def sides(engine: Engine, dockerd: Client, workspace: Path) -> Iterator[tuple[Side, Side]]:
    ours, theirs = Side(engine.docker, workspace, "ours"), Side(dockerd, workspace, "theirs")
    yield ours, theirs
    ours.remove()
    theirs.remove()


Copy = tuple[str, str, tuple[str, ...]]
"""Source, destination, flags."""


def copied_in(side: Side, copies: list[Copy]) -> object:
    """Which of them were done, and what is in the container then; each has a tree of its own."""
    local = side.workspace / "local"
    build(local, FILES)
    side.fill(OTHERS, len(copies))
    done = []
    for number, (source, target, flags) in enumerate(copies):
        there = f"{side.container}:/trees/{number}/{target}"
        done.append(side.client("cp", *flags, f"{local}/{source}", there).status == 0)
    return done, side.seen("/trees")


def copied_out(side: Side, copies: list[Copy]) -> object:
    """Which of them were done, and what is on this side then."""
    side.fill(FILES)
    done, found = [], []
    for number, (source, target, flags) in enumerate(copies):
        local = side.workspace / f"local{number}"
        build(local, OTHERS)
        there = f"{side.container}:/trees/0/{source}"
        done.append(side.client("cp", *flags, there, f"{local}/{target}").status == 0)
        found.append(tree_of(local))
    return done, found


ALL = [(source, target, ()) for source in SOURCES for target in TARGETS]
FLAGGED = [(source, "new", flags) for source in SOURCES for flags in (("-L",), ("-a",))]


@pytest.mark.parametrize("copy", [copied_in, copied_out])
def test_the_table(sides: tuple[Side, Side], copy: Callable[[Side, list[Copy]], object]) -> None:
    ours, theirs = (copy(side, [*ALL, *FLAGGED]) for side in sides)
    assert ours == theirs


@pytest.mark.parametrize("path", ["/etc", "/etc/", "/etc/.", "/etc/passwd", "/bin/sh", "/"])
def test_names_in_archives(sides: tuple[Side, Side], workspace: Path, path: str) -> None:
    """The archive of a path has the names that dockerd's has."""
    found = []
    for side in sides:
        out = workspace / "out.tar"
        with out.open("wb") as file:
            side.client("cp", f"{side.container}:{path}", "-", stdout=file).ok()
        # dockerd makes places for what it mounts when it makes a container.
        made = {"dev", "etc", "proc", "sys", ".dockerenv", "dockerenv"} if path == "/" else set()
        etc = {"hosts", "hostname", "resolv.conf", "mtab"}
        names = (
            name.removeprefix(".").lstrip("/") if path == "/" else name
            for name in members(out.read_bytes())
        )
        found.append(
            {
                n
                for n in names
                if n.partition("/")[0] not in made and n.rpartition("/")[2] not in etc
            }
        )
    assert found[0] == found[1]


def test_what_was_changed(sides: tuple[Side, Side]) -> None:
    found = []
    for side in sides:
        side.fill(FILES)
        side.client("cp", side.workspace / "trees/0/file", f"{side.container}:/bin/cat").ok()
        side.client("cp", side.workspace / "trees/0/dir", f"{side.container}:/home/tester").ok()
        found.append(sorted(side.client("diff", side.container).ok().out.splitlines()))
    assert found[0] == found[1]


def test_files_of_an_export(sides: tuple[Side, Side], workspace: Path) -> None:
    found = []
    for side in sides:
        side.fill(FILES)
        out = workspace / "export.tar"
        side.client("export", "-o", out, side.container).ok()
        found.append(
            {
                name: (
                    member.type,
                    member.mode & 0o7777,
                    member.uid,
                    member.gid,
                    member.size,
                    member.linkname,
                )
                for name, member in members(out.read_bytes()).items()
                if name.partition("/")[0] not in ("dev", "etc", "proc", "sys", ".dockerenv")
                and not member.islnk()
            }
        )
    assert found[0] == found[1]
