"""Files of containers, running and not: looked at, copied out and in, compared, exported."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import zstandard

from orlop.engine.archives import ADDED, DELETED, MODIFIED, Change
from orlop.errors import InvalidArgument, NotFound, PermissionDenied
from tests.integration.storage.copies import content, export, get, inside, members, packed, put
from tests.integration.support.engines import Live
from tests.tarballs import END, directory, member, symlink

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

RUNNING = "running"
STOPPED = "stopped"
MADE = "made"

SETUP = """
mkdir -p /data/dir/sub; echo hello > /data/dir/file; chown 1000:29 /data/dir/file
chmod 4750 /data/dir/file; ln /data/dir/file /data/dir/hard; ln -s file /data/dir/link
ln -s /data/dir /data/way; ln -s /nowhere /data/dangling; mkfifo /data/dir/fifo
echo deep > /data/dir/sub/deep
"""
FOREVER = "echo ready; while :; do sleep 0.1; done"


def container(live: Live, state: str, flags: str = "", setup: str = SETUP) -> str:
    """A container with files, in that state; one that was only made has none."""
    if state == RUNNING:
        key = live.run(f"{setup}\n{FOREVER}", flags)
        live.until(lambda: "ready" in live.log(key))
        return key
    key = live.create("true", flags)
    if state == STOPPED:
        inside(live, key, setup)
    return key


@pytest.fixture(params=[RUNNING, STOPPED])
def key(request: pytest.FixtureRequest, live: Live) -> str:
    return container(live, request.param)


def test_a_slow_client_does_not_keep_a_container_from_starting(live: Live) -> None:
    key = live.create("echo ready; while :; do sleep 0.1; done")
    archive = packed(("file", b"late"))

    async def main() -> None:
        rest = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield archive[:700]
            await rest.wait()
            yield archive[700:]

        sending = asyncio.ensure_future(live.engine.archives.put(key, "/tmp", slowly()))
        done, _ = await asyncio.wait({sending}, timeout=0.1)
        assert not done
        async with asyncio.timeout(20):
            await live.containers.start(key)
        rest.set()
        await sending

    live(main())
    assert content(get(live, key, "/tmp/file"), "file") == b"late"


class TestLooking:
    def test_a_file(self, live: Live, key: str) -> None:
        found = live(live.engine.archives.stat(key, "/data/dir/file"))
        assert (found.name, found.size, found.link_target) == ("file", 6, "")
        assert found.mode == 0o750 | 1 << 23  # setuid, in Go's bits

    def test_a_directory(self, live: Live, key: str) -> None:
        for path in ("/data/dir", "data/dir", "/data/dir/", "/data/dir/.", "/x/../data/dir"):
            found = live(live.engine.archives.stat(key, path))
            assert (found.name, found.mode) == ("dir", 0o755 | 1 << 31), path

    def test_a_link(self, live: Live, key: str) -> None:
        found = live(live.engine.archives.stat(key, "/data/way"))
        assert (found.mode & 1 << 27, found.link_target) == (1 << 27, "/data/dir")
        followed = live(live.engine.archives.stat(key, "/data/way/"))
        assert (followed.name, followed.mode) == ("way", 0o755 | 1 << 31)
        through = live(live.engine.archives.stat(key, "/data/way/link"))
        assert (through.name, through.link_target) == ("link", "/data/dir/file")

    def test_a_link_to_nothing(self, live: Live, key: str) -> None:
        assert live(live.engine.archives.stat(key, "/data/dangling")).link_target == "/nowhere"
        with pytest.raises(NotFound, match="/data/dangling/"):
            live(live.engine.archives.stat(key, "/data/dangling/"))

    def test_the_root(self, live: Live, key: str) -> None:
        assert live(live.engine.archives.stat(key, "/")).name == "/"
        assert live(live.engine.archives.stat(key, "/../..")).name == "/"

    def test_what_is_not_there(self, live: Live, key: str) -> None:
        with pytest.raises(NotFound) as missing:
            live(live.engine.archives.stat(key, "/data/missing"))
        assert missing.value.kind == "path"
        with pytest.raises(InvalidArgument, match="no directory"):
            live(live.engine.archives.stat(key, "/data/dir/file/"))
        with pytest.raises(InvalidArgument, match="no directory"):
            live(live.engine.archives.stat(key, "/data/dir/file/x"))
        with pytest.raises(InvalidArgument, match="no path"):
            live(live.engine.archives.stat(key, ""))

    def test_a_container_that_is_not_there(self, live: Live) -> None:
        with pytest.raises(NotFound, match="container"):
            live(live.engine.archives.stat("nobody", "/"))


class TestCopyingOut:
    def test_a_directory_with_all_below(self, live: Live, key: str) -> None:
        found = members(get(live, key, "/data/dir"))
        assert list(found) == [
            "dir",
            "dir/fifo",
            "dir/file",
            "dir/hard",
            "dir/link",
            "dir/sub",
            "dir/sub/deep",
        ]
        file = found["dir/file"]
        assert (file.mode, file.uid, file.gid, file.size) == (0o4750, 1000, 29, 6)
        assert (found["dir/hard"].type, found["dir/hard"].linkname) == (tarfile.LNKTYPE, "dir/file")
        assert (found["dir/link"].type, found["dir/link"].linkname) == (tarfile.SYMTYPE, "file")
        assert found["dir/fifo"].type == tarfile.FIFOTYPE

    def test_names_as_they_were_asked(self, live: Live, key: str) -> None:
        assert list(members(get(live, key, "/data/dir/file"))) == ["file"]
        assert members(get(live, key, "/data/way"))["way"].issym()
        assert "way/file" in members(get(live, key, "/data/way/"))
        assert "./file" in members(get(live, key, "/data/way/."))

    def test_content(self, live: Live, key: str) -> None:
        assert content(get(live, key, "/data/dir/sub/deep"), "deep") == b"deep\n"

    def test_a_fifo_is_not_read(self, live: Live, key: str) -> None:
        assert members(get(live, key, "/data/dir/fifo"))["fifo"].isfifo()

    def test_what_the_container_has_mounted(self, live: Live, workspace: Path) -> None:
        (workspace / "mine").mkdir()
        (workspace / "mine/x").write_text("of the host")
        for state in (RUNNING, STOPPED, MADE):
            flags = f"-v {workspace}/mine:/mine:ro -v named:/vol"
            made = container(live, state, flags, "echo of the volume > /vol/y")
            assert content(get(live, made, "/mine/x"), "x") == b"of the host"
            assert content(get(live, made, "/vol/y"), "y") == b"of the volume\n"

    def test_a_reader_who_leaves(self, live: Live, key: str) -> None:
        async def first_only() -> bytes:
            _, archive = await live.engine.archives.get(key, "/bin")
            first = await anext(archive)
            await archive.aclose()  # type: ignore[attr-defined]
            return first

        assert live(first_only())

    def test_a_container_that_was_only_made(self, live: Live) -> None:
        made = container(live, MADE)
        assert content(get(live, made, "/etc/passwd"), "passwd").startswith(b"root:")


class TestCopyingIn:
    def test_files_and_directories(self, live: Live, key: str) -> None:
        archive = packed(("new", None), ("new/a", b"content"), uid=1000, gid=29, mode=0o750)
        put(live, key, "/data", archive)
        found = members(get(live, key, "/data/new"))
        assert (found["new/a"].mode, found["new/a"].uid, found["new/a"].gid) == (0o750, 1000, 29)
        assert content(get(live, key, "/data/new/a"), "a") == b"content"

    def test_a_link_to_the_directory(self, live: Live, key: str) -> None:
        put(live, key, "/data/way", packed(("a", b"1")))
        assert content(get(live, key, "/data/dir/a"), "a") == b"1"

    @pytest.mark.parametrize(
        "compress",
        [gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
        ids=["gzip", "bzip2", "xz", "zstd"],
    )
    def test_compressed(self, live: Live, key: str, compress: object) -> None:
        put(live, key, "/data", compress(packed(("a", b"1"))))  # type: ignore[operator]
        assert content(get(live, key, "/data/a"), "a") == b"1"

    def test_to_where_nothing_is(self, live: Live, key: str) -> None:
        with pytest.raises(NotFound, match="/missing"):
            put(live, key, "/missing", packed(("a", b"1")))
        with pytest.raises(InvalidArgument, match="no directory"):
            put(live, key, "/data/dir/file", packed(("a", b"1")))

    def test_what_is_no_archive(self, live: Live, key: str) -> None:
        with pytest.raises(InvalidArgument, match="no archive"):
            put(live, key, "/data", b"x" * 2000)

    def test_replacing(self, live: Live, key: str) -> None:
        put(live, key, "/data", packed(("dir", b"now a file")))
        assert content(get(live, key, "/data/dir"), "dir") == b"now a file"
        put(live, key, "/data", packed(("dir", None)))
        assert members(get(live, key, "/data/dir"))["dir"].isdir()

    def test_not_replacing(self, live: Live, key: str) -> None:
        with pytest.raises(InvalidArgument, match="cannot overwrite directory"):
            put(live, key, "/data", packed(("dir", b"now a file")), keep_kinds=True)
        with pytest.raises(InvalidArgument, match="cannot overwrite non-directory"):
            put(live, key, "/data/dir", packed(("file", None)), keep_kinds=True)
        put(live, key, "/data/dir", packed(("file", b"other")), keep_kinds=True)
        assert content(get(live, key, "/data/dir/file"), "file") == b"other"

    def test_whiteouts_are_ordinary_names(self, live: Live, key: str) -> None:
        put(live, key, "/data", packed((".wh.dir", b"x")))
        assert {"data/.wh.dir", "data/dir"} <= set(members(get(live, key, "/data")))

    def test_for_the_container_s_user(self, live: Live) -> None:
        for state in (RUNNING, STOPPED):
            made = container(live, state, "--user tester", "true")
            put(live, made, "/tmp", packed(("a", b"1"), uid=5, gid=6), own=True)
            found = members(get(live, made, "/tmp/a"))["a"]
            assert (found.uid, found.gid) == (1000, 1000)

    def test_read_only(self, live: Live, workspace: Path) -> None:
        (workspace / "mine").mkdir()
        flags = f"--read-only -v {workspace}/mine:/mine:ro -v named:/vol"
        for state in (RUNNING, STOPPED):
            made = container(live, state, flags, "true")
            with pytest.raises(PermissionDenied, match="read-only"):
                put(live, made, "/etc", packed(("a", b"1")))
            with pytest.raises(PermissionDenied, match="read-only"):
                put(live, made, "/mine", packed(("a", b"1")))
            put(live, made, "/vol", packed(("a", b"1")))
        assert list((workspace / "mine").iterdir()) == []

    def test_a_file_that_is_mounted(self, live: Live) -> None:
        made = container(live, RUNNING, "", "true")
        put(live, made, "/etc", packed(("hosts", b"127.0.0.1 me\n")))
        assert content(get(live, made, "/etc/hosts"), "hosts") == b"127.0.0.1 me\n"

    def test_it_is_there_when_the_container_is_started(self, live: Live) -> None:
        made = live.create("cat /tmp/greeting")
        put(live, made, "/tmp", packed(("greeting", b"hello")))
        live(live.containers.start(made))
        assert live.end(made) == 0
        assert "hello" in live.log(made)

    def test_a_sender_who_leaves(self, live: Live, key: str) -> None:
        async def broken() -> object:
            yield packed(("a", b"x" * 10_000))[:5000]
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            live(live.engine.archives.put(key, "/data", broken()))  # type: ignore[arg-type]


class TestNothingLeadsOut:
    """The root is the container's: its links and archives lead to what is in it."""

    @pytest.fixture
    def canary(self, workspace: Path) -> Path:
        path = workspace / "canary"
        path.mkdir()
        (path / "file").write_text("untouched")
        return path

    def test_links_of_the_container(self, live: Live, canary: Path) -> None:
        for state in (RUNNING, STOPPED):
            made = container(
                live, state, "", f"mkdir /d; ln -s {canary} /d/out; ln -s ../../../.. /d/up"
            )
            with pytest.raises(NotFound):
                get(live, made, "/d/out/file")
            with pytest.raises(NotFound):
                put(live, made, "/d/out", packed(("file", b"evil")))
            assert set(members(get(live, made, "/d/up/"))) >= {"up/etc/passwd", "up/d/out"}
            put(live, made, "/d/up", packed(("here", b"evil")))
            assert content(get(live, made, "/here"), "here") == b"evil"
        assert (canary / "file").read_text() == "untouched"
        assert not Path("/here").exists()

    def test_links_of_the_archive(self, live: Live, canary: Path, key: str) -> None:
        hostile = symlink(b"out", os.fsencode(canary)) + member(b"out/file", content=b"evil") + END
        with pytest.raises(InvalidArgument):
            put(live, key, "/tmp", hostile)
        with pytest.raises(InvalidArgument, match="leads out"):
            put(live, key, "/tmp", directory(b"../../x") + END)
        assert (canary / "file").read_text() == "untouched"

    def test_links_of_proc(self, live: Live) -> None:
        made = container(live, RUNNING, "", "true")
        for path in ("/proc/1/root/", "/proc/self/root/etc/", "/proc/self/cwd/"):
            with pytest.raises((InvalidArgument, NotFound)):
                get(live, made, path)


