"""Explanations: groups in the order of the plan, and reasons in the words of who asked."""

from __future__ import annotations

import re

import pytest

from orlop.insight.explain import Explanation, Line
from orlop.insight.groups import GROUPS, groups_of
from orlop.insight.reasons import reason_of
from orlop.launch import plan as ops
from orlop.launch.plan import LAUNCHER, Plan, Slot, Step
from tests.unit.insight.starts import V1, V2, start


def find(explanation: Explanation, notation: str) -> Line:
    (found,) = [line for line in explanation.lines if notation in line.notation]
    return found


def said(flags: str) -> list[str]:
    """Reason and notation of each operation, without the slots' numbers."""
    lines = start(flags).lines
    return [f"{line.reason}: {re.sub(r'[0-9]+<', '<', line.notation)}" for line in lines]


def added(flags: str) -> list[str]:
    """What flags add to a start, if they take nothing away."""
    before, after = said(""), said(flags)
    assert [line for line in before if line not in after] == []
    return [line for line in after if line not in before]


# --- groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        (
            V2,
            "cgroup mounts namespaces mounts devices root privileges exec",
        ),
        (
            V1,
            "cgroup mounts namespaces cgroup namespaces mounts devices root privileges exec",
        ),
    ],
    ids=["v2", "v1"],
)
def test_the_order_is_the_plans_and_groups_are_runs_of_it(layout: object, names: str) -> None:
    explained = start("--hostname web", layout)  # type: ignore[arg-type]
    assert " ".join(group.name for group in explained.groups) == names
    assert [line.index for line in explained.lines] == list(range(len(explained.plan.steps)))


def test_every_operation_belongs_to_a_group() -> None:
    everything = ops.operations().values()
    examples = [_example(cls) for cls in everything]
    plan = Plan(tuple(Step(LAUNCHER, op) for op in examples), 20)
    assert set(groups_of(plan)) == set(GROUPS)


def _example(cls: type[ops.Operation]) -> ops.Operation:
    samples = {"str": "x", "bytes": b"", "tuple[str, ...]": (), "Slot": Slot(0)}
    kinds = cls.__dict__.get("__annotations__", {})
    return cls(*(samples.get(kinds[name], 0) for name in cls.__record_fields__))


def test_an_opened_descriptor_is_about_what_uses_it() -> None:
    explained = start("--network path:/proc/1/ns/net")
    by_name = {
        group.name
        for group in explained.groups
        for line in group.lines
        if '"/proc/1' in line.notation
    }
    assert by_name == {"namespaces"}


def test_the_terminal_is_a_device() -> None:
    explained = start("-t")
    line = find(explained, "TIOCGPTPEER")
    assert [group.name for group in explained.groups if line in group.lines] == ["devices"]


# --- reasons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "notation", "reason"),
    [
        ("--memory 256m", "memory.max>", "--memory 256m"),
        ("", "pids.max>", "orlop's default"),
        ("--pids-limit 7", "pids.max>", "--pids-limit 7"),
        ("--hostname web", "sethostname", "--hostname web"),
        ("", "sethostname", "Docker's default"),
        ("-v /srv:/data:ro", 'open_tree(AT_FDCWD, "/srv"', "-v /srv:/data:ro"),
        ("--ulimit nofile=5", "RLIMIT_NOFILE", "--ulimit nofile=5: RLIMIT_NOFILE"),
        ("--sysctl net.ipv4.ip_forward=1", "ip_forward", "--sysctl net.ipv4.ip_forward=1"),
        ("--cap-drop ALL", "PR_CAPBSET_DROP", "--cap-drop ALL"),
        ("", "/proc/kcore", "Docker's default"),
        ("--shm-size 1m", '"size", "1048576"', "--shm-size 1m: /dev/shm"),
        ("", "clone3(", "Docker's default: ipc, mount, network, pid, uts"),
        (
            "--pid host",
            "clone3(",
            "Docker's default: ipc, mount, network, uts; --pid host: no more",
        ),
        ("--network path:/n", "setns(", "--network path:/n: join network"),
        ("--security-opt no-new-privileges", "NO_NEW_PRIVS", "--security-opt no-new-privileges"),
        ("-u 7", "setresuid(7", "-u 7"),
        ("--device /dev/null:/dev/x", '"x"', "--device /dev/null:/dev/x"),
    ],
    ids=lambda value: value or "none",
)
def test_a_reason_names_the_flag_or_default(flags: str, notation: str, reason: str) -> None:
    assert find(start(flags), notation).reason == reason


def test_a_read_only_root_is_one_more_step_and_says_why() -> None:
    assert [line for line in added("--read-only") if "root>" in line] == [
        '--read-only: mount_setattr(<root>, "", AT_EMPTY_PATH, {attr_set=MOUNT_ATTR_RDONLY})'
    ]


def test_a_limit_is_one_more_write_and_says_why() -> None:
    assert added("--cpu-shares 512") == [
        '--cpu-shares 512: write(</sys/fs/cgroup/orlop/ID/cpu.weight>, "59")'
    ]


def test_fields_that_nobody_has_asked_for_stay_as_they_are() -> None:
    assert reason_of("the container's cgroup", {"linux": "x"}) == "the container's cgroup"
    assert reason_of("OCI maskedPaths", {}) == "OCI maskedPaths"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("OCI linux.resources.memory.limit", "-m 1g"),
        ("OCI linux.resources.pids.limit", "all limits"),
        ("OCI maskedPaths", "masks"),
        ("OCI mounts[1]: /b (ro, rbind)", "-v /a:/b"),
        ("OCI mounts[10]: /c", "mounts: /c"),
        ("OCI linux.namespaces: ipc, pid", "x: ipc; y: pid"),
        ("OCI linux.namespaces: join pid", "y: join pid"),
    ],
)
def test_the_longest_field_counts_then_its_parts(reason: str, expected: str) -> None:
    origins = {
        "linux.resources": "all limits",
        "linux.resources.memory.limit": "-m 1g",
        "linux.maskedPaths": "masks",
        "mounts": "mounts",
        "mounts[1]": "-v /a:/b",
        "linux.namespaces[0]": "x",
        "linux.namespaces[1]": "y",
        "linux.namespaces[2]": "x",
    }
    assert reason_of(reason, origins, ("ipc", "pid", "uts")) == expected


# --- lines ------------------------------------------------------------------------------------


def test_a_line_is_what_the_operation_is_for() -> None:
    line = find(start(), "pivot_root(")
    assert line.notation.endswith('<root>); pivot_root(".", "."); umount2(".", MNT_DETACH)')
    assert [call.name for call in line.calls] == [
        "open",
        "fchdir",
        "pivot_root",
        "mount_setattr",
        "fchdir",
        "umount2",
        "chdir",
    ]
    assert line.side == "container"


def test_no_line_is_empty_and_every_one_has_a_reason() -> None:
    everything = "-t --read-only -v /a:/b --tmpfs /t --privileged"
    for flags in ("", everything, "--pid host --network host --ipc host --uts host"):
        assert all(line.notation and line.reason for line in start(flags, V1).lines)
