"""Parsed mount options, given to the kernel: it takes them, and shows what they say."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.kernel import mounts
from orlop.kernel.mounts import MountOptions, parse_options
from tests import isolation

pytestmark = pytest.mark.requires_root

SYS_MOUNT_SETATTR, SYS_FSOPEN, SYS_FSCONFIG = 442, 430, 431
FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING = 0, 1
AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(number: int, *args: object) -> int:
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in args]
    result = int(_libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def set_mount(target: Path, to_set: int, to_clear: int, propagation: int, recursive: bool) -> None:
    """mount_setattr(2), as the launcher calls it."""
    attributes = struct.pack("QQQQ", to_set, to_clear, propagation, 0)
    flags = mounts.AT_RECURSIVE if recursive else 0
    call(SYS_MOUNT_SETATTR, AT_FDCWD, str(target).encode(), flags, attributes, len(attributes))


def apply(target: Path, options: MountOptions) -> None:
    set_mount(target, options.set, options.clear, 0, False)
    set_mount(target, options.recursive_set, options.recursive_clear, 0, True)
    for flag, recursive in options.propagation:
        set_mount(target, 0, 0, flag, recursive)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A mount, and one below it."""
    outer = tmp_path / "outer"
    inner = outer / "inner"
    outer.mkdir()
    isolation.mount("tmpfs", str(outer), "tmpfs")
    inner.mkdir()
    isolation.mount("tmpfs", str(inner), "tmpfs")
    yield outer, inner
    isolation.unmount(str(inner))
    isolation.unmount(str(outer))


def shown(target: Path) -> mounts.Mount:
    return next(m for m in reversed(mounts.read_mountinfo()) if m.target == str(target))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["ro"], {"ro", "relatime"}),
        (["ro", "rw"], {"rw", "relatime"}),
        (["nosuid", "nodev", "noexec"], {"rw", "nosuid", "nodev", "noexec", "relatime"}),
        (["nosuid", "suid", "noexec", "exec"], {"rw", "relatime"}),
        (["noatime"], {"rw", "noatime"}),
        (["noatime", "strictatime"], {"rw"}),
        (["strictatime", "relatime"], {"rw", "relatime"}),
        (["strictatime", "nostrictatime"], {"rw", "relatime"}),
        (["noatime", "atime"], {"rw", "relatime"}),
        (["nodiratime"], {"rw", "nodiratime", "relatime"}),
        (["nosymfollow"], {"rw", "nosymfollow", "relatime"}),
    ],
)
def test_attributes(mounted: tuple[Path, Path], options: list[str], expected: set[str]) -> None:
    outer, inner = mounted
    apply(outer, parse_options(options))
    assert set(shown(outer).options) == expected
    assert set(shown(inner).options) == {"rw", "relatime"}
    apply(outer, parse_options([f"r{option}" for option in options]))
    assert set(shown(inner).options) == expected


def test_what_was_set_is_cleared(mounted: tuple[Path, Path]) -> None:
    outer, inner = mounted
    apply(outer, parse_options(["rro", "rnosuid", "rnoatime", "rnosymfollow"]))
    assert set(shown(inner).options) == {"ro", "nosuid", "noatime", "nosymfollow"}
    apply(outer, parse_options(["rrw", "rsuid", "ratime", "rsymfollow"]))
    for target in mounted:
        assert set(shown(target).options) == {"rw", "relatime"}


def test_propagation(mounted: tuple[Path, Path]) -> None:
    outer, inner = mounted
    apply(outer, parse_options(["rprivate"]))
    assert (shown(outer).shared, shown(inner).shared) == (0, 0)
    apply(outer, parse_options(["shared"]))
    assert shown(outer).shared
    assert not shown(inner).shared
    apply(outer, parse_options(["rshared"]))
    assert shown(inner).shared
    apply(outer, parse_options(["private", "unbindable"]))
    assert shown(outer).unbindable
    assert not shown(inner).unbindable


def test_every_option_is_taken(mounted: tuple[Path, Path]) -> None:
    for option in mounts.KNOWN_OPTIONS:
        apply(mounted[0], parse_options([option]))


def test_parameters_are_the_kernels() -> None:
    options = parse_options(
        [
            "sync",
            "async",
            "dirsync",
            "mand",
            "nomand",
            "lazytime",
            "nolazytime",
            "size=1m",
            "mode=700",
        ]
    )
    fd = call(SYS_FSOPEN, b"tmpfs", 1)
    try:
        for flag in options.superblock:
            call(SYS_FSCONFIG, fd, FSCONFIG_SET_FLAG, flag.encode(), None, 0)
        for parameter in options.data:
            key, _, value = parameter.partition("=")
            call(SYS_FSCONFIG, fd, FSCONFIG_SET_STRING, key.encode(), value.encode(), 0)
        with pytest.raises(OSError, match="Invalid argument"):
            call(SYS_FSCONFIG, fd, FSCONFIG_SET_FLAG, b"no-such-parameter", None, 0)
    finally:
        os.close(fd)
