"""The facts of this machine, whichever it is; nothing needs rights."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from orlop.errors import NotFound, Unsupported
from orlop.intent.host_facts import DeviceNode, Lookup, read_host_facts

LOOKUP = Lookup()


def test_facts() -> None:
    facts = read_host_facts()
    assert facts.node == os.uname().nodename
    assert facts.cpus >= 1
    assert facts.max_processes > 100
    assert -1000 <= facts.oom_score_adj <= 1000
    assert f"{facts.kernel[0]}.{facts.kernel[1]}" in os.uname().release


def test_a_device() -> None:
    (node,) = LOOKUP.nodes("/dev/null")
    assert (node.type, node.major, node.minor, node.mode) == ("c", 1, 3, 0o666)


def test_a_device_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    (node,) = LOOKUP.nodes(str(tmp_path / "link"))
    assert node == DeviceNode(str(tmp_path / "link"), "c", 1, 5, 0o666)


def test_all_devices() -> None:
    paths = {node.path for node in LOOKUP.nodes("/dev")}
    assert {"/dev/null", "/dev/zero", "/dev/tty"} <= paths
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/")) for path in paths)
    assert "/dev/console" not in paths


def test_what_is_no_device(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        LOOKUP.nodes(str(tmp_path / "missing"))
    with pytest.raises(Unsupported):
        LOOKUP.nodes("/etc/passwd")
    with pytest.raises(Unsupported, match="block"):
        LOOKUP.number("/dev/null")


def test_accounts() -> None:
    root = LOOKUP.account("root")
    assert (root.uid, root.gid) == (0, 0)
    assert LOOKUP.account_of(0) == root
    unused = next(n for n in range(60000, 0, -1) if n not in {p.pw_uid for p in pwd.getpwall()})
    assert LOOKUP.account_of(unused) is None
    assert LOOKUP.group_id("root") == 0
    for look in (LOOKUP.account, LOOKUP.group_id):
        with pytest.raises(NotFound):
            look("no such name")


def test_missing(tmp_path: Path) -> None:
    assert not LOOKUP.is_missing(str(tmp_path))
    assert LOOKUP.is_missing(str(tmp_path / "x"))
    assert LOOKUP.is_missing("/etc/passwd/x")