class TestComparing:
    def test_what_was_changed(self, live: Live) -> None:
        setup = """
        mkdir /new; echo x > /new/file; echo x >> /etc/passwd; rm /etc/group
        chmod 700 /home/tester; rm -r /usr; mkdir /usr; rm -r /var
        """
        for state in (RUNNING, STOPPED):
            made = container(live, state, "", setup)
            found = live(live.engine.archives.changes(made))
            assert found == (
                Change("/etc", MODIFIED),
                Change("/etc/group", DELETED),
                Change("/etc/passwd", MODIFIED),
                Change("/home", MODIFIED),
                Change("/home/tester", MODIFIED),
                Change("/new", ADDED),
                Change("/new/file", ADDED),
                Change("/usr", MODIFIED),
                Change("/var", DELETED),
            )

    def test_nothing(self, live: Live) -> None:
        assert live(live.engine.archives.changes(live.create())) == ()


class TestExporting:
    def test_the_container_s_own_files(self, live: Live, workspace: Path) -> None:
        (workspace / "mine").mkdir()
        (workspace / "mine/x").write_text("of the host")
        flags = f"-v {workspace}/mine:/mine -v named:/vol"
        for state in (RUNNING, STOPPED):
            made = container(live, state, flags, f"{SETUP}rm /etc/group; echo 1 > /vol/y")
            found = members(export(live, made))
            assert {"data/dir/file", "etc/passwd", "bin/busybox", "mine", "vol", "proc"} <= set(
                found
            )
            assert not {"etc/group", "mine/x", "vol/y", "proc/1", ""} & set(found)
            assert not any(name.startswith(("/", "./")) for name in found)

    def test_the_same_files_are_the_same_archive(self, live: Live) -> None:
        made = container(live, STOPPED)
        assert export(live, made) == export(live, made)

    def test_a_socket_is_left_out(self, live: Live, root: Path) -> None:
        made = live.create()
        put(live, made, "/tmp", packed(("a", b"1")))
        upper = Path(live.get(made).directory) / "layers/root.upper/tmp"
        os.mknod(upper / "socket", stat.S_IFSOCK | 0o600)
        assert set(members(get(live, made, "/tmp"))) == {"tmp", "tmp/a"}


