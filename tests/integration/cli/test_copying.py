"""`orlop cp` leaves what `docker cp` leaves, case by case, and fails where that fails."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.peers import Orlop

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

MAKE = """
rm -rf {0}; mkdir -p {0}/dir/sub {0}/empty "{0}/sp ace"; cd {0}
echo f >file; echo g >other; echo a >dir/a; ln -s a dir/link; ln dir/a dir/hard
ln -s dir ldir; ln -s file lfile; ln -s nowhere dangling; chmod 640 file; echo x >"sp ace/é"
"""
LIST = """
cd {0}; find . | sort | while read f; do stat -c '%n %A %u %h' "$f"; readlink "$f" || :; done
"""
CASES = [
    ("file", "empty"),
    ("file", "empty/"),
    ("file", "new"),
    ("file", "new/"),
    ("file", "other"),
    ("file", "ldir"),
    ("file", "lfile"),
    ("file", "no/such"),
    ("file", "dangling"),
    ("file/", "new"),
    ("dir", "empty"),
    ("dir", "new"),
    ("dir", "new/"),
    ("dir", "file"),
    ("dir/.", "empty"),
    ("dir/.", "new"),
    ("ldir", "new"),
    ("ldir/", "empty"),
    ("ldir/.", "empty"),
    ("lfile", "empty"),
    ("dangling", "new"),
    ("sp ace", "empty"),
    ("nothing", "empty"),
    (".", "empty/new"),
]


@pytest.fixture(scope="module")
def box(before_orlop: Orlop) -> Iterator[Orlop]:
    """The container `box`; one for all cases, since each makes its own tree."""
    before_orlop.start("--name", "box", "--", "sleep", "100000")
    yield before_orlop
    before_orlop.remove_all()


def inside(orlop: Orlop, script: str) -> str:
    return orlop.docker("exec", "box", "sh", "-c", script.format("/t")).ok().out


def outside(workspace: Path, script: str) -> str:
    command = ["sh", "-c", script.format(workspace / "t")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


LINKS = ("ldir", "lfile", "dangling")
ALL = [
    *((source, target, "-q") for source, target in CASES),
    *((source, target, "-L") for source in LINKS for target in ("empty", "new")),
]


@pytest.mark.parametrize(("source", "target", "flag"), ALL, ids=str)
class TestLikeDocker:
    def test_out(self, box: Orlop, workspace: Path, source: str, target: str, flag: str) -> None:
        inside(box, MAKE)
        found = []
        for copy in (box.docker, box):
            outside(workspace, MAKE)
            done = copy("cp", flag, f"box:/t/{source}", workspace / "t" / target)
            found.append((done.status, outside(workspace, LIST)))
        assert found[0] == found[1]

    def test_in(self, box: Orlop, workspace: Path, source: str, target: str, flag: str) -> None:
        outside(workspace, MAKE)
        found = []
        for copy in (box.docker, box):
            inside(box, MAKE)
            done = copy("cp", flag, f"{workspace}/t/{source}", f"box:/t/{target}")
            found.append((done.status, inside(box, LIST)))
        assert found[0] == found[1]


class TestStreams:
    def test_an_archive_comes_out(self, box: Orlop, workspace: Path) -> None:
        inside(box, MAKE)
        with (workspace / "tar").open("w+b") as file:
            box("cp", "box:/t/dir", "-", stdout=file).ok()
            file.seek(0)
            with tarfile.open(fileobj=io.BytesIO(file.read())) as archive:
                assert "dir/a" in archive.getnames()

    def test_an_archive_goes_in(self, box: Orlop, workspace: Path) -> None:
        inside(box, MAKE)
        (workspace / "x").write_text("text")
        with tarfile.open(workspace / "tar", "w") as archive:
            archive.add(workspace / "x", "sub/x")
        with (workspace / "tar").open("rb") as file:
            box("cp", "-", "box:/t/empty", stdin=file).ok()
        assert inside(box, "cat {0}/empty/sub/x") == "text"
        with (workspace / "tar").open("rb") as file:
            box("cp", "-", "box:/t/file", stdin=file).refused("is no directory")


class TestWhoseFiles:
    def test_those_of_whoever_copies(self, box: Orlop, workspace: Path) -> None:
        inside(box, "rm -rf {0}; mkdir {0}; echo >{0}/x; chown 33:44 {0}/x; chmod 4755 {0}/x")
        box("cp", "box:/t/x", workspace / "own").ok()
        status = (workspace / "own").stat()
        assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
        assert not status.st_mode & stat.S_ISUID  # it would be root's program now

    def test_or_as_they_are(self, box: Orlop, workspace: Path) -> None:
        inside(box, "rm -rf {0}; mkdir {0}; echo >{0}/x; chown 33:44 {0}/x; chmod 4755 {0}/x")
        box("cp", "-a", "box:/t/x", workspace / "same").ok()
        status = (workspace / "same").stat()
        assert (status.st_uid, status.st_gid) == (33, 44)
        assert status.st_mode & stat.S_ISUID
        os.chown(workspace / "same", 55, 66)
        box("cp", "-a", workspace / "same", "box:/t/back").ok()
        assert inside(box, "stat -c '%u %g' {0}/back").split() == ["55", "66"]


def test_a_link_of_the_containers_leads_nowhere_here(box: Orlop, workspace: Path) -> None:
    # The second copy goes through what the first one has left: it must stay in the directory.
    canary = workspace / "canary"
    canary.mkdir()
    inside(box, f"rm -rf {{0}}; mkdir -p {{0}}/d; ln -s {canary} {{0}}/d/out")
    box("cp", "box:/t/d", workspace / "d").ok()
    assert (workspace / "d/out").is_symlink()
    inside(box, "rm {0}/d/out; mkdir {0}/d/out; echo >{0}/d/out/evil")
    done = box("cp", "box:/t/d/.", workspace / "d")
    assert list(canary.iterdir()) == []
    assert done.status == 1
    shutil.rmtree(workspace / "d")


def test_mistakes(box: Orlop, workspace: Path) -> None:
    for words in (["box:/t", "other:/t"], ["/a", "/b"], ["box:", "/x"], ["-", "-"]):
        assert box("cp", *words).refused("orlop: ").status == 1
    box("cp", "no-such:/etc", workspace).refused("no such container")
    box("cp", "box:/etc/passwd", "/dev/null").refused("/dev/null")
