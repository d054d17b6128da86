from __future__ import annotations

import builtins
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from orlop.kernel import features, process
from orlop.kernel.capabilities import ALL, CapabilitySets
from orlop.kernel.features import Features

HOST = Features(
    kernel=(6, 1),
    release="6.1.0-13-amd64",
    machine="x86_64",
    uid=0,
    gid=0,
    initial_user_namespace=True,
    capabilities=CapabilitySets(effective=ALL),
    namespaces=("user", "pid"),
    lsms=("capability", "apparmor"),
)
CAP_SYS_ADMIN, CAP_SYS_RESOURCE = 1 << 21, 1 << 24


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.1.0-13-amd64", (6, 1)),
        ("5.15-rc1", (5, 15)),
        ("6.18.44-fc-v669", (6, 18)),
        ("5.15.167.4-microsoft-standard-WSL2", (5, 15)),
        ("6.12+", (6, 12)),
        ("10.0", (10, 0)),
    ],
)
def test_kernel_version(release: str, version: tuple[int, int]) -> None:
    assert features.kernel_version(release) == version


def test_facts_about_this_host() -> None:
    found = features.read_features()
    assert found is features.read_features()
    assert found.release == os.uname().release
    assert (found.uid, found.gid) == (os.geteuid(), os.getegid())
    assert found.capabilities == process.read_status().capabilities
    assert found.seccomp
    assert {"proc", "tmpfs"} <= found.filesystems
    assert found.max_user_namespaces == int(Path("/proc/sys/user/max_user_namespaces").read_text())


def test_privileged_means_over_the_host() -> None:
    assert HOST.is_privileged
    assert not HOST.replace(initial_user_namespace=False).is_privileged
    weak = HOST.replace(capabilities=CapabilitySets(effective=ALL & ~CAP_SYS_ADMIN))
    assert not weak.is_privileged


def test_security_modules() -> None:
    assert (HOST.apparmor, HOST.selinux) == (True, False)


def test_hard_limits_are_those_of_the_kernel() -> None:
    assert HOST.hard_limits == {}
    bound = HOST.replace(capabilities=CapabilitySets(effective=ALL & ~CAP_SYS_RESOURCE))
    assert bound.hard_limits["RLIMIT_NOFILE"] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert len(bound.hard_limits) == 16
    assert min(bound.hard_limits.values()) >= 0
    assert HOST.replace(initial_user_namespace=False).hard_limits == bound.hard_limits


def test_reading_opens_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long is left to the properties; files are what takes time here."""
    opened: list[str] = []
    monkeypatch.setattr(features, "_features", None)
    real = builtins.open

    def counted(path: str, *args: Any, **kwargs: Any) -> Any:
        opened.append(path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", counted)
    features.read_features()
    assert "/proc/self/status" in opened
    assert len(opened) <= 5, opened
