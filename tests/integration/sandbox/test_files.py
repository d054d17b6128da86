"""Files in and out of a box, also of one whose programs are hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop import Sandbox
from orlop.errors import Conflict, InvalidArgument, NotFound, PermissionDenied
from orlop.sandbox import Entry
from tests.integration.support import processes

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

CANARY = b"of the host"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file of the host that nobody in a box may read or change."""
    path = tmp_path / "canary"
    path.write_bytes(CANARY)
    tmp_path.chmod(0o755)
    path.chmod(0o666)
    return path


def test_what_is_written_is_read(box: Sandbox) -> None:
    for data in (b"", b"\0\xff" * 100, bytes(5 << 20)):
        box.write("/work/deep/er/file", data)
        assert box.read("/work/deep/er/file") == data
    box.write("text", "Text")
    assert box.run(["cat", "/work/text"]).stdout == b"Text"
    assert box.read("text") == b"Text"


def test_mode_and_owner(box: Sandbox) -> None:
    box.write("tool", "#!/bin/sh\necho works\n", mode=0o700)
    assert box.run(["/work/tool"]).stdout == b"works\n"
    assert box.run(["stat", "-c", "%u:%g %a", "tool"]).stdout == b"65534:65534 700\n"


def test_listing(box: Sandbox) -> None:
    box.write("b", "xyz", mode=0o640)
    box.run(["sh", "-c", "mkdir a; ln -s nowhere c; mkfifo 'd e'; chmod 700 a"])
    kinds = {entry.name: entry.kind for entry in box.listing()}
    assert kinds == {"a": "directory", "b": "file", "c": "symlink", "d e": "other"}
    assert Entry("b", "file", 0o640, 3) in box.listing("/work")
    assert box.listing("a") == ()


def test_strange_names(box: Sandbox) -> None:
    name = "new\nline \x1b[31m \udcff 7 7"
    box.write(name, "x")
    assert [entry.name for entry in box.listing()] == [name]
    assert box.read(name) == b"x"


def test_errors(box: Sandbox) -> None:
    with pytest.raises(NotFound):
        box.read("nothing")
    with pytest.raises(NotFound):
        box.listing("/nowhere")
    with pytest.raises(Conflict, match="no regular file"):
        box.read("/dev/zero")
    with pytest.raises(Conflict, match="is a directory"):
        box.read("/work")
    with pytest.raises(Conflict, match="not a directory"):
        box.listing("/etc/passwd")
    with pytest.raises(PermissionDenied):
        box.write("/etc/motd", "mine")
    with pytest.raises(PermissionDenied):
        box.read("/root/secret")
    for path in ("no\0tail",):
        with pytest.raises(InvalidArgument):
            box.read(path)
    assert box.run(["true"]).ok


def test_sizes_are_bounded(box: Sandbox) -> None:
    box.run(["sh", "-c", "head -c 2m /dev/zero >big; truncate -s 1000g huge"])
    assert len(box.read("big", limit="2m")) == 2 << 20
    with pytest.raises(Conflict, match="larger than the limit"):
        box.read("big", limit=(2 << 20) - 1)
    with pytest.raises(Conflict, match="larger than the limit"):
        box.read("huge", limit="8m")


def test_a_full_disk() -> None:
    with Sandbox(disk="1m") as box:
        with pytest.raises(Conflict, match="no space left"):
            box.write("big", bytes(2 << 20))


TRAPS = {
    "link to the host": "ln -s {canary} out",
    "link up and out": "ln -s ../../../../../../..{canary} out",
    "link through the root of another process": "ln -s /proc/1/root{canary} out",
    "link through its own root": "ln -s /proc/self/root/proc/1/root{canary} out",
    "link to a descriptor": "ln -s /proc/self/fd/0 out",
    "link to memory": "ln -s /proc/self/mem out",
    "loop of links": "ln -s out out",
    "pipe": "mkfifo out",
    "socket": ("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"out\")'"),
    "directory": "mkdir out",
    "unreadable": "touch out; chmod 0 out",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_reading_a_trap(box: Sandbox, canary: Path, trap: str) -> None:
    assert box.run(["sh", "-c", TRAPS[trap].format(canary=canary)]).ok
    with pytest.raises((NotFound, Conflict, PermissionDenied)):
        box.read("/work/out")
    assert box.run(["true"]).ok


@pytest.mark.parametrize("trap", TRAPS)
def test_writing_into_a_trap(box: Sandbox, canary: Path, trap: str) -> None:
    assert box.run(["sh", "-c", TRAPS[trap].format(canary=canary)]).ok
    try:
        box.write("/work/out", "new")
    except Conflict:
        assert trap == "directory"
    else:
        assert box.read("/work/out") == b"new"
    assert canary.read_bytes() == CANARY


def test_a_directory_that_is_a_trap(box: Sandbox, canary: Path) -> None:
    """What is resolved is resolved in the box: the same names, but its own files."""
    assert box.run(["ln", "-s", str(canary.parent), "/work/dir"]).ok
    with pytest.raises(NotFound):
        box.read("/work/dir/canary")
    with pytest.raises(NotFound):
        box.listing("/work/dir")
    assert canary.read_bytes() == CANARY


def test_files_change_while_they_are_read(box: Sandbox, canary: Path) -> None:
    swap = f"while :; do ln -sf {canary} out; rm out; echo mine >out; rm out; done"
    box.run(["sh", "-c", f"({swap}) >/dev/null 2>&1 &"], keep_background=True)
    seen = set()
    for _ in range(100):
        try:
            seen.add(box.read("/work/out"))
        except (NotFound, PermissionDenied):
            continue
    assert seen <= {b"mine\n", b""}


def test_nobody_in_the_box_gets_more_than_it_had(box: Sandbox) -> None:
    """The process that reads is one of the box's, with no more rights."""
    box.run(["ln", "-s", "/proc/self/status", "/work/out"])
    status = processes.parse_status(box.read("/work/out").decode())
    assert status["Uid"].split() == ["65534"] * 4
    assert status["CapPrm"] == "0" * 16
