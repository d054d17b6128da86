from __future__ import annotations

import os
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, SyscallError
from orlop.kernel import namespaces
from orlop.kernel.namespaces import NAMESPACES, NamespaceId


def test_there_are_eight_kinds_with_flags_of_their_own() -> None:
    assert {kind.name: kind.file for kind in NAMESPACES} == {
        "user": "user",
        "pid": "pid",
        "network": "net",
        "mount": "mnt",
        "ipc": "ipc",
        "uts": "uts",
        "cgroup": "cgroup",
        "time": "time",
    }
    assert sum(kind.flag for kind in NAMESPACES) == 0x7E020080


def test_the_kernel_agrees_on_every_flag() -> None:
    for kind in namespaces.available():
        assert namespaces.type_of(f"/proc/self/ns/{kind.file}") == kind


def test_available_are_those_in_proc() -> None:
    files = {kind.file for kind in namespaces.available()}
    assert files == {name for name in os.listdir("/proc/self/ns") if "_for_children" not in name}


def test_identify_is_what_the_link_says() -> None:
    number = os.readlink("/proc/self/ns/uts").removeprefix("uts:[").removesuffix("]")
    assert namespaces.identify("/proc/self/ns/uts").inode == int(number)


def test_same() -> None:
    assert namespaces.same("/proc/self/ns/net", f"/proc/{os.getpid()}/ns/net")
    assert not namespaces.same("/proc/self/ns/net", "/proc/self/ns/uts")
    assert NamespaceId(1, 2) != NamespaceId(3, 2)
    fd = os.open("/proc/self/ns/ipc", os.O_RDONLY)
    try:
        assert namespaces.same(fd, "/proc/self/ns/ipc")
    finally:
        os.close(fd)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SyscallError) as failure:
        namespaces.identify(f"{tmp_path}/none")
    assert failure.value.path == f"{tmp_path}/none"
    with pytest.raises(SyscallError, match="none"):
        namespaces.type_of(f"{tmp_path}/none")


@pytest.mark.timeout(10)
def test_type_of_refuses_what_is_no_namespace(tmp_path: Path) -> None:
    file, fifo = tmp_path / "file", tmp_path / "fifo"
    file.touch()
    os.mkfifo(fifo)
    for path in (file, fifo, tmp_path, Path("/dev/null")):
        with pytest.raises(InvalidArgument, match="not a namespace"):
            namespaces.type_of(str(path))


def test_lineage_goes_up_to_what_can_be_seen() -> None:
    own, *above = namespaces.lineage("/proc/self/ns/uts")
    assert (own.kind, own.inode) == (namespaces.UTS, namespaces.identify("/proc/self/ns/uts").inode)
    assert (own.owner_uid, own.parent) == (None, None)
    assert [entry.kind for entry in above] in ([], [namespaces.USER])
    if above:
        assert own.owner == above[0].inode
        assert above[0].owner_uid == 0


def test_lineage_of_what_is_no_namespace(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="not a namespace"):
        namespaces.lineage(str(tmp_path))
    with pytest.raises(SyscallError):
        namespaces.lineage(f"{tmp_path}/none")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net:[4026531840]", (namespaces.NETWORK, 4026531840)),
        ("mnt:[1]", (namespaces.MOUNT, 1)),
        ("socket:[1]", None),
        ("net:[x]", None),
        ("net:", None),
        ("/proc/1/ns/net", None),
        ("pipe:[12]", None),
        ("", None),
    ],
)
def test_links(text: str, expected: tuple[namespaces.NamespaceType, int] | None) -> None:
    assert namespaces.parse_link(text) == expected
