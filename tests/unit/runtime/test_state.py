"""Where the runtime keeps what it knows of its containers."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, NotFound
from orlop.runtime.state import Directory, Store, check_id


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
