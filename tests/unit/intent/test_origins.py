"""Every field of a configuration has a cause, and the right one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orlop.intent.compose import Composed
from orlop.intent.docker_defaults import DEFAULT, OURS
from orlop.runtime.config_document import document
from orlop.runtime.layers import Layers
from orlop.runtime.planner import plan_container
from orlop.runtime.planner.situation import Handed, Situation
from tests.unit.intent.hosts import HOST, V1, composed
from tests.unit.intent.test_compose import CHANGES

MAPPINGS = ("annotations", "linux.sysctl")


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all values, as origins have them."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            below = f"[{key!r}]" if path in MAPPINGS else f".{key}"
            yield from leaves(item, f"{path}{below}" if path else key)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path


@pytest.mark.parametrize("flags", [flags for flags, _ in CHANGES] + ["--privileged", "-it"])
@pytest.mark.parametrize("host", [HOST, V1], ids=["v2", "v1"])
def test_every_value_has_a_cause(flags: str, host: Any) -> None:
    made = composed(f"--network none {flags}", host)
    unknown = [path for path in leaves(document(made.spec)) if not made.origin(path)]
    assert unknown == []


@pytest.mark.parametrize("flags", [flags for flags, _ in CHANGES])
def test_no_cause_is_of_a_field_that_is_not_there(flags: str) -> None:
    made = composed(f"--network none {flags}")
    there = set(leaves(document(made.spec)))
    above = {path[:end] for path in there for end in range(len(path) + 1)}
    # An empty list or object is not written, but may have been asked for.
    empty = {"linux.sysctl", "process.capabilities"}
    assert set(made.origins) - above - empty == set()


# flags, field, cause
CAUSES = (
    ("", "linux.resources.pids.limit", OURS),
    ("--pids-limit 5", "linux.resources.pids.limit", "--pids-limit 5"),
    ("-m 256m", "linux.resources.memory.limit", "-m 256m"),
    ("--memory=256m", "linux.resources.memory.limit", "--memory 256m"),
    ("-m 256m", "linux.resources.memory.swap",
     f"{DEFAULT} with -m 256m: as much swap as memory"),
    ("-m 256m --memory-swap 1g", "linux.resources.memory.swap", "--memory-swap 1g"),
    ("--cpus 2", "linux.resources.cpu.period", "--cpus 2"),
    ("", "root.readonly", DEFAULT),
    ("--read-only", "root.readonly", "--read-only"),
    ("--cap-add NET_ADMIN --cap-drop CHOWN", "process.capabilities.bounding",
     "--cap-add NET_ADMIN, --cap-drop CHOWN"),
    ("--privileged", "process.capabilities.bounding", "--privileged"),
    ("--privileged", "linux.devices[0].path", "--privileged"),
    ("--privileged", "mounts[2].options", "--privileged"),
    ("--privileged", "linux.resources.devices[1].allow", "--privileged"),
    ("", "linux.seccomp.defaultAction", DEFAULT),
    ("", "process.env[0]", DEFAULT),
    ("-t", "process.env[2]", f"{DEFAULT} with -t"),
    ("-e A=b -t", "process.env[3]", "-e A=b"),
    ("-e PATH=/x", "process.env[0]", "-e PATH=/x"),
    ("-u 5 --group-add 7", "process.user.uid", "-u 5, --group-add 7"),
    ("", "process.args[0]", "the command"),
    ("--entrypoint /x", "process.args[0]", "--entrypoint /x, the command"),
    ("-h box", "hostname", "-h box"),
    ("--network none", "linux.namespaces[2].type", "--network none"),
    ("", "linux.namespaces[2].type", DEFAULT),
    ("--pid path:/proc/7/ns/pid", "linux.namespaces[1].path", "--pid path:/proc/7/ns/pid"),
    ("--pid host --uts host", "linux.namespaces", "--pid host, --uts host"),
    ("--ulimit core=0", "process.rlimits[1].soft", "--ulimit core=0"),
    ("--ulimit nofile=5", "process.rlimits[0].soft", "--ulimit nofile=5"),
    ("", "process.rlimits[0].soft", OURS),
    ("-v /a:/b:ro", "mounts[3].source", "-v /a:/b:ro"),
    ("--shm-size 1m", "mounts[4].options", "--shm-size 1m"),
    ("--ipc host", "mounts[4].source", "--ipc host"),
    ("--sysctl net.x=1", "linux.sysctl['net.x']", "--sysctl net.x=1"),
    ("", "linux.sysctl['net.ipv4.ping_group_range']", DEFAULT),
    ("--device /dev/fuse", "linux.devices[0].path", "--device /dev/fuse"),
    ("--device /dev/fuse", "linux.resources.devices[1].major", "--device /dev/fuse"),
    ("--security-opt no-new-privileges", "process.noNewPrivileges",
     "--security-opt no-new-privileges"),
    ("--cgroup-parent /a", "linux.cgroupsPath", "--cgroup-parent /a"),
    ("--add-host a:::1 --dns ::1", "mounts[6].source", "--add-host a:::1"),
    ("--annotation a=b", "annotations['a']", "--annotation a=b"),
)  # fmt: skip


@pytest.mark.parametrize(("flags", "path", "cause"), CAUSES)
def test_causes(flags: str, path: str, cause: str) -> None:
    made = composed(flags)
    assert path.partition("[")[0] in "\n".join(leaves(document(made.spec)))
    assert made.origin(path) == cause


def test_what_is_the_hosts_default_on_v1() -> None:
    made = composed("", V1)
    index = [n.type for n in made.spec.linux.namespaces].index("cgroup")
    assert made.origin(f"linux.namespaces[{index}]") == OURS


def steps(made: Composed) -> Iterator[tuple[str, str]]:
    """The reasons of a plan's steps that are fields, each with its origin."""
    from orlop.kernel.cgroup.detect import CgroupLayout

    situation = Situation(
        made.container,
        "/",
        "/root",
        CgroupLayout(),
        layers=made.layers,
        handed=Handed(console=0),
    )
    for step in plan_container(made.spec, situation).steps:
        if step.reason.startswith("OCI "):
            field = step.reason.removeprefix("OCI ").partition(": ")[0].partition(" (")[0]
            yield step.reason, made.origin(field)


@pytest.mark.parametrize("flags", [flags for flags, _ in CHANGES] + ["--privileged", "-it"])
def test_the_reasons_of_a_plan_have_origins(flags: str) -> None:
    found = list(steps(composed(f"--network none {flags}")))
    assert len(found) > 20
    assert [reason for reason, origin in found if not origin] == []


def test_layers_are_of_the_root() -> None:
    made = composed("")
    assert isinstance(made.layers, Layers)
    assert ("OCI root: /usr with its changes apart", OURS) in list(steps(made))
