"""Container paths as the API takes them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.storage.file_modes import go_mode
from orlop.storage.places import means_directory, normal, resolved


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/a/b", "/a/b"),
        ("a/b/", "/a/b"),
        ("//a", "/a"),
        ("/", "/"),
        (".", "/"),
        ("/a/../../b", "/b"),
        ("/a/./b/.", "/a/b"),
    ],
)
def test_paths(path: str, meant: str) -> None:
    assert normal(path) == meant


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidArgument, match="no path"):
        normal(path)


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_path_stays_below(path: str) -> None:
    found = normal(path)
    assert found.startswith("/")
    assert not found.startswith("//")
    assert ".." not in found.split("/")


def test_what_means_a_directory() -> None:
    assert [means_directory(path) for path in ("/a/", "/a/.", ".", "/a", "/a.")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("mode", "bits"),
    [
        (stat.S_IFREG | 0o644, 0o644),
        (stat.S_IFDIR | 0o1777, 1 << 31 | 1 << 20 | 0o777),
        (stat.S_IFLNK | 0o777, 1 << 27 | 0o777),
        (stat.S_IFCHR | 0o600, 1 << 26 | 1 << 21 | 0o600),
        (stat.S_IFBLK | 0o600, 1 << 26 | 0o600),
        (stat.S_IFIFO | 0o600, 1 << 25 | 0o600),
        (stat.S_IFSOCK | 0o600, 1 << 24 | 0o600),
        (stat.S_IFREG | 0o6755, 1 << 23 | 1 << 22 | 0o755),
    ],
)
def test_go_s_bits(mode: int, bits: int) -> None:
    assert go_mode(mode) == bits


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/up").symlink_to("../../../a/b")
    (tmp_path / "abs").symlink_to("/a")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("/x/y")
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/a/b", "/a/b"),
        ("/abs/b", "/a/b"),
        ("/a/up", "/a/b"),
        ("/abs/up/c", "/a/b/c"),
        ("/nowhere/z", "/x/y/z"),
        ("/loop", "/loop"),
    ],
)
def test_where_links_lead(root: int, path: str, leads_to: str) -> None:
    assert resolved(root, path) == leads_to