def test_a_tree_without_end(live: Live) -> None:
    """Whoever walks through it gives up in good time; removing it works."""
    script = "n=0; while [ $n -lt 1500 ]; do mkdir d && cd d || exit 1; n=$((n+1)); done"
    key = container(live, STOPPED, "", f"mkdir /deep; cd /deep; {script}; echo x > file")
    for look in (live.engine.archives.changes, live.engine.archives.export):
        with pytest.raises(InvalidArgument, match="levels deep"):
            _drained(live, look(key))
    with pytest.raises(InvalidArgument, match="levels deep"):
        get(live, key, "/deep")
    assert live(live.containers.size(key)).writable_bytes == 0
    directory = live.get(key).directory
    live(live.containers.remove(key))
    assert not os.path.exists(directory)


def _drained(live: Live, work: Awaitable[object]) -> None:
    async def drain() -> None:
        found = await work
        if isinstance(found, AsyncIterator):
            async for _ in found:
                pass

    live(drain())


def test_events_tell_of_it(live: Live) -> None:
    key = container(live, STOPPED, "", "true")
    get(live, key, "/etc/passwd")
    put(live, key, "/tmp", packed(("a", b"1")))
    export(live, key)
    assert live.actions(key)[-3:] == ["archive-path", "extract-to-dir", "export"]


def test_an_archive_of_nothing(live: Live) -> None:
    key = container(live, STOPPED, "", "true")
    put(live, key, "/tmp", io.BytesIO(END).getvalue())
    put(live, key, "/tmp", b"")
    assert set(members(get(live, key, "/tmp"))) == {"tmp"}
