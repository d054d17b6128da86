"""Docker's form of seccomp profiles: which rules count where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orlop.errors import InvalidArgument
from orlop.intent.host_facts import HostFacts
from orlop.intent.request import ProfileText
from orlop.intent.seccomp_file import profile_of
from orlop.kernel.seccomp import Profile

HOST = HostFacts(machine="x86_64", kernel=(5, 15))
ALLOW = "SCMP_ACT_ALLOW"


def profile(
    document: Any, bounding: tuple[str, ...] = ("CAP_CHOWN",), host: HostFacts = HOST
) -> Profile:
    text = document if isinstance(document, str) else json.dumps(document)
    return profile_of(ProfileText("file.json", text), bounding, host)


def counts(**conditions: Any) -> bool:
    rule = {"names": ["mount"], "action": ALLOW, **conditions}
    return bool(profile({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]}).syscalls)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"includes": {}, "excludes": {}}, True),
        ({"includes": None}, True),
        ({"includes": {"caps": ["CAP_CHOWN"]}}, True),
        ({"includes": {"caps": ["CAP_CHOWN", "CAP_BPF"]}}, False),
        ({"includes": {"arches": ["amd64", "x32"]}}, True),
        ({"includes": {"arches": ["arm64"]}}, False),
        ({"includes": {"minKernel": "4.8"}}, True),
        ({"includes": {"minKernel": "5.15"}}, True),
        ({"includes": {"minKernel": "5.16"}}, False),
        ({"includes": {"caps": ["CAP_CHOWN"], "arches": ["arm64"]}}, False),
        ({"excludes": {"caps": ["CAP_CHOWN", "CAP_BPF"]}}, False),
        ({"excludes": {"caps": ["CAP_BPF"]}}, True),
        ({"excludes": {"arches": ["arm64"]}}, True),
        ({"excludes": {"minKernel": "4.8"}}, False),
        ({"includes": {"caps": ["CAP_CHOWN"]}, "excludes": {"arches": ["amd64"]}}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], expected: bool) -> None:
    assert counts(**conditions) is expected


def test_architectures_of_the_machine() -> None:
    table = [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
    ]
    document = {"defaultAction": ALLOW, "archMap": table}
    assert profile(document).architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86")
    arm = HOST.replace(machine="aarch64")
    assert profile(document, host=arm).architectures == ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")


def test_the_old_form_with_one_name() -> None:
    rule = {"name": "mount", "action": ALLOW, "comment": "old", "args": []}
    (made,) = profile({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]}).syscalls
    assert made.names == ("mount",)


def test_the_ocis_own_form() -> None:
    made = profile({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "flags": []})
    assert (made.default_errno_ret, made.flags) == (38, ())


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "7",
        {},
        {"defaultAction": "SCMP_ACT_MAYBE"},
        {"defaultAction": ALLOW, "syscalls": 5},
        {"defaultAction": ALLOW, "syscalls": [5]},
        {"defaultAction": ALLOW, "syscalls": [{"action": ALLOW}]},
        {"defaultAction": ALLOW, "syscalls": [{"names": ["a"], "name": "b", "action": ALLOW}]},
        {"defaultAction": ALLOW, "archMap": [{}], "architectures": ["SCMP_ARCH_X86"]},
        {"defaultAction": ALLOW, "syscalls": [
            {"names": ["a"], "action": ALLOW, "includes": {"minKernel": "new"}}]},
        {"defaultAction": ALLOW, "syscalls": [
            {"names": ["a"], "action": ALLOW, "includes": {"minKernel": 5}}]},
        {"defaultAction": ALLOW, "syscalls": [
            {"names": ["a"], "action": ALLOW, "includes": {"caps": "CAP_CHOWN"}}]},
        {"defaultAction": ALLOW, "syscalls": [{"names": ["a"], "action": ALLOW, "excludes": 5}]},
    ],
)  # fmt: skip
def test_what_is_no_profile(document: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"seccomp=file\.json"):
        profile(document)
