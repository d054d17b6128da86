"""What a start finds on the host's disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.errors import SyscallError
from orlop.intent.preparation import (
    HOSTS,
    CopyHosts,
    CopyResolvConf,
    MakeDirectory,
    WriteFile,
    prepare,
    resolv_conf,
)

TEXT = """\
# the host's
nameserver 10.0.0.1
nameserver 10.0.0.2
search a.example b.example
options ndots:2
sortlist 10.0.0.0
"""


@pytest.mark.parametrize(
    ("servers", "search", "options", "expected"),
    [
        ((), (), (), TEXT),
        (("::1",), (), (), TEXT.replace(
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\n", "") + "nameserver ::1\n"),
        ((), ("c",), (), TEXT.replace("search a.example b.example\n", "") + "search c\n"),
        ((), (".",), (), TEXT.replace("search a.example b.example\n", "")),
        ((), (), ("debug", "ndots:1"), TEXT.replace("options ndots:2\n", "")
         + "options debug ndots:1\n"),
    ],
)  # fmt: skip
def test_what_is_given_replaces_what_is_there(
    servers: tuple[str, ...], search: tuple[str, ...], options: tuple[str, ...], expected: str
) -> None:
    assert resolv_conf(TEXT, servers, search, options) == expected


def test_a_domain_is_a_search_list() -> None:
    assert resolv_conf("domain a\n", (), ("b",), ()) == "search b\n"


def test_all_of_it_is_there(tmp_path: Path) -> None:
    own = tmp_path / "a/b"
    prepare(
        (
            MakeDirectory(str(own), 0o700),
            MakeDirectory(str(own)),
            WriteFile(f"{own}/hostname", "box\n"),
            CopyHosts(f"{own}/hosts", (("db", "10.0.0.7"),)),
            CopyResolvConf(f"{own}/resolv.conf", ("10.0.0.1",)),
        )
    )
    assert own.stat().st_mode & 0o777 == 0o700
    assert (own / "hostname").read_text() == "box\n"
    assert (own / "hosts").read_text() == Path(HOSTS).read_text() + "10.0.0.7\tdb\n"
    assert (own / "resolv.conf").read_text().endswith("nameserver 10.0.0.1\n")


def test_a_source_that_is_a_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    prepare((MakeDirectory(str(tmp_path / "file")),))
    assert (tmp_path / "file").is_file()


def test_what_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(SyscallError, match="nowhere"):
        prepare((WriteFile(f"{tmp_path}/nowhere/file", ""),))
