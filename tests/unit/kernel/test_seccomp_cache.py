"""Which filters the cache gives back, and which it does not trust."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orlop.kernel import seccomp_library
from orlop.kernel.seccomp import Filter, Profile
from orlop.kernel.seccomp_cache import Cache

PROFILE = Profile("SCMP_ACT_ALLOW")
FILTER = Filter(b"\x06\0\0\0\0\0\xff\x7f", 4, False)


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for libseccomp's file: the cache only looks at what kind of file it is."""
    file = tmp_path / "libseccomp.so"
    file.write_bytes(b"library")
    monkeypatch.setattr(seccomp_library, "locate", lambda: str(file))
    return file


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "filters"


def put(directory: Path, profile: Profile = PROFILE, compiled: Filter = FILTER) -> None:
    with Cache(str(directory)) as cache:
        cache.put(profile, compiled)


def get(directory: Path, profile: Profile = PROFILE) -> Filter | None:
    with Cache(str(directory)) as cache:
        return cache.get(profile)


def test_what_was_put_is_found(directory: Path) -> None:
    notifying = Filter(b"\x06\0\0\0\0\0\0\0" * 4096, 0x2C, True)
    put(directory)
    put(directory, PROFILE.replace(listener_path="/run/agent"), notifying)
    assert get(directory) == FILTER
    assert get(directory, PROFILE.replace(listener_path="/run/agent")) == notifying


def test_another_profile_is_not_found(directory: Path) -> None:
    put(directory)
    assert get(directory, PROFILE.replace(default_action="SCMP_ACT_LOG")) is None
    assert get(directory, PROFILE.replace(flags=())) is None


def test_the_directory_is_closed_to_others(directory: Path) -> None:
    put(directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o720, 0o755, 0o1777])
def test_a_directory_open_to_others_is_not_used(directory: Path, mode: int) -> None:
    put(directory)
    directory.chmod(mode)
    assert get(directory) is None
    put(directory, PROFILE.replace(flags=()))
    assert len(list(directory.iterdir())) == 1


def test_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    put(directory)
    (tmp_path / "link").symlink_to(directory)
    assert get(tmp_path / "link") is None
    (file,) = directory.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert get(directory) is None


def test_a_directory_of_somebody_else_is_not_used(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(directory)
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)  # no root in unit tests
    assert get(directory) is None


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "under another name"])
def test_a_damaged_file_is_not_used(directory: Path, damage: str) -> None:
    put(directory)
    (file,) = directory.iterdir()
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "changed":
        file.write_bytes(content[:-1] + b"\0")
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        put(directory, PROFILE.replace(flags=()), FILTER.replace(flags=0))
        (other,) = set(directory.iterdir()) - {file}
        other.rename(file)
    assert get(directory) is None
    put(directory)
    assert get(directory) == FILTER


def test_another_library_compiles_again(directory: Path, library: Path) -> None:
    put(directory)
    library.write_bytes(b"a newer library")
    assert get(directory) is None
    library.unlink()
    assert get(directory) is None


def test_it_does_not_grow_without_end(directory: Path) -> None:
    profiles = [PROFILE.replace(listener_path=f"/{n}") for n in range(70)]
    for age, profile in enumerate(profiles):
        put(directory, profile)
        for file in directory.iterdir():  # the clock of the file system may be slower than we are
            if file.stat().st_mtime > 1_000_000:
                os.utime(file, (age, age))
    assert len(list(directory.iterdir())) == 64
    assert [get(directory, profile) for profile in profiles] == [None] * 6 + [FILTER] * 64


def test_a_full_disk_is_no_error(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(directory)

    def short(fd: int, data: bytes) -> int:  # what write(2) does at the end of a full disk
        return os.pwrite(fd, data[: len(data) // 2], 0)

    monkeypatch.setattr(os, "write", short)
    put(directory, PROFILE.replace(flags=()))
    assert len(list(directory.iterdir())) == 1
    assert get(directory, PROFILE.replace(flags=())) is None
