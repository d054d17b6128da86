"""Where the runtime keeps what it knows of its containers."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from orlop.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SyscallError,
    Unavailable,
)
from orlop.insight.targets import orlop_containers
from orlop.kernel.process import Identity
from orlop.runtime.state import Directory, State, Store, check_id


def test_filters_are_no_container(tmp_path: Path) -> None:
    with Store(str(tmp_path)).new("c") as directory:
        cache = directory.seccomp_cache
    assert os.path.dirname(cache) == str(tmp_path)
    with pytest.raises(InvalidArgument):
        check_id(os.path.basename(cache))
    os.mkdir(cache)
    assert list(Store(str(tmp_path)).ids()) == []


def test_nothing_else_holds_a_new_container(tmp_path: Path) -> None:
    with Store(str(tmp_path)).new("c") as directory:
        assert Directory(directory.path).is_busy()
    assert not Directory(directory.path).is_busy()


@pytest.mark.parametrize("again", [False, True])
def test_who_waits_for_a_container_that_is_deleted_finds_none(tmp_path: Path, again: bool) -> None:
    store = Store(str(tmp_path))
    found = []

    def other() -> None:
        try:
            store.open("c")
        except NotFound:
            found.append("none")

    deleting = store.new("c")
    waiting = threading.Thread(target=other)
    waiting.start()
    await_flock_waiter(deleting)
    deleting.remove()
    if again:
        store.new("c").unlock()
    deleting.unlock()
    waiting.join()
    assert found == ["none"]


def await_flock_waiter(directory: Directory) -> None:
    """Until somebody waits for the lock: "->" marks waiters in /proc/locks (proc_locks(5))."""
    inode = os.stat(directory.path).st_ino
    while not any(
        "->" in line and f":{inode} " in line
        for line in Path("/proc/locks").read_text().splitlines()
    ):
        os.sched_yield()


def test_what_is_no_directory_is_no_container(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "nothing"):
        with pytest.raises(NotFound):
            Store(str(tmp_path)).open(name)


FULL = State(
    id="c",
    bundle="/bundle",
    rootfs="/bundle/rootfs",
    created="2026-01-02T03:04:05.000000006Z",
    process=Identity(7, 1234567),
    cgroup={"/sys/fs/cgroup": "/sys/fs/cgroup/c"},
    new_keyring=False,
    destroyed=True,
)


class TestState:
    @pytest.mark.parametrize("state", [FULL, State("c", "/b", "/b/r", "now")])
    def test_is_read_as_it_was_written(self, tmp_path: Path, state: State) -> None:
        with Store(str(tmp_path)).new("c") as directory:
            directory.write(state)
            assert directory.read() == state

    def test_is_replaced_as_a_whole(self, tmp_path: Path) -> None:
        with Store(str(tmp_path)).new("c") as directory:
            directory.write(FULL)
            with open(directory.file("state.json")) as reader:
                directory.write(FULL.replace(bundle="/other"))
                assert '"/bundle"' in reader.read(), "what a reader has open must not change"
            assert directory.read().bundle == "/other"
            assert os.listdir(directory.path) == ["state.json"]

    @pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"id": "c"}', "\udc80"])
    def test_that_makes_no_sense(self, tmp_path: Path, text: str) -> None:
        with Store(str(tmp_path)).new("c") as directory:
            directory.write_file("state.json", text.encode("utf-8", "surrogateescape"))
            with pytest.raises(Unavailable, match="delete it with --force"):
                directory.read()

    def test_that_is_not_there(self, tmp_path: Path) -> None:
        with Store(str(tmp_path)).new("c") as directory, pytest.raises(NotFound):
            directory.read()


class TestStore:
    def test_lists_what_has_a_state(self, tmp_path: Path) -> None:
        store = Store(str(tmp_path / "root"))
        assert list(store.ids()) == []
        for name in ("b", "a", "begun"):
            with store.new(name) as directory:
                if name != "begun":
                    directory.write(FULL)
        assert list(store.ids()) == ["a", "b"]

    def test_ids_are_taken_once(self, tmp_path: Path) -> None:
        store = Store(str(tmp_path))
        store.new("c").unlock()
        with pytest.raises(AlreadyExists):
            store.new("c")

    def test_is_private(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            with Store(str(tmp_path / "root")).new("c") as directory:
                directory.write(FULL)
        finally:
            os.umask(before)
        modes = [
            stat.S_IMODE(os.stat(path).st_mode)
            for path in (tmp_path / "root", directory.path, directory.file("state.json"))
        ]
        assert modes == [0o700, 0o711, 0o600]

    def test_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SyscallError, match="mkdir"):
            Store(str(tmp_path / "file")).new("c")

    @pytest.mark.parametrize("name", ["c", "a.b-c_d+e", "0", "...", ".hidden", "-", "x" * 1024])
    def test_ids(self, name: str) -> None:
        assert check_id(name) == name

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "a/b", "/", "a b", "a\n", "é", "a\0", "@x", "a:b", "x" * 1025]
    )
    def test_no_ids(self, tmp_path: Path, name: str) -> None:
        for use in (Store(str(tmp_path)).new, Store(str(tmp_path)).open):
            with pytest.raises(InvalidArgument, match="is not valid"):
                use(name)
        assert os.listdir(tmp_path) == []


class TestBusy:
    def test_who_holds_it_is_not_in_its_own_way(self, tmp_path: Path) -> None:
        with Store(str(tmp_path)).new("c") as directory:
            assert not directory.is_busy()

    def test_who_only_asks_is_not_in_the_way(self, tmp_path: Path) -> None:
        Store(str(tmp_path)).new("c").unlock()
        asking = os.open(tmp_path / "c", os.O_RDONLY)
        fcntl.flock(asking, fcntl.LOCK_SH)
        try:
            assert not Directory(str(tmp_path / "c")).is_busy()
        finally:
            os.close(asking)

    def test_what_is_gone_is_not_busy(self, tmp_path: Path) -> None:
        assert not Directory(str(tmp_path / "c")).is_busy()


class TestRemoval:
    def test_leaves_nothing(self, tmp_path: Path) -> None:
        with Store(str(tmp_path)).new("c") as directory:
            directory.write(FULL)
            directory.write_file("config.json", b"{}")
            directory.remove()
        assert os.listdir(tmp_path) == []

    def test_that_is_interrupted_leaves_no_container(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """`delete --force` needs config.json as long as there is a state."""
        real = os.unlink
        removed: list[str] = []

        def interrupted(path: str) -> None:
            if removed:
                raise KeyboardInterrupt
            removed.append(os.path.basename(path))
            real(path)

        store = Store(str(tmp_path))
        with store.new("c") as directory:
            for name in ("config.json", "plan", "a", "z"):
                directory.write_file(name, b"")
            directory.write(FULL)
            monkeypatch.setattr(os, "unlink", interrupted)
            with pytest.raises(KeyboardInterrupt):
                directory.remove()
            monkeypatch.undo()
        assert removed == ["state.json"]
        assert list(store.ids()) == []
        with store.open("c") as directory:
            directory.remove()
        assert os.listdir(tmp_path) == []


def test_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(PermissionDenied, match="may not be read"):
        list(Store(str(tmp_path)).ids())
    assert orlop_containers((str(tmp_path),)) == {}
